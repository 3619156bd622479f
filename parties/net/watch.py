"""What became of the peers, and who is to blame: the first failure ends the run.

A party blames a peer for what it has seen itself: no heartbeat, a connection that ended, a frame that no
honest peer sends. When it gives up it says so to the others, and names whom it blames. That is hearsay to
them: they wait a moment for evidence of their own, and otherwise repeat it with the name of the witness. So
when party 2 dies, party 0 does not end up blaming party 1, which merely left first.
"""

import asyncio

from mpc_market.errors import HearsayError, MarketError, PeerError

EXPLAIN_SECONDS = 0.25
"""How long a connection that ended may still be explained by a notice on the other connection."""

HEARSAY_SECONDS = 1.5
"""How long evidence of one's own may come after a notice: heartbeats of two parties differ by less."""


class Watch:
    """Collects what is seen and heard of the peers; all methods are called in the thread of the event loop.

    `failed` gets the error that ends the run as its *result*, so that nobody needs to retrieve it.
    """

    def __init__(self, party: int) -> None:
        self._party = party
        self._loop = asyncio.get_running_loop()
        self._ended: dict[int, asyncio.TimerHandle] = {}
        self._left: set[int] = set()
        self._refusals: dict[int, list[str]] = {}
        self.failed: asyncio.Future[MarketError] = self._loop.create_future()

    def fail(self, error: MarketError) -> None:
        """End the run with this error, unless it has ended already."""
        if not self.failed.done():
            self.failed.set_result(error)

    def refused(self, peer: int, reason: str) -> None:
        """`peer` could not be reached; it is tried again."""
        refusals = self._refusals.setdefault(peer, [])
        if reason not in refusals:
            refusals.append(reason)

    def missing(self, peer: int, seconds: float) -> None:
        """`peer` is not here although the time to connect is over."""
        refusals = ", then ".join(self._refusals.get(peer, []))
        self.lost(peer, f"did not connect within {seconds:g} s" + (f": {refusals}" if refusals else ""))

    def lost(self, peer: int, reason: str) -> None:
        """Something was seen of `peer` that ends the run."""
        self.fail(PeerError(peer, reason))

    def ended(self, peer: int) -> None:
        """A connection with `peer` is gone."""
        if peer not in self._left and peer not in self._ended:
            error = PeerError(peer, "connection lost")
            self._ended[peer] = self._loop.call_later(EXPLAIN_SECONDS, self.fail, error)

    def told(self, witness: int, culprit: int, reason: str) -> None:
        """`witness` gives up, and says that it is because of `culprit`, which may be itself or us."""
        self._left.add(witness)
        if witness in self._ended:
            self._ended.pop(witness).cancel()
        if culprit == witness:
            self.fail(HearsayError(witness, f"gave up: {reason}", witness))
        elif culprit == self._party:
            self.fail(HearsayError(witness, f"gave up because of party {culprit}: {reason}", witness))
        else:
            self._loop.call_later(HEARSAY_SECONDS, self.fail, HearsayError(culprit, reason, witness))
