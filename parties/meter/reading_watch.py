"""Sending readings by itself: for each period, once it is over, of all meters of this process.

    end of the period ─▶ to its settlement ─▶ receipts of all parties ─▶ its outcome: settled
                              │ late, or the settlement is void, or the reading has changed
                              └▶ from the reading deadline on, to its correction, until the last deadline

A reading is sent as soon as it is known, and again while it is not accepted. After a restart the same bytes are sent
(`readings`), of every period that is still open and not known to be settled with just that reading. A period of which
none is known by `NOTICE_MS` after its end, or by its reading deadline, is reported: it stays provisional.

What is reported holds no quantity: it may go to a log.
"""

import asyncio
import secrets
from collections.abc import Collection, Mapping, Sequence

from mpc_market.errors import MarketError
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.layout import Reading
from parties.files.values import moment_text
from parties.meter.market import Meter
from parties.meter.metered import Metered
from parties.meter.readings import Accepted, accepted_before, reader, send_reading, stage_of
from parties.meter.results import State
from parties.meter.rounds import Ended, Rounds
from parties.meter.store import Finding
from parties.meter.submitting import SPREAD, Report

NOTICE_MS = 120_000
"""This long after the end of a period its reading should be known: telegrams come every 10 s, and are not interpolated
over more than a minute.
"""

SETTLED = "settled"

_SPREAD_MS = 20_000
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.2, 3600.0


