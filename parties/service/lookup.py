"""Finding a round that somebody asks about: being driven, finished, to come, or none of this market."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from mpc_market.wire.agreement import AgreedSet, Contradiction, Held, Item, agree, differing
from mpc_market.wire.errors import WireError
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.showing import ShownHeaders, genuine
from parties.ledger import RoundRow
from parties.service.board import Kind, heard
from parties.service.cache import Recent
from parties.service.following import last_begun
from parties.service.life import FINAL, State
from parties.service.node import Node
from parties.service.problems import Problem, RefusalError
from parties.service.rolls import Enrolled
from parties.service.round import Round, unsigned

WAITING_MAX = 4096
"""At most this many requests may wait for a change at once; more are answered at once, with what there is."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the parties opened a round with: its terms, and the roll that it uses (None if this party has lost it)."""

    terms: Terms
    enrolled: Enrolled | None


class States(Protocol):
    """The rounds of a market that are not over: those that this process drives, or what a replica knows of them."""

    def round(self, start: int) -> Round | None:
        """A round that is driven here."""

    def state(self, start: int) -> State | None:
        """How far a round is that is not over."""

    @property
    def starts(self) -> list[int]:
        """The periods of them all."""

    @property
    def counts(self) -> Counter[State]:
        """How many are driven here, by state."""

    @property
    def signed_ms(self) -> int | None:
        """Since when one driven here waits for what others have signed; None if none does."""


