"""A billing month of a live market, with everything that happens to readings in it; and what it must come to.

Two quarter-hours to the month, the calendar in minutes; the clock is moved on when all is ready for it:

    first     of its readings one never comes and is estimated, one comes late, one is corrected after the settlement
    second    at another tariff; every reading is there in time

The month's closing has what was settled in time, that of the next month the corrections and the estimate. What each
supplier and user is shown of them is compared with the plaintext rule (`mpc_market.rules.settlement`).
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from mpc_market.errors import MarketError
from mpc_market.rules.model import Side
from mpc_market.rules.settlement import Account, Bill, Booking, Line, Reading, Volumes, bill, estimate, settle
from mpc_market.rules.tariff import Rates
from mpc_market.wire.identifiers import START_MAX, Stage
from mpc_market.wire.layout import Reading as Sent
from mpc_market.wire.sheet import Content, ReceivedSheet
from mpc_market.wire.tariff import Tariff
from parties.client.api import Api, pinned
from parties.client.sheets import SheetError
from parties.files.problems import Problems
from parties.launch.community import SUPPLIER, Community
from parties.meter.bills import fetch_bill
from parties.meter.forecast import Wish
from parties.meter.reading_watch import Readings
from parties.meter.readings import reader
from parties.meter.rounds import Rounds
from parties.settling.calendar import Calendar
from parties.supplier.home import SupplierHome, read_supplier_home
from parties.supplier.sheets import fetch, publish_tariff
from soak.steered import Meters, SteeredClock, state_of

PERIOD_SECONDS, METERS = 900, 5
CALENDAR = {"reading_deadline": "PT20M", "correction_deadline": "PT30M", "settle_within": "PT10M", "billing": "PT30M"}
RATES = (Rates(3000, 500, 300), Rates(3300, 400, 350))
"""Of the first period, and of the second."""

ORDERS = [
    [Wish(Side.SELL, 800, 2000), Wish(Side.BUY, 812, 3000), Wish(Side.BUY, 811, 500), Wish(Side.SELL, 801, 700),
     Wish(Side.BUY, 0, 0)],
    [Wish(Side.BUY, 900, 1111), Wish(Side.SELL, 700, 2222), Wish(Side.BUY, 905, 3), Wish(Side.SELL, 0, 0),
     Wish(Side.SELL, 702, 40)],
]  # fmt: skip
IN_TIME = [
    [Sent(0, 1900), Sent(3456, 0), None, None, Sent(17, 4)],
    [Sent(1000, 0), Sent(0, 2222), Sent(9999, 1), Sent(0, 0), Sent(0, 41)],
]
LATE = {3: Sent(1, 650), 0: Sent(0, 2001)}
"""For the first period, by meter: one that has had none, and a corrected one. Meter 2 never reads."""

_STATES_SECONDS = 400.0
_PAUSE_SECONDS = 0.05


class Known(dict[int, Sent]):
    """What a meter has read: a source of readings that can be added to."""

    def of(self, start: int) -> Sent | None:
        """See `Metered`."""
        return self.get(start)

    def since(self, start: int) -> Mapping[int, Sent]:
        """See `Metered`."""
        return {period: reading for period, reading in self.items() if period >= start}

    def why_none(self, start: int) -> str:  # noqa: ARG002
        """See `Metered`."""
        return "nobody has read it"


class LiveMonth:
    """The month of one market, from outside: meters, supplier, clock. `lines`: what the watch of readings reports."""

    def __init__(self, community: Community, clock: SteeredClock, meters: Meters) -> None:
        self.community, self.clock, self.meters = community, clock, meters
        calendar = community.running.calendar
        assert calendar is not None
        self.calendar: Calendar = calendar
        after = clock.now_ms() // 1000 + 3 * PERIOD_SECONDS
        self.first = calendar.months.next(after)
        self.starts = [self.first + k * PERIOD_SECONDS for k in range(2)]
        self.next = calendar.months.next(self.first)
        self.sources = {meter.id: Known() for meter in meters.meters}
        self.lines: list[str] = []
        self._stages = {
            stage: Rounds(self._api(stage), meters.market.at(stage), clock)
            for stage in (Stage.SETTLEMENT, Stage.CORRECTION, Stage.CLOSING)
        }

    @classmethod
    @asynccontextmanager
    async def of(cls, community: Community, clock: SteeredClock) -> AsyncIterator["LiveMonth"]:
        """With its connections."""
        async with Meters(community, clock) as meters, AsyncExitStack() as stack:
            month = cls(community, clock, meters)
            for rounds in month._stages.values():
                await stack.enter_async_context(rounds.api)
            yield month

    # --- what happens

    async def run(self) -> None:
        """All of it, whatever becomes of parties meanwhile."""
        await self._publish()
        for start, orders in zip(self.starts, ORDERS, strict=True):
            await self._clear(start, orders)
        await self._settle()
        await self._correct()
        for month in (self.first, self.next):
            self.clock.move_to(self.calendar.closes(month))
            await self.until(Stage.CLOSING, month)

    async def _publish(self) -> None:
        home, market = self._supplier(), self.community.running.id
        async with self._api(Stage.CLEARING) as api:
            for number, (begins, rates) in enumerate(zip(self.starts, RATES, strict=True), 1):
                prices = (rates.retail, rates.feed_in, rates.fee)
                tariff = Tariff(market, SUPPLIER, number, begins, START_MAX, *prices)
                while await publish_tariff(api, home, tariff):
                    await asyncio.sleep(_PAUSE_SECONDS)

    async def _clear(self, start: int, orders: Sequence[Wish]) -> None:
        rhythm = self.meters.market.rhythm
        self.clock.move_to(rhythm.opens(start))
        assert await self.meters.submit(start, orders) == METERS
        self.clock.move_to(rhythm.gate(start))
        await self.meters.until(start, "result", "void")
        await self.meters.collect(start)

    async def _settle(self) -> None:
        """In time, and by the client that watches."""
        for start, read in zip(self.starts, IN_TIME, strict=True):
            for source, reading in zip(self.sources.values(), read, strict=True):
                if reading is not None:
                    source[start] = reading
        async with asyncio.TaskGroup() as group:
            watch = self._watch()
            tasks = [group.create_task(watch.follow(start, self.meters.meters)) for start in self.starts]
            self.clock.move_to(self.calendar.end_ms(self.starts[1]))
            await self.until(Stage.SETTLEMENT, self.starts[1])  # as soon as every reading is there
            self.clock.move_to(self.calendar.reading_deadline(self.starts[0]))
            await self.until(Stage.SETTLEMENT, self.starts[0])
            await self._until_known_to_meters()
            for task in tasks:
                task.cancel()

    async def _until_known_to_meters(self) -> None:
        for place, meter in enumerate(self.meters.meters):
            due = {start for start, read in zip(self.starts, IN_TIME, strict=True) if read[place] is not None}
            async with asyncio.timeout(_STATES_SECONDS):
                while not due <= reader(meter).store.final(0).keys():
                    await asyncio.sleep(_PAUSE_SECONDS)

    async def _correct(self) -> None:
        """A client that was started again, and knows more."""
        self.clock.move_to(self.calendar.reading_deadline(self.starts[-1]))
        for start in self.starts:
            await self.until(Stage.CORRECTION, start, "collecting")
        for place, reading in LATE.items():
            self.sources[self.meters.meters[place].id][self.starts[0]] = reading
        watch = self._watch()
        outstanding = await watch.outstanding()
        assert {start: {each.id for each in late} for start, late in outstanding.items()} == {
            self.starts[0]: {self.meters.meters[place].id for place in LATE}
        }
        following = asyncio.create_task(watch.follow(self.starts[0], outstanding[self.starts[0]]))
        await self._reported(f"readings: {len(LATE)} of {len(LATE)} accepted")
        self.clock.move_to(self.calendar.last_deadline(self.starts[0]))
        for start in self.starts:
            await self.until(Stage.CORRECTION, start)
        assert await following

    async def _reported(self, part: str) -> None:
        async with asyncio.timeout(_STATES_SECONDS):
            while not any(part in line for line in self.lines):
                await asyncio.sleep(_PAUSE_SECONDS)

    def _watch(self) -> Readings:
        stages = {stage: self._stages[stage] for stage in (Stage.SETTLEMENT, Stage.CORRECTION)}
        return Readings(stages, self.meters.meters, self.sources, self.lines.append)

    async def until(self, stage: Stage, start: int, wanted: str = "result") -> None:
        """Wait until a round has a result at all parties, or is so far. Raises: TimeoutError; MarketError if it is
        void.
        """
        api = self._stages[stage].api
        for party in range(api.parties):
            async with asyncio.timeout(_STATES_SECONDS):
                while (state := await state_of(api, party, start)) != wanted:
                    if state == "void":
                        raise MarketError(f"the {stage} of {start} is void")
                    await asyncio.sleep(_PAUSE_SECONDS)

    # --- what comes of it

    async def amounts(self, month: int) -> dict[str, int]:
        """What the supplier is shown, cents by meter."""
        rounds = self._stages[Stage.CLOSING]
        sheet = await fetch(rounds.api, rounds.market.running, self._supplier(), Content.AMOUNTS, month)
        rows = zip(sheet.title.rows, sheet.values, strict=True)
        return {row.name.removeprefix("meter/"): amount for row, (amount,) in rows if row.users}

    async def totals(self, start: int) -> list[tuple[int, ...]]:
        """What the supplier is shown of a period: users, import, export."""
        rounds = self._stages[Stage.SETTLEMENT]
        sheet = await fetch(rounds.api, rounds.market.running, self._supplier(), Content.TOTALS, start)
        return [(row.users, *values) for row, values in zip(sheet.title.rows, sheet.values, strict=True)]

    async def bills(self, month: int) -> dict[str, dict[Line, Volumes]]:
        """What each user is shown, by line; those who are shown nothing are left out.

        And the month before the first one: nobody had read when the market began, so it is estimated, at no price.
        """
        rounds, found = self._stages[Stage.CLOSING], {}
        for meter in self.meters.meters:
            try:
                _, lines = await fetch_bill(rounds.api, rounds.market.running, meter.home, month)
                found[meter.id] = _by_line(lines, self.first)
            except SheetError as error:
                if error.problem != "nothing-here":
                    raise
        return found

    def expected(self) -> tuple[dict[str, Bill], dict[str, Bill]]:
        """The bills of both months by the plaintext rule, by meter."""
        bookings: dict[str, list[Booking]] = defaultdict(list)
        for k, start in enumerate(self.starts):
            for place in range(METERS):
                read, late = IN_TIME[k][place], LATE.get(place) if k == 0 else None
                if read is not None:
                    bookings["settled"].append(self._booking(start, place, _reading(read)))
                if late is not None:
                    before = None if read is None else _reading(read)
                    bookings["corrected"].append(self._booking(start, place, _reading(late), before))
                elif read is None:
                    maximum = self.meters.meters[place].maximum
                    bookings["corrected"].append(self._booking(start, place, estimate(maximum)))
        return _bills(bookings["settled"]), _bills(bookings["corrected"])

    def _booking(self, start: int, place: int, reading: Reading, before: Reading | None = None) -> Booking:
        meter, rates = self.meters.meters[place], RATES[self.starts.index(start)]
        line = Line(rates, str(self.first), reading.estimated)
        bought = sold = 0
        price = None
        for entry in meter.store.history(1000):
            if entry.start == start and entry.accepted is not None and entry.price is not None:
                price = self.community.running.settings.scale.money_price(entry.price)
                for order, lots in zip(entry.orders, entry.accepted, strict=True):
                    bought += lots if order.side is Side.BUY else 0
                    sold += lots if order.side is Side.SELL else 0
        replaced = None if before is None else settle(bought, sold, before)
        return Booking(Account(meter.id, SUPPLIER), line, price, settle(bought, sold, reading), replaced)

    def _supplier(self) -> SupplierHome:
        problems = Problems()
        home = read_supplier_home(self.community.directory / "supplier", problems)
        problems.check()
        assert home is not None
        return home

    def _api(self, stage: Stage) -> Api:
        running = self.community.running
        return Api(stage.of(running.id), pinned(running, self.clock.now_ms() // 1000))


async def mistakes(month: LiveMonth) -> list[str]:
    """Where what is shown is not what the rule says."""
    wrong = []
    cents = month.community.running.settings.scale.cents
    for start, bills in zip((month.first, month.next), month.expected(), strict=True):
        due = {meter: made.due(cents) for meter, made in bills.items()}
        if (shown := await month.amounts(start)) != due:
            wrong.append(f"amounts of {start}: {shown}, not {due}")
        lines = await month.bills(start)
        if lines != {meter: made.lines for meter, made in bills.items()}:
            wrong.append(f"bills of {start}: of {sorted(lines)}, not of {sorted(bills)}, or other lines")
    read = [reading for reading in IN_TIME[1] if reading is not None]
    total = (METERS, sum(each.imported for each in read), sum(each.exported for each in read))
    if (totals := await month.totals(month.starts[1])) != [total]:
        wrong.append(f"totals of the second period: {totals}, not {total}")
    return wrong


def _by_line(sheet: ReceivedSheet, first: int) -> dict[Line, Volumes]:
    found = {}
    for row, values in zip(sheet.title.rows, sheet.values, strict=True):
        *rates, month, estimated = row.facts
        if month < first:
            continue
        retail, feed_in, fee = rates
        found[Line(Rates(retail, feed_in, fee), str(month), bool(estimated))] = Volumes(*values)
    return found


def _bills(bookings: Sequence[Booking]) -> dict[str, Bill]:
    return {account.user: made for account, made in bill(bookings).items()}


def _reading(sent: Sent) -> Reading:
    return Reading(sent.imported, sent.exported)
