"""A period from its clearing to its settlement and correction, through the services of all parties.

What comes out is what the rule in the clear says.
"""

from dataclasses import replace

import pytest

from mpc_market.rules.model import Side
from mpc_market.rules.settlement import Account as RuleAccount
from mpc_market.rules.settlement import Booking, Line, Volumes, estimate, settle
from mpc_market.rules.settlement import Reading as Metered
from mpc_market.rules.settlement import bill as bill_of
from mpc_market.rules.tariff import NO_TARIFF, Rates, rates_for, rates_of_correction
from mpc_market.rules.tariff import Tariff as RuleTariff
from mpc_market.wire.audit import check_chain
from mpc_market.wire.claim import Claimant
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.record import Record
from mpc_market.wire.sheet import Content, key_fact
from mpc_market.wire.tariff import Tariff
from parties.client.api import Api, pinned
from parties.client.sheets import SheetError
from parties.grid.home import GridHome
from parties.grid.totals import fetch_totals
from parties.service.life import FINAL, State
from parties.setup.creating import party_folder
from parties.supplier.home import SupplierHome
from parties.supplier.sheets import fetch, publish_tariff
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, problem
from tests.service.settled_commands import check_commands
from tests.service.settled_town import END, PRICED, SettledTown, entry, people
from tests.service.test_service_stand_by import on_server


@asynchronous
async def test_a_period_is_settled_as_soon_as_every_reading_is_there(tmp_path):
    """By five parties."""
    meters = people()
    async with SettledTown(tmp_path / "m", meters, parties=5).up() as town:
        answers = await town.publish("sun", 1, START, 50, 10, 5)
        assert [answer.status_code for answer in answers] == [200] * 5
        await town.until(State.COLLECTING)
        terms = await town.terms()
        for meter, order in zip(meters, [(Side.SELL, 10, 40), (Side.BUY, 30, 60), (Side.BUY, 5, 9)], strict=True):
            await town.submit(meter.submission(terms, 1, order))
        await town.run_round()
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        asked = await town.stage_terms(Stage.SETTLEMENT)
        assert asked.challenge != terms.challenge
        readings = [(0, 35), (70, 0), (20, 2)]
        for meter, reading in zip(meters, readings, strict=True):
            await town.read(meter, asked, *reading)
        await town.until_stage(Stage.SETTLEMENT, *FINAL)
        assert [await town.stage_state(Stage.SETTLEMENT, party) for party in range(5)] == [State.RESULT] * 5
        assert town.clock.now_ms() < 1000 * END + 1_200_000
        # another reading is not to be tried again: it goes to the correction, when that opens
        again = town.reading(meters[0], asked, 1, 36, number=2).only_for(0)
        assert problem(await town.post_reading(0, again)) == "late"
        expected = [entry(0, 40, Metered(0, 35)), entry(40, 0, Metered(70, 0)), entry(0, 0, Metered(20, 2))]
        assert await town.entries(Stage.SETTLEMENT) == dict(zip([m.id for m in meters], expected, strict=True))
        everybody = (3, 90, 37)
        assert await town.totals(Claimant.SUPPLIER, "sun", town.suppliers["sun"]) == {"supplier/sun": everybody}
        of_region = {"region/north": everybody, "supplier/sun": everybody}
        assert await town.totals(Claimant.DSO, "north", town.operators["north"]) == of_region
        assert await town.totals(Claimant.TSO, "grid", town.operators["grid"]) == {"region/north": everybody}
        assert await town.totals(Claimant.SUPPLIER, "wind", town.suppliers["wind"]) == "group-too-small"
        assert await town.totals(Claimant.DSO, "north", town.operators["grid"]) == "unauthorized"
        await check_records(town)
        text = (await town.private(0, "metrics")).text
        for stage in ("clearing", "settlement"):
            assert f'mpc_market_submissions_total{{stage="{stage}"}} 3.0\n' in text
            assert f'mpc_market_receipt_seconds_count{{stage="{stage}"}} 3.0\n' in text


ANNA, BEN, CARL, DORA = (f"meter-{i}" for i in range(4))
RATES = Rates(50, 10, 5)
FIRST = RuleTariff("sun", 1, START, 2**40 - 1, RATES)
LATER = RuleTariff("sun", 2, START, END, Rates(60, 3, 1))
"""Turns up between the settlement of the first period and its correction."""
MONTH, NEXT = START, START + 3600


