"""Orders, settings and their limits (market.md §1, and the bound of §4)."""

import pytest

from mpc_market.errors import BookTooLargeError, InvalidOrderError, InvalidSettingsError, MarketError
from mpc_market.rules.model import Market, Order, Rationing, Side, check_orders

SMALL = Market(price_bits=4, quantity_bits=8)
SECRET = 987654321


def test_defaults_are_those_of_the_specification():
    assert Market() == Market(price_bits=12, quantity_bits=16, rationing=Rationing.PRO_RATA)


@pytest.mark.parametrize(
    "settings",
    [
        {"price_bits": 0},
        {"price_bits": 21},
        {"price_bits": True},
        {"price_bits": 4.0},
        {"quantity_bits": 0},
        {"quantity_bits": 25},
        {"rationing": "pro-rata"},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    (name, value), *_ = settings.items()
    with pytest.raises(InvalidSettingsError, match=f"{name} = {value!r}"):
        Market(**settings)


def test_every_grid_within_the_limits_is_accepted():
    for price_bits in range(1, 21):
        for quantity_bits in range(1, 25):
            market = Market(price_bits, quantity_bits)
            assert market.orders_max * 4**quantity_bits <= 2**60 < (market.orders_max + 1) * 4**quantity_bits


def test_words_of_orders_and_readings():
    """1 + price_bits + 2 · quantity_bits and 4 · quantity_bits (docs/wire.md)."""
    market = Market(price_bits=4, quantity_bits=8)
    assert (market.order_words, market.reading_words) == (21, 32)


@pytest.mark.parametrize(("quantity_bits", "orders"), [(20, 2**20), (24, 2**12), (16, 2**28)])
def test_the_largest_book(quantity_bits, orders):
    market = Market(quantity_bits=quantity_bits)
    market.check_size(orders)
    reason = rf"{orders + 1} orders at {quantity_bits} quantity bits.*2\^60"
    with pytest.raises(BookTooLargeError, match=reason):
        market.check_size(orders + 1)


def test_a_book_on_the_grid_is_accepted():
    corners = [(side, price, quantity) for side in Side for price in (0, 15) for quantity in (0, 255)]
    check_orders([Order(f"m{i}", *line) for i, line in enumerate(corners)], SMALL)
    check_orders([], SMALL)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (Order("", Side.BUY, 1, 1), "an order has no order_id"),
        (Order(17, Side.BUY, 1, 1), "an order has no order_id"),
        (Order("m\ud800", Side.BUY, 1, 1), r"order 'm\\ud800': the id cannot be written in UTF-8"),
        (Order("m1", "buy", 1, 1), "order 'm1': side is neither buy nor sell"),
        (Order("m1", Side.BUY, -1, 1), "order 'm1': price is not an integer from 0 to 15"),
        (Order("m1", Side.BUY, 16, 1), "order 'm1': price is not an integer from 0 to 15"),
        (Order("m1", Side.BUY, 1.0, 1), "order 'm1': price is not an integer from 0 to 15"),
        (Order("m1", Side.SELL, 1, -1), "order 'm1': quantity is not an integer from 0 to 255"),
        (Order("m1", Side.SELL, 1, 256), "order 'm1': quantity is not an integer from 0 to 255"),
        (Order("m1", Side.SELL, 1, True), "order 'm1': quantity is not an integer from 0 to 255"),
    ],
)
def test_an_order_off_the_grid_is_refused(order, reason):
    with pytest.raises(InvalidOrderError, match=reason):
        check_orders([Order("m0", Side.BUY, 1, 1), order], SMALL)


def test_an_id_used_twice_is_refused():
    with pytest.raises(InvalidOrderError, match="order 'm0': the id is used twice"):
        check_orders([Order("m0", Side.BUY, 1, 1), Order("m0", Side.SELL, 2, 2)], SMALL)


@pytest.mark.parametrize("order", [Order("m1", Side.BUY, SECRET, 1), Order("m1", Side.BUY, 1, SECRET)])
def test_neither_an_error_nor_a_repr_shows_price_or_quantity(order):
    with pytest.raises(MarketError) as refusal:
        check_orders([order], SMALL)
    assert str(SECRET) not in f"{refusal.value!r} {refusal.value} {order!r} {order}"