class Lookup:
    """Rounds by the start of their period."""

    def __init__(self, node: Node, rounds: States) -> None:
        self._node = node
        self._rounds = rounds
        self._opened: Recent[int, Opened] = Recent()
        self._final: Recent[int, State] = Recent()
        self._attempts: Recent[int, int] = Recent()
        self._waiting = 0

    async def state(self, start: int) -> State:
        """How far a round is. Raises: RefusalError if there is none."""
        state = self._rounds.state(start) or self._final.get(start)
        if state is None:
            state = State((await self.row(start)).state)
            if state in FINAL:
                self._final.set(start, state)
            elif state is State.COLLECTING:  # not yet by this process, which has just been started
                state = State.OPENING
        return state

    async def row(self, start: int) -> RoundRow:
        """A round as the ledger has it. Raises: RefusalError if there is none."""
        row = await self._node.ledger.round(self._node.market.id, start)
        if row is None:
            raise RefusalError(self.why_none(start))
        return row

    def why_none(self, start: int) -> Problem:
        """Why there is no round of this period."""
        schedule, now = self._node.schedule, self._node.clock.now_ms()
        if schedule.is_start(start) and now < schedule.gate(start):
            return Problem.NOT_OPEN_YET
        return Problem.UNKNOWN_PERIOD

    async def why_closed(self, start: int) -> Problem:
        """Why nothing is taken in for this period now. Raises: LedgerError."""
        node, schedule = self._node, self._node.schedule
        if not schedule.is_start(start):
            return Problem.UNKNOWN_PERIOD
        if node.clock.now_ms() >= schedule.gate(start):
            return Problem.LATE if self._rounds.state(start) is not None else Problem.CLOSED_PERIOD
        row = await node.ledger.round(node.market.id, start)
        # Before its gate a settlement closes when every reading is there, and any round that is void early.
        return Problem.NOT_OPEN_YET if row is None or row.collecting else Problem.LATE

    async def change(self, start: int, seconds: float) -> State:
        """The state of a round after it has changed, or after this many seconds. Raises: RefusalError."""
        board = self._node.board
        ringing = board.listen(start)
        state = await self.state(start)
        if state in FINAL or seconds <= 0 or self._waiting >= WAITING_MAX:
            return state
        self._waiting += 1
        try:
            now_ms = self._node.clock.now_ms
            until = now_ms() + 1000 * seconds
            while (left := (until - now_ms()) / 1000) > 0 and await heard(ringing, left):
                ringing = board.listen(start)
                if board.ending or await self.state(start) is not state:
                    break
        finally:
            self._waiting -= 1
        return await self.state(start)

    async def until_final(self, start: int, seconds: float) -> State:
        """The state of a round once it is final, or after this many seconds. Raises: RefusalError."""
        now_ms = self._node.clock.now_ms
        until, state = now_ms() + 1000 * seconds, await self.state(start)
        while state not in FINAL and not self._node.board.ending and (left := (until - now_ms()) / 1000) > 0:
            state = await self.change(start, left)
        return state

    async def result_attempt(self, start: int, seconds: float) -> int:
        """The attempt whose result all parties have signed; waits this many seconds for the round to end.

        Raises: RefusalError if there is none.
        """
        state = await self.until_final(start, seconds)
        if state is State.VOID:
            raise RefusalError(Problem.VOID)
        if state is State.LOST:
            raise RefusalError(Problem.NOTHING_HERE)
        if state is not State.RESULT:
            raise RefusalError(Problem.NOT_FINISHED)
        number = self._attempts.get(start)
        if number is None:
            _, number = await last_begun(self._node.ledger, self._node.market.id, start, self._node.party)
            self._attempts.set(start, number)
        return number

    async def kept(self, start: int) -> None:
        """To be called after reading what this party holds of a round, before it says under its signature what is not
        among it. Raises: RefusalError if that was erased: then nothing follows from its not being there.
        """
        if (await self.row(start)).erased:
            raise RefusalError(Problem.NOTHING_HERE)

    async def contradictions(self, start: int) -> tuple[Contradiction, ...]:
        """What was left out of the set, and for which number; nothing before there is a set."""
        agreed = await self.agreed(start)
        return () if agreed is None else agreed.contradictions

    async def agreed(self, start: int) -> AgreedSet | None:
        """The set of a round, once all parties have said what they hold. Cost: compares all of it again."""
        opened = await self.opened(start)
        messages = await self._node.ledger.messages(self._node.market.id, start, Kind.HELD)
        if opened is None or len(messages) < self._node.parties:
            return None
        held = {party: unsigned(Held, data) for party, data in messages.items()}
        shown: frozenset[Item] = frozenset()
        if await asyncio.to_thread(differing, held.values()):
            messages = await self._node.ledger.messages(self._node.market.id, start, Kind.SHOWN_HEADERS)
            if opened.enrolled is None or len(messages) < self._node.parties:
                return None
            headers = {party: unsigned(ShownHeaders, data) for party, data in messages.items()}
            shown = await asyncio.to_thread(genuine, headers, opened.terms, opened.enrolled.meters)
        orders = self._node.market.orders
        return await asyncio.to_thread(agree, held, opened.terms, orders, shown)

    async def require_opened(self, start: int) -> Opened:
        """As `opened`. Raises: RefusalError if the parties have not all opened the round, or that is not known."""
        opened = await self.opened(start)
        if opened is None:
            state = await self.state(start)
            gone = Problem.NOTHING_HERE if state in FINAL else Problem.NOT_FINISHED  # erased, or lost
            raise RefusalError(Problem.VOID if state is State.VOID else gone)
        return opened

    async def opened(self, start: int) -> Opened | None:
        """What a round was opened with, or None if the parties have not all opened it."""
        known = self._opened.get(start)
        if known is None:
            terms = await terms_known(self._node, start)
            if terms is None:
                return None
            enrolled = await self._node.rolls.version(terms.roll_version)
            known = self._opened.set(start, Opened(terms, enrolled))
        return known


async def terms_known(node: Node, start: int) -> Terms | None:
    """The terms of a round, or None if the parties have not all opened it."""
    messages = await node.ledger.messages(node.market.id, start, Kind.OPENING)
    openings = {party: unsigned(Opening, data) for party, data in messages.items()}
    try:
        return terms_of(openings, node.parties)
    except WireError:
        return None