async def settle_a_month(town: SettledTown, *, tariff: bool = True) -> int:
    """Four periods: one with trade, of which two readings are late or corrected and one never comes; one whose clearing
    is void; two that nobody reads. Returns the price in ticks.
    """
    meters = town.meters
    if tariff:
        await town.publish("sun", 1, START, 50, 10, 5)
    await town.until(State.COLLECTING)
    terms = await town.terms()
    orders = [(Side.SELL, 10, 40), (Side.BUY, 30, 60), (Side.BUY, 5, 9), (Side.BUY, 20, 7)]
    for meter, order in zip(meters, orders, strict=True):
        await town.submit(meter.submission(terms, 1, order))
    await town.run_round()
    price = (await town.get(0, f"periods/{START}")).json()["price"]
    town.clock.move_to(1000 * END)
    await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
    asked = await town.stage_terms(Stage.SETTLEMENT)
    await town.read(meters[0], asked, 0, 35)
    await town.read(meters[1], asked, 99, 0)
    town.clock.move_to(1000 * (END + PERIOD))  # the second period is over; its clearing was never opened, or is void
    await town.until_stage(Stage.SETTLEMENT, State.COLLECTING, start=END)
    asked = await town.stage_terms(Stage.SETTLEMENT, END)
    for i, meter in enumerate(meters):
        await town.read(meter, asked, 10 + i, 0)
    await town.until_stage(Stage.SETTLEMENT, State.RESULT, start=END)
    town.clock.move_to(1000 * END + 1_200_000)
    await town.until_stage(Stage.SETTLEMENT, State.RESULT)
    await town.until_stage(Stage.CORRECTION, State.COLLECTING)
    asked = await town.stage_terms(Stage.CORRECTION)
    await town.read(meters[1], asked, 70, 0)  # corrected
    await town.read(meters[2], asked, 12, 0)  # late
    await town.correcting(range(MONTH, NEXT, PERIOD))
    return price


def booked(user: str, price: int | None, reading: Metered, traded=(0, 0), replaces=None, rates=RATES) -> Booking:
    line = Line(rates, "1", reading.estimated)
    old = None if replaces is None else settle(*traded, replaces)
    return Booking(RuleAccount(user, "sun"), line, price, settle(*traded, reading), old)


def at_correction(settled: list[RuleTariff], *, replaces: bool = False, start: int = START) -> Rates:
    """What counts for a correction. `settled`: the tariffs that there were when the period was settled."""
    then, now = (rates_for(tariffs, "sun", start) for tariffs in (settled, [*settled, LATER]))
    return rates_of_correction(then, now, replaces=replaces)


def due(bookings: list[Booking]) -> dict[str, int]:
    return {account.user: bill.due(PRICED.scale.cents) for account, bill in bill_of(bookings).items()}


@pytest.fixture
def served(tmp_path, postgres) -> SettledTown:
    """Party 0 keeps its ledger on a server."""
    made = SettledTown(tmp_path / "m", people(4))
    on_server(made.path / party_folder(0), postgres.new_database())
    return made


