"""Which tariff counts for a period, and for what comes after it was settled (market.md §6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.errors import InvalidSettingsError
from mpc_market.rules.model import Market
from mpc_market.rules.money import Cents, Scale
from mpc_market.rules.tariff import NO_TARIFF, Rates, Tariff, rates_for, rates_of_correction

SCALE = Scale(Market(), -100, 1, 3072, Cents(1, 100_000))

OLD, SUMMER, NEW, OTHER = Rates(20, 4, 3), Rates(25, 5, 3), Rates(21, 6, 2), Rates(9, 8, 7)
TARIFFS = [
    Tariff("sun", 1, 100, 1000, OLD),
    Tariff("sun", 2, 300, 500, SUMMER),
    Tariff("wind", 9, 0, 1000, OTHER),
    Tariff("sun", 3, 400, 450, NEW),
]


def test_the_highest_number_that_holds_counts():
    """From its beginning on, until its end; then those below it count again."""
    at = {99: NO_TARIFF, 100: OLD, 299: OLD, 300: SUMMER, 399: SUMMER, 400: NEW, 449: NEW, 450: SUMMER, 499: SUMMER}
    at |= {500: OLD, 999: OLD, 1000: NO_TARIFF}
    for tariffs in (TARIFFS, TARIFFS[::-1]):
        assert {start: rates_for(tariffs, "sun", start) for start in at} == at
        assert rates_for(tariffs, "wind", 400) == OTHER
        assert rates_for(tariffs, "city", 400) == NO_TARIFF
    assert rates_for([], "sun", 400) == NO_TARIFF


def test_a_tariff_of_zeros_is_one():
    free = Rates(0, 0, 0)
    assert rates_for([Tariff("sun", 1, 0, 9, free)], "sun", 3) == free != NO_TARIFF


@given(st.lists(st.integers(0, 9), min_size=2, max_size=8, unique=True), st.randoms())
def test_the_sequence_of_tariffs_does_not_matter(numbers, random):
    tariffs = [Tariff("sun", number, 0, 9, Rates(number, 0, 0)) for number in numbers]
    random.shuffle(tariffs)
    assert rates_for(tariffs, "sun", 0).retail == max(numbers)


@pytest.mark.parametrize(
    ("settled", "now", "replaces", "counts"),
    [
        (OLD, NEW, True, OLD),  # taken back at what it was billed at
        (OLD, NEW, False, OLD),  # late, or estimated: the supplier had a tariff
        (OLD, NO_TARIFF, True, OLD),
        (NO_TARIFF, NEW, True, NO_TARIFF),  # it was billed at none
        (NO_TARIFF, NEW, False, NEW),  # nothing was billed, or its settlement is void
        (NO_TARIFF, NO_TARIFF, False, NO_TARIFF),
    ],
)
def test_what_counts_for_a_correction(settled, now, replaces, counts):
    assert rates_of_correction(settled, now, replaces=replaces) == counts


def test_rates_as_facts():
    for rates in (OLD, NO_TARIFF, Rates(0, 0, 0)):
        assert Rates.of(rates.facts) == rates
    for wrong in ((1,), (1, 2), (1, 2, 3, 4)):
        with pytest.raises(InvalidSettingsError, match=f"a tariff of {len(wrong)} numbers"):
            Rates.of(wrong)


def test_wrong_prices_are_refused():
    for wrong in (Rates(3996, 0, 0), Rates(0, -101, 0), Rates(True, 0, 0)):
        with pytest.raises(InvalidSettingsError, match="integers from -100 to 3995 are possible"):
            wrong.check(SCALE)
    with pytest.raises(InvalidSettingsError, match="network fee of -1"):
        Rates(0, 0, -1).check(SCALE)
