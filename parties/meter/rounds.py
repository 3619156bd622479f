"""What the compute parties say about a round, checked: its terms, and its outcome. Asked once for all meters of a
process.

No party is believed alone. The terms follow from openings that all m parties have signed, a result from the
signatures of all m, a void round from one; so it does not matter which party is asked, and each one that fails is
followed by the next.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from mpc_market.errors import MarketError
from mpc_market.wire.audit import check_record
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import Signed, read_signed
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.outcome import Outcome, Result, Standing, result_of, standing
from mpc_market.wire.record import Record
from parties.client.api import WAIT_SECONDS, Api, RefusedError, UnreachableError
from parties.client.documents import PeriodDocument
from parties.clock import Clock
from parties.files.values import moment_text
from parties.meter.market import Market
from parties.meter.retry import pause_before, pause_seconds

PATIENCE_MS = 86_400_000
"""A day: parties may have been down, and nothing is lost."""

_LONGEST_PAUSE = 60.0
_OPENING_SECONDS = 1
_KEPT = 500
_RECORD_ATTEMPTS = 4

_T = TypeVar("_T")


class NotKnownError(MarketError):
    """What was asked of the parties could not be had in time; says what the last one of them answered."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How a round ended, as signed. `result`: None for a void round. `record`: whether its public record fits it."""

    terms: Terms | None
    outcomes: tuple[Signed[Outcome], ...] = field(repr=False)
    result: Result | None
    record_remark: str

    @property
    def is_void(self) -> bool:
        """Whether the round was given up: nobody trades."""
        return self.result is None


