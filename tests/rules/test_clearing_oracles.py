"""The plaintext rule against other people's clearings (see `oracles`)."""

import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Market, Order, Rationing, Side
from tests.books import KINDS, books, markets, random_book, seeds
from tests.rules.oracles import assume_volume, clear_units, pymarket_welfare

SMALL = Market(price_bits=4, quantity_bits=4, rationing=Rationing.LOTTERY)
GRIDS = [Market(1, 1), Market(4, 8), Market(12, 16), Market(20, 24)]

# pymarket is written for an older PuLP, and PuLP says so.
old_pulp = pytest.mark.filterwarnings(
    "ignore:Spaces are not permitted in the name:UserWarning", r"ignore:.*PuLP 4\.0:DeprecationWarning"
)


def test_lottery_equals_the_lot_by_lot_rule_on_all_books_of_three():
    market = Market(price_bits=2, quantity_bits=2, rationing=Rationing.LOTTERY)
    for lines in product(product(Side, range(3), range(3)), repeat=3):
        orders = [Order(f"m{i}", *line) for i, line in enumerate(lines)]
        assert clear(orders, market, bytes(32)) == clear_units(orders, bytes(32))


@settings(max_examples=150, deadline=None)
@given(books(SMALL, 12), seeds())
def test_lottery_equals_the_lot_by_lot_rule(orders, seed):
    assert clear(orders, SMALL, seed) == clear_units(orders, seed)


@pytest.mark.parametrize("kind", KINDS)
def test_lottery_equals_the_lot_by_lot_rule_on_every_kind_of_book(kind):
    rng = random.Random(kind)
    for size in range(30):
        orders, seed = random_book(rng, SMALL, size, kind), rng.randbytes(32)
        assert clear(orders, SMALL, seed) == clear_units(orders, seed)


@settings(max_examples=150, deadline=None)
@given(st.data(), markets(), seeds())
def test_volume_equals_that_of_assume(data, market, seed):
    orders = data.draw(books(market, 20))
    assert sum(clear(orders, market, seed).accepted) == 2 * assume_volume(orders)


@pytest.mark.parametrize("kind", KINDS)
def test_volume_equals_that_of_assume_on_every_kind_of_book(kind):
    rng = random.Random(kind)
    for market in GRIDS:
        for size in (0, 1, 2, 3, 10, 40):
            orders = random_book(rng, market, size, kind)
            assert sum(clear(orders, market, rng.randbytes(32)).accepted) == 2 * assume_volume(orders)


def welfare(orders, accepted):
    """What buyers would pay at most for what they get, less what sellers ask at least; in ticks × lots."""
    return sum(
        lots * (order.price if order.side is Side.BUY else -order.price)
        for order, lots in zip(orders, accepted, strict=True)
    )


@old_pulp
@settings(max_examples=50, deadline=None)
@given(st.data(), markets(), seeds())
def test_welfare_equals_the_optimum_of_pymarket(data, market, seed):
    orders = data.draw(books(market, 12))
    expected = pytest.approx(pymarket_welfare(orders), rel=1e-9, abs=1e-6)
    assert welfare(orders, clear(orders, market, seed).accepted) == expected


@old_pulp
@pytest.mark.parametrize("kind", KINDS)
def test_welfare_equals_the_optimum_of_pymarket_on_every_kind_of_book(kind):
    rng = random.Random(kind)
    for market in GRIDS:
        orders = random_book(rng, market, 12, kind)
        expected = pytest.approx(pymarket_welfare(orders), rel=1e-9, abs=1e-6)
        assert welfare(orders, clear(orders, market, rng.randbytes(32)).accepted) == expected
