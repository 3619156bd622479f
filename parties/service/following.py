"""This party's attempts at one round, and how far the others say they are with theirs (`attempts`)."""

import secrets
from collections.abc import Mapping
from typing import NoReturn

from mpc_market.wire.errors import WireError
from mpc_market.wire.outcome import Result, VoidReason
from parties.ledger import Ledger
from parties.net import TOKEN_BYTES, Address
from parties.service.attempts import ATTEMPT_MAX, Progress, tag
from parties.service.board import Bell
from parties.service.peers import RoundVoidError, StandsAsideError, UnreachableError
from parties.service.round import LONG_POLL_SECONDS, GivenUpError, Pause, Round
from parties.service.workers import AttemptError, Worker

AHEAD_MAX = 16
"""A party is not believed to be further ahead of all others than this many attempts.

One that goes on with the others is ahead by one or two: an attempt fails after all have come to it. Only one that was
restarted again and again while the others were away is further ahead. The others do come to where it is, but by this
much at a time, more and more slowly, and it is told as a bad message each time. So no party takes all to the end of the
numbers with one word: that would take weeks.
"""

_BEGUN, _DONE = "attempt-begun/{}", "attempt-done/{}"
"""Kinds of messages to oneself: the number of the n-th attempt that was begun; that an attempt is done."""


async def last_begun(ledger: Ledger, market: str, start: int, party: int) -> tuple[int, int]:
    """How many attempts this party has begun, and the number of the last one (0 if there is none)."""
    count, number = 0, 0
    while (data := await ledger.message(market, start, _BEGUN.format(count), party)) is not None:
        count, number = count + 1, int.from_bytes(data, "little")
    return count, number


async def stored_done(ledger: Ledger, market: str, start: int, party: int, number: int) -> Progress | None:
    """What this party has stored of an attempt that it is done with."""
    data = await ledger.message(market, start, _DONE.format(number), party)
    return None if data is None else Progress.decode(data)


