"""The timetables of settlements, corrections and closings: each is found when it opens, and until it is over.

And which rounds a month consists of, also where its periods do not begin with it.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.wire.agreement import AgreedSet, Item
from mpc_market.wire.identifiers import Period, Stage, member
from mpc_market.wire.outcome import Outcome, Result
from mpc_market.wire.signing import SIGNATURE_BYTES
from mpc_market.wire.verdicts import Verdict
from parties.arbiter.case import closing_covers
from parties.files.running import RunningMarket, Settlement
from parties.ledger import Ledger
from parties.meter.disputing import starts_of_month
from parties.meter.market import Market
from parties.service.board import Board
from parties.service.closing import MonthClosing
from parties.service.disputes import DISPUTE
from parties.service.life import State
from parties.service.metrics import Metrics
from parties.service.settling import PeriodSettling
from parties.service.tariffs import TARIFF
from parties.service.timetables import MONTHS_AWAY, ClosingTimes, CorrectionTimes, SettlementTimes
from parties.settling.calendar import Calendar, Months
from tests.service.service_running import asynchronous
from tests.service.service_town import TIMES
from tests.service.settled_town import HOUR, PRICED

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
CALENDAR = Calendar(900, Months("Europe/Brussels"), 6 * HOUR_MS, 10 * DAY_MS, 2 * HOUR_MS)
SHORT = Calendar(10, Months("UTC", 60), 5_000, 20_000, 10_000)


def at(*moment: int) -> int:
    return 1000 * int(datetime(*moment, tzinfo=UTC).timestamp())


@pytest.mark.parametrize("times", [SettlementTimes(CALENDAR), CorrectionTimes(CALENDAR), SettlementTimes(SHORT)])
@settings(max_examples=40, deadline=None)
@given(st.integers(10**9, 2 * 10**9).map(lambda each: each * 1000 + 7))
def test_every_period_is_open_when_it_is(times, now):
    length = times.calendar.period_seconds
    found = times.open_starts(now)
    assert found == sorted(set(found))
    assert all(times.opens(start) <= now < times.opened_by(start) <= times.deadline(start) for start in found)
    assert times.opens(times.next_start(now)) > now >= times.opens(times.next_start(now) - length)
    assert found[-1] == times.next_start(now) - length
    assert times.opened_by(found[0] - length) <= now
    assert all(times.is_start(start) and not times.is_start(start + 1) for start in found[:3])


def test_a_settlement_is_followed_by_its_correction():
    for start in range(at(2026, 10, 24, 22) // 1000, at(2026, 10, 25, 23) // 1000, 900):  # a day of 100 quarter-hours
        settled, corrected = SettlementTimes(CALENDAR), CorrectionTimes(CALENDAR)
        assert settled.gate(start) == corrected.opens(start) == 1000 * (start + 900) + 6 * HOUR_MS
        assert corrected.gate(start) == at(2026, 10, 31, 23) + 900_000 + 10 * DAY_MS


def test_a_correction_that_is_open_for_a_moment_can_be_opened_all_the_same():
    """With equal deadlines that of the last period of a month: void, it makes withheld readings free."""
    times = CorrectionTimes(replace(CALENDAR, correction_deadline_ms=CALENDAR.reading_deadline_ms))
    last = at(2026, 10, 31, 23) // 1000 - 900
    assert times.opens(last) == times.gate(last) - 900_000
    assert times.opened_by(last) == times.opens(last) + 2 * HOUR_MS
    assert CorrectionTimes(CALENDAR).opened_by(last) == CorrectionTimes(CALENDAR).gate(last)


@pytest.mark.parametrize(("calendar", "now"), [(CALENDAR, at(2026, 11, 26)), (SHORT, at(2026, 11, 26))])
def test_months_are_closed_one_after_the_other(calendar, now):
    times = ClosingTimes(calendar)
    found = times.open_starts(now)
    assert len(found) == MONTHS_AWAY
    assert found == sorted(set(found))
    assert all(times.opens(month) <= now for month in found)
    assert times.next_start(now) == calendar.months.next(found[-1])
    assert times.opens(times.next_start(now)) > now
    assert all(times.is_start(month) for month in found)
    corrected = CorrectionTimes(calendar)
    assert all(corrected.gate(calendar.months.before(month)) < times.opens(month) for month in found)


def test_nothing_is_open_before_the_beginning():
    for times in (SettlementTimes(CALENDAR), CorrectionTimes(CALENDAR), ClosingTimes(CALENDAR)):
        assert times.open_starts(1000) == []
        assert times.next_start(1000) <= 0


def test_a_closing_has_its_own_bound_and_disputes_do_not_count():
    """At 24 bits only 4,096 orders can be cleared, and two months have more quarter-hours."""
    accepted = replace(PRICED, quantity_bits=24, price_bits=12, id="oak-street:closing", period=timedelta(minutes=15))
    market = RunningMarket(accepted, replace(TIMES, settlement=Settlement(HOUR, 20 * 24 * HOUR, HOUR)), b"", ())
    month = market.calendar.months.read("2026-03")
    current = SimpleNamespace(node=SimpleNamespace(market=market), settings=accepted, start=month)

    def size(periods: int, disputes: int) -> AgreedSet:
        names = [member("settlement", str(i)) for i in range(periods)]
        names += [member(DISPUTE, f"{i:064x}") for i in range(disputes)]
        items = tuple(Item(name, 1, bytes(32)) for name in names)
        return AgreedSet(Period(accepted.id, month), bytes(32), bytes(32), 1, items)

    closing, both = MonthClosing(None), 31 * 96 - 4 + 28 * 96
    assert both > accepted.rules.orders_max
    assert not closing.is_too_large(current, size(both, 10_000))
    assert closing.is_too_large(current, size(both + 1, 0))


def test_a_settlement_is_bound_by_its_totals_and_not_by_the_bound_of_a_clearing():
    """At 24 bits only 4,096 orders can be cleared. Tariffs do not count."""
    accepted = replace(PRICED, quantity_bits=24, price_bits=12, period=timedelta(minutes=15))
    settling = PeriodSettling(Stage.SETTLEMENT, None)

    def too_large(readings_max: int | None, readings: int, tariffs: int) -> bool:
        items = [Item(f"meter-{i}", 1, bytes(32)) for i in range(readings)]
        items += [Item(member(TARIFF, f"{i}"), 1, bytes(32)) for i in range(tariffs)]
        agreed = AgreedSet(Period("oak-street:settlement", 900), bytes(32), bytes(32), 1, tuple(items))
        given = accepted if readings_max is None else SimpleNamespace(scale=SimpleNamespace(readings_max=readings_max))
        return settling.is_too_large(SimpleNamespace(settings=given), agreed)

    assert accepted.rules.orders_max == 4_096
    assert not too_large(None, 4_096, 5)
    assert not too_large(None, 4_097, 0)
    assert not too_large(7, 7, 5)
    assert too_large(7, 8, 0)


DAYS = Calendar(86_400, Months("Europe/Brussels"), 6 * HOUR_MS, 10 * DAY_MS, 2 * HOUR_MS)
"""Periods begin at midnight in UTC, months an hour or two before."""


def by_hand(month: int) -> list[int]:
    """The periods of DAYS that start in a month of 2026."""
    begin, end = (datetime(2026, each, 1, tzinfo=UTC) for each in (month, month + 1))
    return [int(begin.timestamp()) + 86_400 * day for day in range((end - begin).days)]


@asynchronous
async def test_a_month_that_does_not_begin_with_a_period_is_closed_with_all_of_its_periods(tmp_path):
    ledger = await Ledger.open(f"sqlite:///{tmp_path}/ledger.db", 0)
    try:
        nodes = {stage: SimpleNamespace() for stage in Stage}
        for stage, node in nodes.items():
            node.market, node.ledger, node.party = SimpleNamespace(id=stage.of("oak-street"), calendar=DAYS), ledger, 0
            node.metrics = Metrics()
            node.board, node.sibling = Board(ledger, node.market.id, 0), nodes.__getitem__
        held = {Stage.CLEARING: by_hand(1)[:1], Stage.CORRECTION: by_hand(2), Stage.SETTLEMENT: by_hand(3)}
        for stage, start in ((stage, start) for stage, starts in held.items() for start in starts):
            name, result = stage.of("oak-street"), Result(bytes(32), bytes(32), (0,) * len(Verdict), 0)
            outcome = Outcome(Period(name, start), 0, result).encode() + bytes(SIGNATURE_BYTES)
            await ledger.create_round(name, start, opens_ms=0, gate_ms=0, deadline_ms=0, state=State.RESULT)
            await ledger.put_outcome(name, start, outcome)
        month = DAYS.months.read("2026-03")
        assert month % 86_400 != 0
        current = SimpleNamespace(node=nodes[Stage.CLOSING], start=month, market="oak-street:closing")
        items = await MonthClosing(nodes[Stage.CLEARING]).further_items(current)
    finally:
        await ledger.close()
    expected = [(Stage.SETTLEMENT, start) for start in by_hand(3)] + [(Stage.CORRECTION, start) for start in by_hand(2)]
    assert [item.name for item in items] == [member(stage.value, str(start)) for stage, start in expected]


def test_arbiter_and_user_look_for_the_periods_that_the_closing_covers():
    settled = replace(TIMES, retention=timedelta(days=90), settlement=Settlement(HOUR, 20 * 24 * HOUR, HOUR))
    market = RunningMarket(replace(PRICED, period=timedelta(days=1), timezone="Europe/Brussels"), settled, b"", ())
    month = market.calendar.months.read("2026-03")
    expected = [Period(Stage.SETTLEMENT.of(market.id), start) for start in by_hand(3)]
    expected += [Period(Stage.CORRECTION.of(market.id), start) for start in by_hand(2)]
    assert closing_covers(market, month) == expected
    assert starts_of_month(Market(market), month, at(2026, 4, 2)) == by_hand(2) + by_hand(3)
    assert starts_of_month(Market(market), month, at(2026, 3, 3, 12)) == by_hand(2) + by_hand(3)[:2]
