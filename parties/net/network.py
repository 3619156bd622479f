"""The network of one compute party: `mpc_market.network.Network` over MPyC's runtime."""

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpc_market.errors import MarketError, PeerError
from mpc_market.network import LABELS, Vector
from parties.net.exchanger import Exchanger, Round
from parties.net.peering import Peering
from parties.net.pulse import Pulse
from parties.net.runtime import PartyRuntime
from parties.net.watch import Watch

_CLOSE_SECONDS = 0.5
_PART_LABEL = LABELS - 1


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a party has sent to and received from its peers: frames with their headers, without heartbeats."""

    messages_sent: int
    bytes_sent: int
    messages_received: int
    bytes_received: int

    def __sub__(self, before: "Traffic") -> "Traffic":
        return Traffic(
            self.messages_sent - before.messages_sent,
            self.bytes_sent - before.bytes_sent,
            self.messages_received - before.messages_received,
            self.bytes_received - before.bytes_received,
        )


class PartyNetwork:
    """One party's connections with all the others, for any number of rounds, one after the other.

    Made by `connect`. `failed` gets the error that ended the run as its result; after that every call
    raises it.
    """

    def __init__(self, peering: Peering) -> None:
        self._watch = Watch(peering.party)
        self._round = Round()
        self._runtime = PartyRuntime(peering, self._watch, self._round)
        self._pulse = Pulse(peering, self._watch, self._waits_for)
        self._exchangers: dict[int, Exchanger] = {}
        self.failed = self._watch.failed
        self.failed.add_done_callback(self._fail)

    @property
    def party(self) -> int:
        """This party's number, 0 … m − 1."""
        return int(self._runtime.pid)

    @property
    def parties(self) -> int:
        """The number of compute parties, m."""
        return len(self._runtime.parties)

    @property
    def threshold(self) -> int:
        """How many parties may be curious together, t = (m − 1)/2."""
        return int(self._runtime.threshold)

    async def start(self, seconds: float) -> None:
        """Connect with every peer.

        Raises: PeerError naming a peer that could not be reached within the time limit.
        """
        connecting = asyncio.gather(self._runtime.start(), self._pulse.start())
        either: set[asyncio.Future[Any]] = {connecting, self.failed}
        try:
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done() and (missing := self._missing()):
                self._watch.missing(min(missing), seconds)
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                self._raise_failure()
            await connecting
            self._exchangers = self._runtime.exchangers
        finally:
            if not self._exchangers:
                connecting.cancel()
                await asyncio.gather(connecting, return_exceptions=True)
                await self.close()

    def begin_round(self, words_max: int) -> None:
        """Begin the next round: its labels are apart from those of the rounds before.

        `words_max`: the largest message, in words, that any party may send in this round.
        """
        self._round.begin(words_max)
        for exchanger in self._exchangers.values():
            exchanger.begin_round()

    def allow(self, words_max: int) -> None:
        """Let messages of this round have up to this many words, where they may not have more already.

        To be called before this party lets the others go on to where they send such messages.
        """
        self._round.words_max = max(self._round.words_max, words_max)

    def end_round(self) -> None:
        """End the round: peers that begin the next one earlier are kept waiting."""
        self._round.running = False

    def send(self, peer: int, label: int, words: Vector) -> None:
        """Queue a message for `peer`; see `Network.send`."""
        self._raise_failure()
        self._exchangers[peer].send(label, words)

    async def receive(self, peer: int, label: int, size: int) -> Vector:
        """Wait for a message from `peer`; see `Network.receive`."""
        self._raise_failure()
        vector = self._exchangers[peer].receive(label, size)
        return vector if isinstance(vector, np.ndarray) else await vector

    async def flush(self) -> None:
        """Wait until what is queued for every peer fits in its send buffer."""
        for exchanger in self._exchangers.values():
            while (room := exchanger.room) is not None:
                await room
        self._raise_failure()

    async def part(self) -> None:
        """Wait until every party has come this far in the round: then nobody needs this one any more.

        Cost: 1 round of one word.
        """
        peers = list(self._exchangers)
        for peer in peers:
            self.send(peer, _PART_LABEL, np.zeros(1, np.uint64))
        for peer in peers:
            await self.receive(peer, _PART_LABEL, 1)

    def behind(self) -> int | None:
        """The party that the computation stands still for, this one or another; None if all wait for each other.

        From what each has said at its last heartbeat. Of use when a time limit is over, not before.
        """
        return self._pulse.behind()

    def _waits_for(self) -> set[int]:
        return {peer for peer, exchanger in list(self._exchangers.items()) if exchanger.waits}

    @property
    def traffic(self) -> Traffic:
        """What has been sent and received so far."""
        every = self._exchangers.values()
        return Traffic(
            sum(exchanger.messages_sent for exchanger in every),
            sum(exchanger.nbytes_sent for exchanger in every),
            sum(exchanger.messages_received for exchanger in every),
            sum(exchanger.nbytes_received for exchanger in every),
        )

    def give_up(self, error: MarketError) -> None:
        """End the run, and tell the peers why."""
        self._watch.fail(error)

    async def close(self) -> None:
        """Close all connections and end the heartbeats. What is queued is sent first, to peers that read."""
        links = [exchanger.link for exchanger in self._runtime.exchangers.values()]
        for link in links:
            link.close()
        if links:
            await asyncio.wait([link.closed for link in links], timeout=_CLOSE_SECONDS)
        for link in links:
            link.abort()
        await self._pulse.close()

    def _raise_failure(self) -> None:
        if self.failed.done():
            raise self.failed.result()

    def _fail(self, failed: "asyncio.Future[MarketError]") -> None:
        if failed.cancelled():
            return
        error = failed.result()
        # The peers are told whom this party blames, so that nobody blames it for leaving.
        culprit = error.party if isinstance(error, PeerError) else self.party
        reason = error.reason if isinstance(error, PeerError) else f"{type(error).__name__}: {error}"
        self._pulse.tell(culprit, reason)
        for exchanger in self._exchangers.values():
            exchanger.fail(error)

    def _missing(self) -> set[int]:
        """The peers that have not come, unlike those that have come and left because somebody did not."""
        return {*range(self.parties)} - {self.party} - (self._runtime.exchangers.keys() & self._pulse.met)


async def connect(peering: Peering) -> PartyNetwork:
    """Connect one party with all its peers.

    Raises: PeerError naming a peer that could not be reached within the time limit.
    """
    network = PartyNetwork(peering)
    await network.start(peering.connect_seconds)
    return network