class Rounds:
    """The rounds of one market as seen from here. Every round is asked for once, whoever wants to know."""

    def __init__(self, api: Api, market: Market, clock: Clock, patience_ms: int = PATIENCE_MS) -> None:
        """`patience_ms`: how long after its gate the outcome of a round, and results, are asked for."""
        self.api, self.market, self.clock, self.patience_ms = api, market, clock, patience_ms
        self._terms: dict[int, asyncio.Task[Terms]] = {}
        self._settled: dict[int, asyncio.Task[Settled]] = {}

    async def terms(self, start: int, until_ms: int) -> Terms:
        """The terms of a round, as soon as it is open.

        Raises: NotKnownError if they cannot be had before `until_ms`.
        """
        return await self._once(self._terms, start, lambda: self._ask_terms(start, until_ms))

    def forget_terms(self, start: int) -> None:
        """They are said to be others now: ask again."""
        self._terms.pop(start, None)

    async def settled(self, start: int) -> Settled:
        """How the round ended, as soon as it has. Raises: NotKnownError."""
        return await self._once(self._settled, start, lambda: self._ask_settled(start))

    async def settled_by(self, party: int, start: int, settled: Settled) -> Settled:
        """How a round ended that has a result, if a party says that it is void: it is, if that is signed."""
        with suppress(UnreachableError, RefusedError, WireError):
            outcomes = self._outcomes(start, await self._document(party, start, wait=False))
            if self._standing(outcomes) is Standing.VOID:
                return Settled(settled.terms, tuple(outcomes[each] for each in sorted(outcomes)), None, "")
        return settled

    async def _once(self, tasks: dict[int, asyncio.Task[_T]], start: int, ask: Callable[[], Awaitable[_T]]) -> _T:
        task = tasks.get(start)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.ensure_future(ask())
            tasks[start] = task
            while len(tasks) > _KEPT:
                del tasks[next(iter(tasks))]
        # whoever gives up waiting does not take the answer from the others
        return await asyncio.shield(task)

    # --- asking -------------------------------------------------------------------------------------------

    async def _ask_terms(self, start: int, until_ms: int) -> Terms:
        def look(document: PeriodDocument) -> Terms | None:
            if len(document.openings) < self.api.parties:
                return None
            return self._terms_of(start, document)

        # not long: a round opens soon or not at all, and who is asked may have done so since the one before was asked
        wanted = f"the openings of all {self.api.parties} parties"
        return await self._ask_around(start, until_ms, look, wanted, wait=_OPENING_SECONDS)

    async def _ask_settled(self, start: int) -> Settled:
        terms: list[Terms] = []

        def look(document: PeriodDocument) -> dict[int, Signed[Outcome]] | None:
            if len(document.openings) == self.api.parties:
                terms[:] = [self._terms_of(start, document)]
            outcomes = self._outcomes(start, document)
            return None if self._standing(outcomes) is Standing.PENDING else outcomes

        until_ms = self.market.gate(start) + self.patience_ms
        outcomes = await self._ask_around(start, until_ms, look, "an outcome")
        signed = tuple(outcomes[party] for party in sorted(outcomes))
        if self._standing(outcomes) is Standing.VOID:
            return Settled(terms[0] if terms else None, signed, None, "")
        result = result_of({party: each.message for party, each in outcomes.items()}, self.api.parties)
        remark = await self._check_record(start, result)
        return Settled(terms[0] if terms else None, signed, result, remark)

    async def _ask_around(
        self,
        start: int,
        until_ms: int,
        look: Callable[[PeriodDocument], _T | None],
        wanted: str,
        wait: int = WAIT_SECONDS,
    ) -> _T:
        """Ask one party after the other until `look` finds what is wanted in an answer. Raises: NotKnownError."""
        attempt, heard = 0, "nobody was asked"
        party = secrets.randbelow(self.api.parties)
        while True:
            try:
                found = look(await self._document(party, start, wait if attempt >= self.api.parties else 0))
                if found is not None:
                    return found
                heard = f"party {party} does not have it yet"
            except (UnreachableError, RefusedError) as error:
                heard = str(error)
            except WireError as error:
                heard = f"party {party}: {error}"
            attempt += 1
            party = (party + 1) % self.api.parties
            if self.clock.now_ms() >= until_ms:
                raise NotKnownError(f"{moment_text(start)}: {wanted} could not be had: {heard}")
            if attempt % self.api.parties == 0:
                left = (until_ms - self.clock.now_ms()) / 1000
                await self.clock.pause(pause_before(attempt // self.api.parties, left, _LONGEST_PAUSE))

    async def _document(self, party: int, start: int, wait: int) -> PeriodDocument:
        return PeriodDocument.read(await self.api.get(party, f"periods/{start}", wait=wait))

    # --- checking -----------------------------------------------------------------------------------------

    def _terms_of(self, start: int, document: PeriodDocument) -> Terms:
        """Raises: WireError if the openings do not hold together, or the gate is not the market's."""
        period = Period(self.market.id, start)
        openings = {}
        for data in document.openings:
            opening = read_signed(Opening, data, self.market.committee(start), period).message
            openings[opening.party] = opening
        terms = terms_of(openings, self.api.parties)
        if terms.gate != self.market.gate(start):
            raise WireError("the openings name another gate than the market file")
        return terms

    def _outcomes(self, start: int, document: PeriodDocument) -> dict[int, Signed[Outcome]]:
        """What a document says that the parties have signed at the end, by party: all of it is genuine, or none counts.

        Whoever signs two outcomes is found by an auditor; what one party tells settles a round if it is complete.
        Raises: WireError.
        """
        committee, period = self.market.committee(start), Period(self.market.id, start)
        signed = [read_signed(Outcome, data, committee, period) for data in document.outcomes]
        return {each.message.party: each for each in signed}

    def _standing(self, outcomes: Mapping[int, Signed[Outcome]]) -> Standing:
        return standing({party: signed.message for party, signed in outcomes.items()}, self.api.parties)

    async def _check_record(self, start: int, result: Result) -> str:
        """What is wrong with the public record of a round, or nothing. One party's is enough: all of it is signed."""
        remark = ""
        for attempt in range(1, _RECORD_ATTEMPTS + 1):
            for party in range(self.api.parties):
                try:
                    self._fits(Record.decode(await self.api.get(party, f"periods/{start}/record")), start, result)
                    return ""
                except (UnreachableError, RefusedError) as error:
                    remark = f"the public record could not be had: {error}"
                except WireError as error:
                    remark = f"the public record of party {party} does not hold: {error}"
            await self.clock.pause(pause_seconds(attempt))
        return remark

    def _fits(self, record: Record, start: int, result: Result) -> None:
        """Raises: WireError."""
        if record.period != Period(self.market.id, start):
            raise WireError("it is that of another round")
        check_record(record, self.market.committee(start))
        if record.result != result:
            raise WireError("it tells of another result than the parties signed")
