"""Cents, the bound within which bills are exact, and which totals may be shown."""

from fractions import Fraction
from itertools import product
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.errors import AmountsTooLargeError, InvalidSettingsError
from mpc_market.rules.groups import large_enough, shown_parts
from mpc_market.rules.model import Market
from mpc_market.rules.money import ENTRIES_PER_PERIOD, Cents, Scale
from mpc_market.rules.settlement import Account, Booking, Line, Reading, amounts, bill, settle, value
from mpc_market.rules.tariff import Rates

CENTS = Cents(1, 100_000)


def test_half_a_cent_goes_up():
    assert [CENTS.of(x) for x in (49_999, 50_000, -50_000, -50_001, 150_000, -150_000, 0)] == [0, 1, 0, -1, 2, -1, 0]


@given(st.integers(-(2**60), 2**60), st.integers(1, 1000), st.integers(1, 10**7))
def test_rounding_is_exact(amount, numerator, denominator):
    assert Cents(numerator, denominator).of(amount) == floor(Fraction(amount * numerator, denominator) + Fraction(1, 2))


def test_the_bound():
    """9 · orders · 2^(price_bits + quantity_bits) · periods < 2^60; and room to round."""
    Scale(Market(20, 24), 0, 1, 3072, CENTS)
    for market, orders, periods in (
        (Market(20, 24), 1, 7282),
        (Market(20, 24), 8, 3072),
        (Market(20, 20), 255, 3072),
    ):
        with pytest.raises(AmountsTooLargeError, match=f"9 · {orders} orders .* {periods} periods"):
            Scale(market, 0, orders, periods, CENTS)
    Scale(Market(20, 24), 0, 1, 3640, CENTS)
    for periods in (3641, 7281):  # 9 · 7281 · 2^44 < 2^60, but a number twice as large must fit when it is rounded
        with pytest.raises(AmountsTooLargeError, match="parts of a cent"):
            Scale(Market(20, 24), 0, 1, periods, CENTS)
    with pytest.raises(AmountsTooLargeError, match="parts of a cent"):
        Scale(Market(20, 24), 0, 1, 3072, Cents(7, 100_000))
    for wrong in ((0, 1), (1, 0), (1.0, 1), (2**60, 1)):
        with pytest.raises(InvalidSettingsError, match="integer from 1"):
            Cents(*wrong)


@pytest.mark.parametrize(("quantity_bits", "periods"), [(24, 2976), (24, 3640), (16, 44_640), (1, 1)])
def test_totals_of_readings_are_exact(quantity_bits, periods):
    """A total of corrections over that many users, each of whom has read 0 in every period and corrects it."""
    scale = Scale(Market(12, quantity_bits), 0, 1, periods, CENTS)
    users, most = scale.readings_max, 2**quantity_bits - 1
    assert users * periods * most < 2**60
    assert users * periods * 2**quantity_bits <= 2**60 < (users + 1) * periods * 2**quantity_bits


@pytest.mark.parametrize("orders", [1, 3])
def test_a_bill_can_be_larger_than_three_times_its_month(orders):
    """Every period of the month before is late, and nothing that was sold was delivered: twice what a month has."""
    scale = Scale(Market(3, 2), 0, orders, 5, Cents(1, 1))
    price, lots = 2**3 - 1, 2**2 - 1
    rates = Rates(retail=price, feed_in=0, fee=price)
    rates.check_charges()
    rates.check(scale)
    sold, reading = orders * lots, Reading(lots, 0)
    months = [Line(rates, month) for month in ("2026-10", "2026-11")]
    anna = Account("anna", "green")
    made = bill(Booking(anna, line, 0, settle(0, sold, reading)) for line in months for _ in range(scale.periods))
    total = made[anna].total
    assert total == 2 * scale.periods * (2 * orders + 1) * price * lots
    assert 3 * orders * price * lots * scale.periods < total <= scale.largest_amount(2 * scale.periods)
    assert total <= scale.largest_amount(ENTRIES_PER_PERIOD * scale.periods)


@pytest.mark.parametrize("base", [0, -8, -20, 5])
@pytest.mark.parametrize("orders", [1, 2])
def test_no_amount_is_larger_than_the_bound(base, orders):
    """Tried out on all extremes of a small market."""
    scale = Scale(Market(3, 2), base, orders, 1, Cents(1, 1))
    ends = (base, base + 7)
    most = 4 * orders - 1
    for price, retail, feed_in, fee in product(ends, ends, ends, (0, scale.widest_price)):
        for bought, imported, exported in product((0, most // 2, most), (0, 3), (0, 3)):
            for sold in {0, most - bought}:
                cost = amounts(
                    value(settle(bought, sold, Reading(imported, exported)), price), Rates(retail, feed_in, fee)
                )
                sizes = [cost.total, cost.local_purchases, cost.local_sales, cost.fee_on_sales]
                sizes += [cost.residual_import, cost.residual_export]
                assert max(map(abs, sizes)) <= scale.largest_amount(1)


def test_a_total_over_nobody_is_not_shown():
    assert [large_enough(users, 5) for users in (0, 4, 5)] == [False, False, True]
    assert [large_enough(users, 1) for users in (0, 1)] == [False, True]


@given(st.lists(st.integers(0, 12), max_size=6), st.integers(1, 7))
def test_no_small_total_follows_from_those_that_are_shown(users, minimum):
    shown = shown_parts(users, minimum)
    rest = sum(count for count, each in zip(users, shown, strict=True) if not each)
    assert all(count >= minimum for count, each in zip(users, shown, strict=True) if each)
    assert rest == 0 or rest >= minimum or not any(shown)


def test_the_rest_is_hidden_behind_the_smallest_part():
    assert shown_parts([9, 2, 5], 5) == [True, False, False]
    assert shown_parts([9, 0, 5], 5) == [True, False, True]
    assert shown_parts([9, 3, 3], 5) == [True, False, False]