class Following:
    """The attempts at one round, as one party sees them. `changed` rings when another party has told something new."""

    def __init__(self, current: Round) -> None:
        self._round = current
        self._own: Progress | None = None
        self._tokens: dict[int, bytes] = {}
        self._expects = False
        self.peers: dict[int, Progress] = {}
        self.changed = Bell()
        self.begun = 0
        """The number of the attempt that this very process has begun; 0: none."""

    # --- what this party tells

    async def begin(self) -> int:
        """Begin a new attempt: its number is stored, and so used up. Raises: GivenUpError if there is none left."""
        current, ledger = self._round, self._round.node.ledger
        count, last = await last_begun(ledger, current.market, current.start, current.party)
        number = max([last + 1, *(progress.attempt for progress in self.peers.values())])
        if number > ATTEMPT_MAX:
            current.log.error("no number is left for another attempt")
            raise GivenUpError(VoidReason.NOT_COMPUTED)
        kind = _BEGUN.format(count)
        await ledger.put_message(current.market, current.start, kind, current.party, number.to_bytes(4, "little"))
        self.begun = number
        self._tell(Progress(number))
        return number

    def offer(self, number: int, address: Address, verdicts: bytes | None) -> None:
        """Let the others know where the worker listens; fresh tokens for those with higher numbers."""
        self._tokens = {
            peer: secrets.token_bytes(TOKEN_BYTES) for peer in self._round.others if peer > self._round.party
        }
        self._tell(Progress(number, address, verdicts=verdicts))

    async def done(self, number: int, result: Result) -> None:
        """This party's shares of the result are stored: store that too, then tell the others. Raises: LedgerError."""
        current, progress = self._round, Progress(number, done=result)
        kind = _DONE.format(number)
        await current.node.ledger.put_message(current.market, current.start, kind, current.party, progress.encode())
        self._tell(progress)

    def told(self, peer: int) -> bytes | None:
        """What this party tells a peer now."""
        own = self._own
        if own is None or own.address is None:
            return None if own is None else own.encode()
        return Progress(own.attempt, own.address, self._tokens.get(peer), own.verdicts).encode()

    def _tell(self, progress: Progress) -> None:
        self._own = progress
        self._round.node.board.ring(self._round.start)

    # --- what the others tell

    async def follow(self, peer: int) -> NoReturn:
        """Keep `peers` up to date. Raises: GivenUpError if the peer says that the round is void; as `Round.without`."""
        current, known, pause = self._round, "", Pause()
        while True:
            try:
                data = await current.node.peers[peer].progress(current.start, known, LONG_POLL_SECONDS)
                if data is not None:
                    self._hear(peer, Progress.decode(data))
                    known = tag(data)
                pause = Pause()
                if data is not None:
                    continue
            except UnreachableError:
                pass
            except RoundVoidError as error:
                await current.believe_void(peer, error.signed)
            except StandsAsideError:
                current.without(peer)
            except WireError as error:
                current.bad_message(peer, "attempt", error)
            await pause()

    def _hear(self, peer: int, progress: Progress) -> None:
        before = self.peers.get(peer)
        if before is not None and progress.attempt < before.attempt:
            raise WireError(f"party {peer} goes back from attempt {before.attempt} to {progress.attempt}")
        known = [each.attempt for other, each in self.peers.items() if other != peer]
        most = max([0 if self._own is None else self._own.attempt, *known])
        if progress.attempt > most + AHEAD_MAX:
            self._keep(peer, Progress(most + AHEAD_MAX))
            raise WireError(f"party {peer} goes ahead to attempt {progress.attempt}, and no other one is beyond {most}")
        self._keep(peer, progress)

    def _keep(self, peer: int, progress: Progress) -> None:
        self.peers[peer] = progress
        self.changed.ring()

    def overtaken(self, number: int) -> bool:
        """Whether another party has begun a later attempt: it has given this one up."""
        return any(progress.attempt > number for progress in self.peers.values())

    def all_at(self, number: int) -> Mapping[int, Progress] | None:
        """What the others tell, once all of them are at this attempt."""
        if set(self.peers) != set(self._round.others) or any(p.attempt != number for p in self.peers.values()):
            return None
        return self.peers

    async def until_overtaken(self, number: int) -> NoReturn:
        """Wait for that. Raises: AttemptError."""
        while True:
            change = self.changed.listen()
            if self.overtaken(number):
                raise AttemptError("another party has begun a later attempt")
            await change.wait()

    async def until_turn(self, number: int) -> None:
        """Wait until all others are at this attempt, and those with lower numbers offer it.

        So each party gives its places (`pool`) to attempts in the sequence in which those before it have: no two
        attempts ever hold the place that the other one waits for.
        """
        while True:
            change = self.changed.listen()
            told = self.all_at(number)
            if told is not None and not any(told[peer].waiting for peer in told if peer < self._round.party):
                return
            await change.wait()

    async def until_offered(self, number: int) -> tuple[list[Address], dict[int, bytes], Mapping[int, Progress]]:
        """Wait until all others offer this attempt: all addresses but one's own, all tokens, and what they told.

        Raises: AttemptError if that can no longer be.
        """
        while True:
            change = self.changed.listen()
            told = self.all_at(number)
            if told is not None and not any(progress.waiting for progress in told.values()):
                return self._offers(told)
            await change.wait()

    def _offers(self, told: Mapping[int, Progress]) -> tuple[list[Address], dict[int, bytes], Mapping[int, Progress]]:
        addresses, tokens = [], dict(self._tokens)
        for peer in sorted(told):
            progress = told[peer]
            if progress.address is None:
                raise AttemptError(f"party {peer} is done with an attempt that this party has only begun")
            addresses.append(progress.address)
            if peer < self._round.party:
                if progress.token is None:
                    raise AttemptError(f"party {peer} has made no token for this party")
                tokens[peer] = progress.token
        return addresses, tokens, told

    # --- the worker

    def expect_worker(self) -> None:
        """A worker will be needed in a moment."""
        if not self._expects:
            self._expects = True
            self._round.node.pool.expect(self._start)

    async def fresh_worker(self) -> Worker:
        """A worker for one attempt. Raises: AttemptError."""
        try:
            return await self._round.node.pool.worker(self._start)
        finally:
            self.close()

    async def _start(self) -> Worker:
        node = self._round.node
        return await node.pool.workers.start(node.home, node.clock.now_ms() // 1000)

    def close(self) -> None:
        """No worker is needed any more."""
        if self._expects:
            self._expects = False
            self._round.node.pool.expect_no_more()
