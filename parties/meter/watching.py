"""Taking part in every period, for one meter or for many: submit, see that it is accepted, fetch and verify the result.

A meter that submits in every period, with quantity 0 if it has nothing to trade, tells nobody anything by taking
part. What was begun before a crash is brought to its end first: the same bytes are sent again while the gate is open,
and results that are still missing are asked for.

What is reported holds no price limit and no quantity: it may go to a log. `mpc-market meter history` shows those.
"""

import asyncio
import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

from mpc_market.errors import InputError, MarketError
from parties.clock import near
from parties.files.values import moment_text
from parties.meter.errors import StoreError
from parties.meter.market import Meter
from parties.meter.reading_watch import Readings
from parties.meter.results import State, collect
from parties.meter.rounds import Rounds
from parties.meter.store import Finding
from parties.meter.submitting import SPREAD, Report, Submitted, submit
from parties.meter.wishes import Wishes

_DAY = 86_400


class Refreshed(Protocol):
    """Something that was read from a file."""

    path: str

    def refresh(self) -> object:
        """Read it again if the file has changed. Raises: InputError, and then what was read before stays."""


class Watch:
    """Some meters of one market, round after round."""

    def __init__(
        self,
        rounds: Rounds,
        meters: Sequence[Meter],
        wishes: Mapping[str, Wishes],
        report: Report,
        files: Sequence[Refreshed] = (),
        readings: Readings | None = None,
    ) -> None:
        """`wishes`: by meter, where its orders come from. `report`: told in a line what happened.

        `files`: read again before each round if they have changed. `readings`: what sends those of the meters, where
        the market settles.
        """
        self._rounds, self._meters, self._wishes, self._report, self._files = rounds, meters, wishes, report, files
        self._readings = readings
        self._day = -1  # of the last tidying up, since 1970
        self._clock, self._rhythm = rounds.clock, rounds.market.rhythm

    async def run(self, rounds: int | None = None) -> bool:
        """Take part in this many rounds, or for ever; returns once results are there and readings were sent.

        Returns whether everything was accepted and verified.
        """
        tasks: list[asyncio.Task[bool]] = []
        async with asyncio.TaskGroup() as group:
            start = await self._first()
            for earlier, meters in (await self._unfinished(start)).items():
                tasks.append(group.create_task(self._finish(earlier, meters)))
            while rounds is None or rounds > 0:
                start = await self._opened(start)
                changed = await self._refresh(start)
                tasks.append(group.create_task(self._take_part(start)))
                if self._readings is not None:
                    tasks += await self._readings.begin(group, start, look=changed, for_ever=rounds is None)
                await self._closed(start)
                tasks = [task for task in tasks if rounds is not None or not task.done()]
                rounds = None if rounds is None else rounds - 1
                # while the clock stood still or was set, rounds have passed: they are over
                start = max(start + self._rhythm.length, self._rhythm.next_gate(self._clock.now_ms()))
        return all(task.result() for task in tasks)

    async def _first(self) -> int:
        """The round to begin with: the one that is open, unless its gate closes soon and nothing was begun for it."""
        start = self._rhythm.next_gate(self._clock.now_ms())
        if not self._rhythm.closes_soon(start, self._clock.now_ms()) or start in await self._unfinished(start + 1):
            return start
        return start + self._rhythm.length

    async def _opened(self, start: int) -> int:
        """Wait until the round is open; if the clock was far ahead when it was chosen, the one that is open now."""
        while (left := self._rhythm.opens(start) - self._clock.now_ms()) > 0:
            if left > 2000 * self._rhythm.length:
                return self._rhythm.next_gate(self._clock.now_ms())
            await near(self._clock, self._rhythm.opens(start))
        return start

    async def _closed(self, start: int) -> None:
        """Wait until its gate is closed, or the clock shows that it was far ahead when the round was open."""
        before = self._rhythm.opens(start) - 1000 * self._rhythm.length
        while before <= self._clock.now_ms() < self._rhythm.gate(start):
            await near(self._clock, self._rhythm.gate(start))

    async def _refresh(self, start: int) -> bool:
        """What is to be done before each round, and once a day. Whether it is a new day, or a file has changed."""
        changed = start // _DAY != self._day
        for file in self._files:
            try:
                changed |= bool(await asyncio.to_thread(file.refresh))
            except InputError as error:
                # the problems themselves quote the file, and this may go to a log
                count = len(error.problems) + error.more
                self._report(f"{file.path}: {count} problem{'s' if count > 1 else ''} now: what was read before stays")
        if start // _DAY != self._day:
            self._day = start // _DAY
            old = start - self._rounds.market.retention_ms // 1000
            for meter in self._meters:
                await self._tidy(meter, old)
            if self._readings is not None:
                await self._readings.forget(old)
        return changed

    async def _unfinished(self, before: int) -> dict[int, list[Meter]]:
        """By period: the meters that have submitted for it and know no final result; none so old that nobody does."""
        found: defaultdict[int, list[Meter]] = defaultdict(list)
        for meter in self._meters:
            try:
                since = before - self._rounds.patience_ms // 1000
                starts = await asyncio.to_thread(meter.store.unfinished, since)
            except StoreError as error:  # one meter's store is no reason to stop the others
                self._report(f"{meter.id}: what it has begun is not known: {error}")
                continue
            for start in starts:
                if start < before:
                    found[start].append(meter)
        return found

    async def _tidy(self, meter: Meter, before: int) -> None:
        try:
            await asyncio.to_thread(meter.store.forget, before)
        except StoreError as error:
            self._report(f"{meter.id}: what is old is not erased: {error}")

    # --- one round ----------------------------------------------------------------------------------------

    async def _take_part(self, start: int) -> bool:
        """Submit for all meters, then fetch what became of it. Whether all was accepted and verified."""
        done = await asyncio.gather(*(self._submit(meter, start) for meter in self._meters))
        accepted = self._report_submitted(start, done)
        # who has sent nothing has no result to wait for
        sent = [meter for meter, one in zip(self._meters, done, strict=True) if one is not None]
        return await self._finish(start, sent) and accepted

    async def _finish(self, start: int, meters: Sequence[Meter]) -> bool:
        """Fetch the results of a round whose gate closes or has closed. Whether all are verified."""
        if not meters:
            return True
        await self._clock.until(self._rhythm.gate(start))
        found = await asyncio.gather(*(self._collect(meter, start) for meter in meters))
        return self._report_found(start, found)

    async def _submit(self, meter: Meter, start: int) -> Submitted | None:
        left = max(self._rhythm.gate(start) - self._clock.now_ms(), 0)
        await self._clock.pause(secrets.randbelow(left // SPREAD + 1) / 1000)
        try:
            wanted = await asyncio.to_thread(self._wishes[meter.id].of, start)
            submitted = await submit(meter, self._rounds, start, wanted)
        except MarketError as error:
            self._report(f"{moment_text(start)} {meter.id}: not submitted: {error}")
            return None
        for trouble in submitted.troubles.values():
            self._report(f"{moment_text(start)} {meter.id}: no receipt: {trouble}")
        return submitted

    async def _collect(self, meter: Meter, start: int) -> Finding | None:
        try:
            finding = await collect(meter, self._rounds, start)
        except MarketError as error:
            self._report(f"{moment_text(start)} {meter.id}: no result: {error}")
            return None
        if finding.remark:
            self._report(f"{moment_text(start)} {meter.id}: {finding.state}: {finding.remark}")
        return finding

    # --- what is told -------------------------------------------------------------------------------------

    def _report_submitted(self, start: int, done: Sequence[Submitted | None]) -> bool:
        accepted = sum(one is not None and one.accepted for one in done)
        parties = self._rounds.api.parties
        self._report(
            f"{moment_text(start)} submitted: {accepted} of {len(done)} accepted (receipts of all {parties} parties)"
        )
        return accepted == len(done)

    def _report_found(self, start: int, found: Sequence[Finding | None]) -> bool:
        known = [finding for finding in found if finding is not None]
        states = Counter(finding.state for finding in known)
        prices = {finding.price for finding in known if finding.state != State.VOID}
        if State.VOID in states:
            price = "the round is void, nothing is traded"
        elif not prices:
            price = "no result"
        else:
            ticks = prices.pop()  # the same for all: it comes from one outcome
            text = None if ticks is None else self._rounds.market.file.price_text(ticks)
            price = "no trade" if text is None else f"clearing price {text} {self._rounds.market.file.prices.unit}"
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        self._report(f"{moment_text(start)} {price}" + (f" ({counts})" if counts else ""))
        return len(known) == len(found) and set(states) <= {State.VERIFIED, State.VOID}
