"""The month in which the clocks go back, through the services: a market of two-hour periods in Brussels.

The parties are there from the last day on, which has 25 hours, and so 13 periods: at 03:00 it is 02:00 again, and the
month ends an hour later, by UTC, than it has begun.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mpc_market.rules.settlement import Account, Booking, Line, Reading, bill, estimate, settle
from mpc_market.rules.tariff import Rates
from mpc_market.wire.claim import Claimant
from mpc_market.wire.identifiers import START_MAX, Stage
from mpc_market.wire.sheet import Content
from parties.arbiter.case import closing_covers
from parties.files.market import MarketFile
from parties.files.running import Service
from parties.meter.disputing import starts_of_month
from parties.meter.market import Market
from parties.service.life import State
from tests.service.service_running import asynchronous
from tests.service.service_town import problem
from tests.service.settled_town import PRICED, SETTLED, SettledTown, people

PERIOD = 7200


def at(*moment: int) -> int:
    return int(datetime(2027, *moment, tzinfo=UTC).timestamp())


OCTOBER, NOVEMBER, DECEMBER = at(9, 30, 22), at(10, 31, 23), at(11, 30, 23)
"""Midnight in Brussels: in summer time, and in winter time."""
FIRST, CHANGE, LAST, AFTER = at(10, 30, 22), at(10, 31, 0), at(10, 31, 22), at(11, 1, 0)
"""The first period of the last day; the one in which the clocks change, at 01:00; the day's last; November's first."""
DAY = range(FIRST, AFTER, PERIOD)
IMPORTS = {FIRST: (10, 20), CHANGE: (11, 31), LAST: (62, 3), AFTER: (100, 7)}
RATES = {OCTOBER: Rates(50, 10, 5), NOVEMBER: Rates(40, 12, 4)}

SETTINGS: MarketFile = replace(PRICED, period=timedelta(seconds=PERIOD), timezone="Europe/Brussels")
MONTHLY: Service = replace(SETTLED, settlement=replace(SETTLED.settlement, billing=None), retention=timedelta(days=90))


class BrusselsTown(SettledTown):
    @property
    def gate(self) -> int:
        return 1000 * FIRST - 300_000


def due(month: int, starts: list[int]) -> dict[str, int]:
    """What the rule says of these periods, settled, or estimated where nobody has read."""
    bookings = []
    for start in starts:
        rates = RATES[OCTOBER if start in DAY else NOVEMBER]
        for k in range(2):
            reading = Reading(IMPORTS[start][k], 0) if start in IMPORTS else estimate(200)
            line = Line(rates, str(start in DAY), reading.estimated)
            bookings.append(Booking(Account(f"meter-{k}", "sun"), line, None, settle(0, 0, reading)))
    return {account.user: made.due(PRICED.scale.cents) for account, made in bill(bookings).items()}


@asynchronous
async def test_the_month_in_which_the_clocks_go_back(tmp_path):
    async with BrusselsTown(tmp_path / "m", people(2), settings=SETTINGS, times=MONTHLY).up() as town:
        assert len(DAY) == 13
        await check_tariffs(town)
        for start in (FIRST, CHANGE, LAST):
            await town.untraded(start, *IMPORTS[start])
        # readings of the month's last period are awaited for 20 minutes, and corrections for 30
        await town.correcting(DAY)
        town.later(1000 * (NOVEMBER + PERIOD) + 1_800_000)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=OCTOBER)
        for start in DAY:
            await town.until_stage(Stage.CORRECTION, State.RESULT, start=start)
        assert await amounts(town, OCTOBER) == {meter: (cents, (3, 0, 0)) for meter, cents in
                                                due(OCTOBER, [FIRST, CHANGE, LAST]).items()}  # fmt: skip
        await town.untraded(AFTER, *IMPORTS[AFTER])
        # past the last deadline of November's corrections, which nobody waits for
        town.later(1000 * (DECEMBER + PERIOD) + 2_700_000)
        await town.until_stage(Stage.CLOSING, State.RESULT, start=NOVEMBER)
        estimated = [start for start in DAY if start not in IMPORTS]
        assert await amounts(town, NOVEMBER) == {meter: (cents, (1, 10, 10)) for meter, cents in
                                                 due(NOVEMBER, [AFTER, *estimated]).items()}  # fmt: skip
        check_what_a_dispute_is_about(town)
        closings = await town.services[0].node.ledger.rounds_between(town.name(Stage.CLOSING), OCTOBER, DECEMBER)
        assert [row.start for row in closings] == [OCTOBER, NOVEMBER]


def check_what_a_dispute_is_about(town: SettledTown) -> None:
    """November's bill rests on its own settlements, and on the corrections of October."""
    covered = closing_covers(town.market, NOVEMBER)
    by_stage = {stage: [each.start for each in covered if each.stage is stage] for stage in Stage}
    assert by_stage[Stage.SETTLEMENT] == list(range(AFTER, DECEMBER, PERIOD))
    assert by_stage[Stage.CORRECTION][-13:] == list(DAY)
    named = starts_of_month(Market(town.market), NOVEMBER, town.clock.now_ms())
    assert named == by_stage[Stage.CORRECTION] + by_stage[Stage.SETTLEMENT]


async def check_tariffs(town: SettledTown) -> None:
    """They begin and end with a day in Brussels."""
    october, november = ((rates.retail, rates.feed_in, rates.fee) for rates in RATES.values())
    for begins, ends in (
        (CHANGE, START_MAX),  # midnight by UTC
        (FIRST + 86_400, START_MAX),  # after 24 hours: midnight if it were summer still
        (FIRST, LAST),
    ):
        refused = await town.publish("sun", 1, begins, *october, ends=ends)
        assert {problem(answer) for answer in refused} == {"tariff-days"}
    taken = await town.publish("sun", 1, FIRST, *october, ends=AFTER)
    taken += await town.publish("sun", 2, AFTER, *november)
    assert {answer.status_code for answer in taken} == {200}


async def amounts(town: SettledTown, month: int) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Of every user, with how many periods were settled, corrected or late, and estimated."""
    got = await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, "sun", town.suppliers["sun"], month)
    return {row.name.removeprefix("meter/"): (amount, row.facts[:3]) for row, amount in got}
