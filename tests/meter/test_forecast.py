"""The forecast and the order that follows (parties.meter.forecast)."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.rules.model import Side
from parties.files.market import MarketFile
from parties.meter.forecast import DAYS, Limits, Wish, forecast, same_periods, wish
from parties.meter.registers import Energy
from tests.meter.telegrams import BRUSSELS

DAY = 86_400
NOON = 1_795_262_400
UTC = ZoneInfo("UTC")
LIMITS = Limits(buy=3000, sell=700)


def local(*moment: int, fold: int = 0) -> int:
    return int(datetime(*moment, tzinfo=BRUSSELS, fold=fold).timestamp())


def test_the_known_answer():
    """Yesterday 100 Wh, the day before unknown, three days ago -40: (1·100 + 16/25·(−40)) / (1 + 16/25)."""
    energies = {NOON - DAY: Energy(100, 0), NOON - 3 * DAY: Energy(0, 40), NOON - 15 * DAY: Energy(9999, 0)}
    assert forecast(energies, NOON, UTC) == Fraction(100 * 25 - 40 * 16, 41)


def test_without_a_known_day_there_is_no_forecast():
    assert forecast({NOON: Energy(1, 0), NOON - DAY + 900: Energy(1, 0)}, NOON, UTC) is None


@given(st.lists(st.integers(-5000, 5000), min_size=1, max_size=DAYS))
def test_it_lies_between_the_days_and_later_days_count_more(nets):
    energies = {NOON - day * DAY: Energy(max(net, 0), max(-net, 0)) for day, net in enumerate(nets, 1)}
    expected = forecast(energies, NOON, UTC)
    assert min(nets) <= expected <= max(nets)
    raised = energies | {NOON - DAY: Energy(6000, 0)}
    assert forecast(raised, NOON, UTC) > expected


def test_the_same_wall_clock_time_over_the_change_of_the_clocks():
    days = same_periods(local(2026, 10, 27, 18, 0), BRUSSELS)
    assert [days[d] for d in (1, 2, 3)] == [local(2026, 10, day, 18, 0) for day in (26, 25, 24)]
    assert days[2] - days[3] == 25 * 3600


def test_an_hour_that_the_wall_clock_skipped_is_left_out():
    days = same_periods(local(2026, 3, 30, 2, 15), BRUSSELS)
    assert 1 not in days  # 29 March has no 02:15
    assert days[2] == local(2026, 3, 28, 2, 15)
    assert len(days) == DAYS - 1


def test_of_an_hour_that_came_twice_the_same_one_is_taken():
    assert same_periods(local(2026, 10, 26, 2, 15), BRUSSELS)[1] == local(2026, 10, 25, 2, 15, fold=0)
    second = local(2026, 10, 25, 2, 15, fold=1)
    assert same_periods(second, BRUSSELS)[1] == local(2026, 10, 24, 2, 15)


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        (Fraction(1234), Wish(Side.BUY, 3000, 1234)),
        (Fraction(12349, 10), Wish(Side.BUY, 3000, 1234)),
        (Fraction(-12349, 10), Wish(Side.SELL, 700, 1234)),
        (Fraction(-9, 10), Wish(Side.SELL, 700, 0)),
        (Fraction(0), Wish(Side.SELL, 700, 0)),
        (Fraction(5000), Wish(Side.BUY, 3000, 4000)),
    ],
)
def test_orders_are_rounded_down_and_never_above_the_maximum(net, expected):
    assert wish(net, LIMITS, MarketFile(), maximum=4000) == expected


def test_other_lots():
    market = MarketFile(lot=Decimal("0.25"), quantity_bits=4)
    assert wish(Fraction(999), LIMITS, market, maximum=15).quantity == 3
    assert wish(Fraction(-(10**9)), LIMITS, market, maximum=10**6).quantity == 15
