"""The generator of order books reaches the corners that its kinds are named for."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Market, Order, Rationing, Side, check_orders
from tests.books import KINDS, books, markets, random_book

MARKETS = [Market(1, 1), Market(2, 24), Market(12, 16), Market(20, 20)]
SEED = bytes(32)


@pytest.mark.parametrize("market", MARKETS, ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_a_book_has_its_size_and_fits_the_market(kind, market):
    rng = random.Random(kind)
    for size in (0, 1, 2, 3, 4, 17, 64):
        orders = random_book(rng, market, size, kind)
        assert len(orders) == size
        check_orders(orders, market)


@pytest.mark.parametrize("kind", KINDS)
def test_a_book_is_reproducible(kind):
    first, second = (random_book(random.Random(1), Market(), 20, kind) for _ in range(2))
    assert first == second


@given(st.data(), markets())
def test_books_of_the_strategy_fit_the_market(data, market):
    orders = data.draw(books(market, 8))
    assert len(orders) <= 8
    check_orders(orders, market)


def sample(kind: str, market: Market) -> list[list[Order]]:
    rng = random.Random(kind)
    return [random_book(rng, market, 30, kind) for _ in range(30)]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_not_all_ascii(kind):
    assert any(not order.order_id.isascii() for orders in sample(kind, Market()) for order in orders)


@pytest.mark.parametrize("kind", ["apart", "buys", "sells", "idle"])
def test_nothing_trades(kind):
    assert all(clear(orders, Market(), SEED).price is None for orders in sample(kind, Market()))


@pytest.mark.parametrize("kind", ["tiny", "ties", "one-price", "equal", "extremes", "edges", "full"])
@pytest.mark.parametrize("side", Side)
def test_either_side_is_rationed(kind, side):
    """The two rules differ, and on orders of this side."""
    market, lottery = Market(4, 8, Rationing.PRO_RATA), Market(4, 8, Rationing.LOTTERY)
    different = set()
    for orders in sample(kind, market):
        accepted = zip(orders, clear(orders, market, SEED).accepted, clear(orders, lottery, SEED).accepted, strict=True)
        different |= {order.side for order, lots, lottery_lots in accepted if lots != lottery_lots}
    assert side in different


@pytest.mark.parametrize("kind", ["units", "balanced"])
def test_the_price_can_be_nobodys_limit(kind):
    found = 0
    for orders in sample(kind, Market()):
        price = clear(orders, Market(), SEED).price
        found += price is not None and price not in {order.price for order in orders}
    assert found >= 5


def test_rounding_q_down_costs_somebody_a_lot():
    """Among equal orders v·A/G can be whole and base_i nevertheless a lot less."""
    found = 0
    for orders in sample("equal", Market()):
        total = {side: sum(order.quantity for order in orders if order.side is side) for side in Side}
        given, asked = sorted(total.values())  # all at one price: the shorter side is served in full
        q = 2**44 * given // asked
        found += any(v * given % asked == 0 and v * q >> 44 < v * given // asked for v in (2520, 5040))
    assert found >= 5


@pytest.mark.parametrize("quantity_bits", [20, 24])
def test_the_precision_of_q_shows(quantity_bits):
    """Fewer or more bits of q would give some order another base_i."""
    market = Market(4, quantity_bits)
    seen = set()
    for orders in sample("barely", market):
        total = {side: sum(order.quantity for order in orders if order.side is side) for side in Side}
        given, asked = sorted(total.values())
        for order in orders:
            base = {
                change: order.quantity * ((given << bits) // asked) >> bits
                for change in (-1, 0, 1)
                for bits in [60 - quantity_bits + change]
            }
            seen |= {change for change in base if base[change] != base[0]}
    assert seen == {-1, 1}