class Readings:
    """The readings of some meters of one market."""

    def __init__(
        self, stages: Mapping[Stage, Rounds], meters: Sequence[Meter], sources: Mapping[str, Metered], report: Report
    ) -> None:
        """`stages`: the rounds of settlements and corrections. `sources`: by meter. `report`: told in a line."""
        self._stages, self._meters, self._sources, self._report = stages, meters, sources, report
        self._clock, self._market = stages[Stage.SETTLEMENT].clock, stages[Stage.SETTLEMENT].market
        calendar = self._market.running.calendar
        assert calendar is not None, "a market with such stages settles"
        self._calendar = calendar
        self._sent: dict[tuple[str, int], Accepted] = {}
        self._in_vain: dict[tuple[str, int], Accepted] = {}  # to a settlement that is void
        self._told: set[tuple[str, int, str]] = set()
        self._following: set[tuple[str, int]] = set()

    async def begin(
        self, group: asyncio.TaskGroup, start: int, *, look: bool, for_ever: bool
    ) -> list[asyncio.Task[bool]]:
        """Tasks that send the readings of a period when it is over, each with whether all was accepted.

        `for_ever`: follow them to the end, and those of the periods that are under way; and if `look`, whatever is
        `outstanding`.
        """
        if not for_ever:
            return [group.create_task(self.deliver(start, self._meters))]
        length = self._calendar.period_seconds
        current = self._clock.now_ms() // 1000 // length * length
        due: dict[int, Sequence[Meter]] = await self.outstanding() if look else {}
        for under_way in range(current, start + length, length):
            due[under_way] = [meter for meter in self._meters if (meter.id, under_way) not in self._following]
        return [group.create_task(self.follow(each, meters)) for each, meters in sorted(due.items()) if meters]

    async def outstanding(self) -> dict[int, Sequence[Meter]]:
        """Periods that are over and still open for readings, with the meters of which one is known that is not settled;
        without what is being followed, and periods before a meter has ordered anything: the parties may know nothing of
        them.
        """
        now, found = self._clock.now_ms(), dict[int, list[Meter]]()
        first = self._first_open(now)
        for meter in self._meters:
            try:
                unsettled = await asyncio.to_thread(self._unsettled, meter, first)
            except MarketError as error:  # one meter's store is no reason to stop the others
                self._report(f"{meter.id}: what is known of its earlier periods cannot be read: {error}")
                continue
            for start in unsettled:
                if self._calendar.end_ms(start) <= now and (meter.id, start) not in self._following:
                    found.setdefault(start, []).append(meter)
        return dict(found)

    async def deliver(self, start: int, meters: Sequence[Meter]) -> bool:
        """Send what is known of a period soon after its end; whether every meter's reading was accepted."""
        calendar = self._calendar
        await self._clock.until(calendar.end_ms(start))
        until_ms = min(calendar.reading_deadline(start), calendar.end_ms(start) + NOTICE_MS)
        sent = await asyncio.gather(*(self._bring(meter, start, until_ms) for meter in meters))
        for meter, fine in zip(meters, sent, strict=True):
            if not fine:
                await self._say_missing(meter, start)
        counts = f"{sum(sent)} of {len(sent)} accepted (receipts of all {self._market.parties} parties)"
        self._report(f"{moment_text(start)} readings: {counts}")
        return all(sent)

    async def follow(self, start: int, meters: Sequence[Meter]) -> bool:
        """Deliver, and see to it that each reading is settled, until nothing more can come of it; whether all are."""
        keys = {(meter.id, start) for meter in meters}
        self._following |= keys
        try:
            await self.deliver(start, meters)
            return all(await asyncio.gather(*(self._follow(meter, start) for meter in meters)))
        finally:
            self._following -= keys
            for key in keys:
                self._sent.pop(key, None)
                self._in_vain.pop(key, None)
            self._told = {told for told in self._told if told[:2] not in keys}

    async def forget(self, before: int) -> None:
        """Erase what is only kept for disputes of the periods before a moment; a store that fails is reported."""
        for meter in self._meters:
            try:
                await asyncio.to_thread(reader(meter).store.forget, before)
            except MarketError as error:
                self._report(f"{meter.id}: what is old of its readings is not erased: {error}")

    # --- one meter ----------------------------------------------------------------------------------------

    async def _follow(self, meter: Meter, start: int) -> bool:
        """Until the reading is settled: whether it is."""
        while await self._bring(meter, start, self._calendar.last_deadline(start)):
            sent = self._sent[meter.id, start]
            outcome = await self._until_ended_or_changed(meter, start, sent)
            if outcome is None:
                continue
            try:
                await asyncio.to_thread(self._keep, meter, start, sent, outcome)
            except MarketError as error:  # after a restart it is asked for once more
                self._say(meter, start, f"how its reading ended is not stored: {error}")
            if not outcome.is_void or sent.stage is Stage.CORRECTION:
                return not outcome.is_void
            self._say(meter, start, "the settlement is void: its reading goes to the correction")
            await self._clock.until(self._calendar.reading_deadline(start))
            self._in_vain[meter.id, start] = self._sent.pop((meter.id, start))
        self._say(meter, start, "no reading until the last deadline: it is estimated at the enrolled maximum")
        return False

    async def _bring(self, meter: Meter, start: int, until_ms: int) -> bool:
        """Send the reading that is known, until it is accepted: whether it is. At least one attempt is made."""
        key = (meter.id, start)
        recalled = key in self._sent or key in self._in_vain
        while True:
            recalled = recalled or await self._recall(meter, start)
            if recalled and await self._attempt(meter, start):
                return True
            if self._clock.now_ms() >= until_ms:
                return False
            await self._pause(start, until_ms)

    async def _recall(self, meter: Meter, start: int) -> bool:
        """What was accepted before a restart; whether the store could tell."""
        try:
            before = await asyncio.to_thread(accepted_before, reader(meter), self._market, start)
        except MarketError as error:
            self._say(meter, start, f"what was sent of its reading cannot be looked up: {error}")
            return False
        if before is not None:
            self._sent[meter.id, start] = before
        return True

    async def _attempt(self, meter: Meter, start: int) -> bool:
        """Send the reading that is known, unless it is accepted already: whether it is."""
        reading, sent = await self._known(meter, start), self._sent.get((meter.id, start))
        if sent is not None and reading in (None, sent.reading):
            return True
        in_vain = self._in_vain.get((meter.id, start))
        if reading is None and in_vain is not None:
            reading = in_vain.reading
        return reading is not None and await self._send(meter, start, reading)

    async def _send(self, meter: Meter, start: int, reading: Reading) -> bool:
        now = self._clock.now_ms()
        try:
            stage = stage_of(self._market, start, now)
            left = max(self._market.at(stage).gate(start) - now, 0)
            await self._clock.pause(secrets.randbelow(min(left // SPREAD, _SPREAD_MS) + 1) / 1000)
            submitted = await send_reading(meter, self._stages[stage], start, reading)
        except MarketError as error:
            self._say(meter, start, f"its reading is not sent: {error}")
            return False
        for trouble in submitted.troubles.values():
            self._say(meter, start, f"its reading has no receipt: {trouble}")
        if submitted.accepted:
            self._sent[meter.id, start] = Accepted(stage, submitted.number, reading)
        return submitted.accepted

    async def _until_ended_or_changed(self, meter: Meter, start: int, sent: Accepted) -> Ended | None:
        """How the round ended that the reading was sent to; None if another reading is known before."""
        last = self._calendar.last_deadline(start)
        asking = asyncio.ensure_future(self._stages[sent.stage].ended(start))
        try:
            while True:
                waiting = asyncio.ensure_future(self._pause(start))
                await asyncio.wait({asking, waiting}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if asking.done():
                    try:
                        return asking.result()
                    except MarketError as error:
                        self._say(meter, start, f"its outcome is not known yet: {error}")
                        asking = asyncio.ensure_future(self._stages[sent.stage].ended(start))
                        await self._pause(start)
                reading = await self._known(meter, start)
                if reading not in (None, sent.reading) and self._clock.now_ms() < last:
                    return None
        finally:
            asking.cancel()

    async def _pause(self, start: int, until_ms: int | None = None) -> None:
        """Longer and longer after the end of the period, but not beyond a moment, nor over the reading deadline."""
        now, calendar = self._clock.now_ms(), self._calendar
        seconds = min(max((now - calendar.end_ms(start)) / 4000, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        for moment in (calendar.reading_deadline(start), until_ms):
            if moment is not None and moment > now:
                seconds = min(seconds, (moment - now) / 1000)
        await self._clock.pause(seconds)

    async def _known(self, meter: Meter, start: int) -> Reading | None:
        """What the source knows; nothing while it cannot be read."""
        try:
            return await asyncio.to_thread(self._sources[meter.id].of, start)
        except MarketError as error:
            self._say(meter, start, f"its reading cannot be looked up: {error}")
            return None

    # --- what is known ------------------------------------------------------------------------------------

    def _first_open(self, now_ms: int) -> int:
        """The earliest period whose last deadline has not passed."""
        months = self._calendar.months
        month = months.of(now_ms // 1000)
        while month > 0 and self._calendar.last_deadline(months.before(month)) > now_ms:
            month = months.before(month)
        return month

    def _unsettled(self, meter: Meter, first: int) -> Collection[int]:
        """Periods of which a reading is known and not settled as it is. Raises: StoreError."""
        begun = meter.store.first()
        if begun is None:
            return ()
        first = max(first, begun)
        known, settled = self._sources[meter.id].since(first), reader(meter).store.final(first)
        return [start for start, each in known.items() if settled.get(start) != (each.imported, each.exported)]

    def _keep(self, meter: Meter, start: int, sent: Accepted, outcome: Ended) -> None:
        finding = Finding(
            start=start,
            state=State.VOID if outcome.is_void else SETTLED,
            price=None if outcome.result is None else outcome.result.price,
            number=sent.number,
            verdict=None,
            accepted=(sent.reading.imported, sent.reading.exported),  # of a reading: what was settled
            remark=outcome.record_remark,
            evidence=b"",
            final=not outcome.is_void or sent.stage is Stage.CORRECTION,
        )
        reader(meter).store.put_finding(finding)

    # --- what is told -------------------------------------------------------------------------------------

    async def _say_missing(self, meter: Meter, start: int) -> None:
        if await self._known(meter, start) is not None:
            return
        try:
            why = await asyncio.to_thread(self._sources[meter.id].why_none, start)
        except MarketError:  # `_known` has said so
            return
        self._say(meter, start, f"no reading: {why}; the period stays provisional")

    def _say(self, meter: Meter, start: int, what: str) -> None:
        """Once for each meter, period and reason."""
        told = (meter.id, start, what)
        if told not in self._told:
            self._told.add(told)
            self._report(f"{moment_text(start)} {meter.id}: {what}")