@asynchronous
async def test_a_month_with_late_corrected_and_missing_readings_is_the_month_of_the_rule(served):
    async with served.up() as town:
        price = await settle_a_month(town)
        traded = {ANNA: (0, 40), BEN: (40, 0)} if price is not None else {}
        assert traded
        # of another tariff that turns up between settlement and correction nothing may be seen
        await town.slip_in(Tariff(town.market.id, "sun", 2, START, END, 60, 3, 1))
        # the month is closed: what was there in time, and the period whose clearing was void
        town.clock.move_to(1000 * (NEXT + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=MONTH)
        first = [
            booked(ANNA, price, Metered(0, 35), traded[ANNA]),
            booked(BEN, price, Metered(99, 0), traded[BEN]),
            *(booked(name, None, Metered(10 + i, 0)) for i, name in enumerate((ANNA, BEN, CARL, DORA))),
        ]
        sun = town.suppliers["sun"]
        assert await amounts_of(town, sun, MONTH) == due(first)
        assert await town.sheet(Content.CORRECTIONS, Claimant.SUPPLIER, "sun", sun, MONTH) == "group-too-small"
        # the last deadline: corrections, and estimates; they are in the next month's amounts
        town.clock.move_to(1000 * (NEXT + PERIOD) + 1_800_000)
        for start in range(MONTH, NEXT, PERIOD):
            await town.until_stage(Stage.CORRECTION, State.RESULT, start=start)
        town.clock.move_to(1000 * (NEXT + 3600 + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=NEXT)
        most = estimate(200)
        late, later = at_correction([FIRST]), at_correction([FIRST], start=END + PERIOD)
        second = [
            booked(BEN, price, Metered(70, 0), traded[BEN], Metered(99, 0), at_correction([FIRST], replaces=True)),
            booked(CARL, price, Metered(12, 0), rates=late),
            booked(DORA, price, most, rates=late),
            *(booked(name, None, most, rates=later) for name in (ANNA, BEN, CARL, DORA) for _ in range(2)),
        ]
        assert {booking.line.rates for booking in second} == {RATES}
        assert await amounts_of(town, sun, NEXT) == due(second)
        corrected = await town.sheet(Content.CORRECTIONS, Claimant.SUPPLIER, "sun", sun, NEXT)
        assert [(row.name, row.users, *values) for row, *values in corrected] == [("supplier/sun", 2, 70 - 99 + 12, 0)]
        await check_clients(town, due(second))
        await check_bills(town, bill_of(second))
        await check_commands(town, NEXT, bill_of(second))
        await check_that_nobody_reads_anothers(town)


@asynchronous
async def test_without_a_tariff_local_trade_is_billed_and_nothing_else(tmp_path):
    """A supplier that publishes none cannot keep its users' sales unpaid; what is taken back was billed without one."""
    async with SettledTown(tmp_path / "m", people(4)).up() as town:
        price = await settle_a_month(town, tariff=False)
        assert price
        # one turns up between settlement and correction: it holds for whom it takes nothing back from
        await town.slip_in(Tariff(town.market.id, "sun", 2, START, END, 60, 3, 1))
        town.clock.move_to(1000 * (NEXT + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=MONTH)
        sun, none = town.suppliers["sun"], {"rates": NO_TARIFF}
        first = [
            booked(ANNA, price, Metered(0, 35), (0, 40), **none),
            booked(BEN, price, Metered(99, 0), (40, 0), **none),
            *(booked(name, None, Metered(10 + i, 0), **none) for i, name in enumerate((ANNA, BEN, CARL, DORA))),
        ]
        cents = PRICED.scale.cents
        assert due(first) == {ANNA: cents.of(-40 * price), BEN: cents.of(40 * price), CARL: 0, DORA: 0}
        assert await amounts_of(town, sun, MONTH) == due(first)
        ben = town.meters[1]
        ((row, *_),) = await town.sheet(Content.BILL, Claimant.METER, BEN, (ben.key, ben.sealing), MONTH)
        assert row.facts == (MONTH, 0)  # no prices
        town.clock.move_to(1000 * (NEXT + PERIOD) + 1_800_000)
        for start in range(MONTH, NEXT, PERIOD):
            await town.until_stage(Stage.CORRECTION, State.RESULT, start=start)
        town.clock.move_to(1000 * (NEXT + 3600 + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=NEXT)
        most, late, later = estimate(200), at_correction([]), at_correction([], start=END + PERIOD)
        assert (late, later) == (LATER.rates, NO_TARIFF)
        second = [
            booked(BEN, price, Metered(70, 0), (40, 0), Metered(99, 0), at_correction([], replaces=True)),
            booked(CARL, price, Metered(12, 0), rates=late),
            booked(DORA, price, most, rates=late),
            *(booked(name, None, most, rates=later) for name in (ANNA, BEN, CARL, DORA) for _ in range(2)),
        ]
        assert await amounts_of(town, sun, NEXT) == due(second)


async def check_clients(town: SettledTown, expected: dict[str, int]) -> None:
    """The clients of supplier and DSO get the same, over HTTPS, every signature and share checked."""

    async def asking(stage: Stage, work):
        staged = town.market.staged(stage)
        async with Api(staged.id, pinned(town.market, town.clock.now_ms() // 1000)) as api:
            return await work(api, staged)

    sun = SupplierHome(town.path, "sun", *town.suppliers["sun"])
    sheet = await asking(Stage.CLOSING, lambda api, staged: fetch(api, staged, sun, Content.AMOUNTS, NEXT))
    shown = {
        row.name.removeprefix("meter/"): (row, amount)
        for row, (amount,) in zip(sheet.title.rows, sheet.values, strict=True)
    }
    assert {meter: amount for meter, (_, amount) in shown.items()} == expected
    # of the month itself nothing was settled; of the month before three periods are corrected, late or estimated
    keys = {meter.id: key_fact(meter.key.public) for meter in town.meters}
    assert shown[BEN][0].facts == (0, 3, 2, keys[BEN]), "a corrected period counts once"
    assert shown[BEN][0].users == 4, "an entry that is taken back is one too"
    assert shown[DORA][0].facts == (0, 3, 3, keys[DORA])
    north = GridHome(town.path, Claimant.DSO, "north", *town.operators["north"])
    sheet = await asking(Stage.SETTLEMENT, lambda api, staged: fetch_totals(api, staged, north, Content.TOTALS, END))
    totals = [(row.name, row.users, *values) for row, values in zip(sheet.title.rows, sheet.values, strict=True)]
    assert totals == [("region/north", 4, 46, 0), ("supplier/sun", 4, 46, 0)]
    missed = END + PERIOD  # its settlement was never opened: the clock was moved on past it
    with pytest.raises(SheetError) as caught:
        await asking(Stage.SETTLEMENT, lambda api, staged: fetch_totals(api, staged, north, Content.TOTALS, missed))
    assert caught.value.problem == "unknown-period"
    tariff = Tariff(town.market.id, "sun", 3, NEXT + 90_000, NEXT + 90_900, 50, 10, 5)
    for _ in range(2):
        assert await asking(Stage.CLEARING, lambda api, _: publish_tariff(api, sun, tariff)) == {}
    bad = replace(tariff, retail=64, number=4)
    assert set(await asking(Stage.CLEARING, lambda api, _: publish_tariff(api, sun, bad))) == {0, 1, 2}


async def amounts_of(town: SettledTown, keys, month: int) -> dict[str, int]:
    got = await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, "sun", keys, month)
    return {row.name.removeprefix("meter/"): amount for row, amount in got}


async def check_bills(town: SettledTown, expected) -> None:
    """Every user gets its own lines, with what they are about, and the amount that the supplier gets."""
    for meter in town.meters:
        keys = (meter.key, meter.sealing)
        lines = await town.sheet(Content.BILL, Claimant.METER, meter.id, keys, NEXT)
        bill = expected[RuleAccount(meter.id, "sun")]
        found = {(row.facts[-1] == 1): Volumes(*values) for row, *values in lines}
        assert found == {line.estimated: volumes for line, volumes in bill.lines.items()}
        assert all(row.facts[:4] == (50, 10, 5, MONTH) for row, *_ in lines)
        ((row, amount),) = await town.sheet(Content.AMOUNTS, Claimant.METER, meter.id, keys, NEXT)
        assert amount == bill.due(PRICED.scale.cents)
        assert row.facts[2] == (2 if meter.id != DORA else 3)


async def check_that_nobody_reads_anothers(town: SettledTown) -> None:
    anna, ben = town.meters[:2]
    keys = (ben.key, ben.sealing)
    assert await town.sheet(Content.BILL, Claimant.METER, anna.id, keys, NEXT) == "unauthorized"
    sun = town.suppliers["sun"]
    assert await town.sheet(Content.BILL, Claimant.SUPPLIER, "sun", sun, NEXT) == "nothing-here"
    wind = town.suppliers["wind"]
    assert await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, "wind", wind, NEXT) == "nothing-here"
    grid = town.operators["grid"]
    assert await town.sheet(Content.AMOUNTS, Claimant.TSO, "grid", grid, NEXT) == "nothing-here"


async def check_records(town: SettledTown) -> None:
    """The chain of settlements is complete, and an auditor finds everything signed."""
    answer = (await town.get(1, f"../{town.name(Stage.SETTLEMENT)}/records")).json()
    records = [Record.decode(each.encode()) for each in answer["records"]]
    audited = check_chain(records, lambda period: town.market.committee(period.start).at(period.stage))
    assert audited[-1].price is not None
    assert records[-1].agreed.count == 4  # three readings and a tariff
