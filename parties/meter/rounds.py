"""What the compute parties say about a round, checked: its terms, and its outcome. Asked once for all meters of a
process.

No party is believed alone (`parties.client.hearing`); so it does not matter which party is asked, and each one that
fails is followed by the next.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from mpc_market.errors import MarketError
from mpc_market.wire.audit import check_record
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import Signed
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import Outcome, Result, Standing
from mpc_market.wire.record import Record
from parties.client.api import SHORT_WAIT_SECONDS, WAIT_SECONDS, Api, RefusedError, UnreachableError
from parties.client.hearing import ContradictionError, Heard, UntrueError, hear
from parties.clock import Clock
from parties.files.values import moment_text
from parties.meter.market import Market
from parties.meter.retry import pause_before, pause_seconds

PATIENCE_MS = 86_400_000
"""A day: parties may have been down, and nothing is lost."""

_LONGEST_PAUSE = 60.0
_OPENING_SECONDS = SHORT_WAIT_SECONDS
_EARLY_MS = 60_000
_EARLY_SHARE = 4
_KEPT = 500
_RECORD_ATTEMPTS = 4

_UNHEARD = (UnreachableError, RefusedError, UntrueError, ContradictionError)
"""What a party that is asked may fail with, itself or what it tells; another one may do better."""

_T = TypeVar("_T")


class NotKnownError(MarketError):
    """What was asked of the parties could not be had in time; says what the last one of them answered."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a round ended, as signed. `result`: None for a void round. `record_remark`: why its public record does not
    fit it.
    """

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
        self.heard = ""  # why what was asked for last is not there yet, for people
        self._terms: dict[int, asyncio.Task[Terms]] = {}
        self._ended: dict[int, asyncio.Task[Ended]] = {}

    async def terms(self, start: int, until_ms: int) -> Terms:
        """The terms of a round, as soon as it is open.

        Raises: NotKnownError if they cannot be had before `until_ms`.
        """
        return await self._once(self._terms, start, lambda: self._ask_terms(start, until_ms))

    def forget_terms(self, start: int) -> None:
        """They are said to be others now: ask again."""
        self._terms.pop(start, None)

    async def ended(self, start: int) -> Ended:
        """How the round ended, as soon as it has; before its gate it is asked for rarely. Raises: NotKnownError."""
        return await self._once(self._ended, start, lambda: self._ask_ended(start))

    async def ended_by(self, party: int, start: int, ended: Ended) -> Ended:
        """How a round ended that has a result, if a party says that it is void: it is, if that is signed.

        Whoever signs two outcomes is found by an auditor; what one party tells ends a round if it is complete.
        """
        with suppress(*_UNHEARD):
            heard = await self._hear(party, start)
            if heard.standing is Standing.VOID:
                return Ended(ended.terms, _signed(heard), None, "")
        return ended

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
        def look(heard: Heard) -> Terms | None:
            return heard.terms(self.market.gate(start)) if len(heard.openings) == heard.parties else None

        # not long: a round opens soon or not at all, and who is asked may have done so since the one before was asked
        wanted = f"the openings of all {self.api.parties} parties"
        return await self._ask_around(start, until_ms, look, wanted, wait=_OPENING_SECONDS)

    async def _ask_ended(self, start: int) -> Ended:
        gate = self.market.gate(start)

        def look(heard: Heard) -> tuple[Heard, Terms | None] | None:
            if heard.standing is Standing.PENDING:
                return None
            # of a round that is void, the parties may have opened it differently
            known = heard.standing is Standing.RESULT and len(heard.openings) == heard.parties
            return heard, heard.terms(gate) if known else None

        found = await self._ask_early(start, gate, look)
        if found is None:
            found = await self._ask_around(start, gate + self.patience_ms, look, "an outcome")
        heard, terms = found
        if heard.standing is Standing.VOID:
            return Ended(terms, _signed(heard), None, "")
        return Ended(terms, _signed(heard), heard.result, await self._check_record(start, heard.result))

    async def _ask_early(self, start: int, gate: int, look: Callable[[Heard], _T | None]) -> _T | None:
        """Ask now and then until the gate, one party at a time; None if `look` has found nothing by then.

        A settlement ends before its gate once all meters have read, a day before perhaps, and many are open at a time.
        So the pauses grow: a minute, then twice as long each time, but no more than a quarter of the time to the gate.
        """
        pause_ms, party = _EARLY_MS, secrets.randbelow(self.api.parties)
        while (left := gate - self.clock.now_ms()) > 0:
            with suppress(*_UNHEARD, WireError):
                found = look(await self._hear(party, start))
                if found is not None:
                    return found
            next_ms = self.clock.now_ms() + max(min(pause_ms, left // _EARLY_SHARE), _EARLY_MS)
            await self.clock.until(min(next_ms, gate))
            pause_ms, party = 2 * pause_ms, (party + 1) % self.api.parties
        return None

    async def _ask_around(
        self,
        start: int,
        until_ms: int,
        look: Callable[[Heard], _T | None],
        wanted: str,
        wait: int = WAIT_SECONDS,
    ) -> _T:
        """Ask one party after the other until `look` finds what is wanted in an answer. Raises: NotKnownError."""
        attempt = 0
        party = secrets.randbelow(self.api.parties)
        while True:
            try:
                found = look(await self._hear(party, start, wait if attempt >= self.api.parties else 0))
                if found is not None:
                    self.heard = ""
                    return found
                self.heard = heard = f"party {party} does not have it yet"
            except _UNHEARD as error:
                self.heard = heard = str(error)
            except WireError as error:
                self.heard = heard = f"party {party}: {error}"
            attempt += 1
            party = (party + 1) % self.api.parties
            if self.clock.now_ms() >= until_ms:
                raise NotKnownError(f"{moment_text(start)}: {wanted} could not be had: {heard}")
            if attempt % self.api.parties == 0:
                left = (until_ms - self.clock.now_ms()) / 1000
                await self.clock.pause(pause_before(attempt // self.api.parties, left, _LONGEST_PAUSE))

    async def _hear(self, party: int, start: int, wait: int = 0) -> Heard:
        """What one party tells: all of it is signed by whoever it is of. Raises: as `_UNHEARD`."""
        answer = await self.api.get(party, f"periods/{start}", wait=wait)
        heard = hear({party: answer}, self.market.committee(start), Period(self.market.id, start))
        for error in heard.unheard.values():
            raise error
        return heard

    # --- checking -----------------------------------------------------------------------------------------

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


def _signed(heard: Heard) -> tuple[Signed[Outcome], ...]:
    return tuple(heard.outcomes[party] for party in sorted(heard.outcomes))
