"""The clearing rule on examples (market.md §3–§5) and at its limits."""

import pytest

from mpc_market.errors import BookTooLargeError, InvalidOrderError, InvalidSettingsError
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Clearing, Market, Order, Rationing, Side
from mpc_market.rules.ticket import ticket_order

SEED = bytes(32)
PRO_RATA = Market(rationing=Rationing.PRO_RATA)
LOTTERY = Market(rationing=Rationing.LOTTERY)


def book(text: str) -> list[Order]:
    """Orders written as in the specification: `sell 5 @ 10; buy 5 @ 20`."""
    orders = []
    for i, line in enumerate(filter(None, text.split("; "))):
        side, quantity, _, price = line.split()
        orders.append(Order(f"m{i}", Side(side), int(price), int(quantity)))
    return orders


@pytest.mark.parametrize("market", [PRO_RATA, LOTTERY], ids=["pro-rata", "lottery"])
@pytest.mark.parametrize(
    ("orders", "price", "accepted"),
    [
        ("sell 5 @ 10; buy 5 @ 20", 15, (5, 5)),
        ("sell 2 @ 8; buy 4 @ 14", 14, (2, 2)),
        ("sell 10 @ 5; buy 4 @ 9", 5, (4, 4)),
        ("buy 5 @ 20; buy 3 @ 10; sell 5 @ 5; sell 4 @ 15", 12, (5, 0, 5, 0)),
        ("sell 5 @ 20; buy 5 @ 10", None, (0, 0)),
        ("buy 5 @ 10; buy 3 @ 20", None, (0, 0)),
        ("sell 5 @ 10; sell 3 @ 20", None, (0, 0)),
        ("sell 0 @ 10; buy 0 @ 20", None, (0, 0)),
        ("sell 5 @ 10; buy 0 @ 20", None, (0, 0)),
        ("sell 0 @ 10; buy 5 @ 20", None, (0, 0)),
        ("", None, ()),
        # a price of 0 is a price
        ("sell 1 @ 0; buy 1 @ 0", 0, (1, 1)),
        ("sell 1 @ 0; buy 1 @ 1", 0, (1, 1)),
        # both ends of the grid, and the largest quantities
        ("sell 65535 @ 0; buy 65535 @ 4095", 2047, (65535, 65535)),
        ("sell 65535 @ 4095; buy 1 @ 4095", 4095, (1, 1)),
        # equal prices on both sides trade
        ("buy 3 @ 7; sell 2 @ 7", 7, (2, 2)),
    ],
)
def test_worked_examples(orders, price, accepted, market):
    assert clear(book(orders), market, SEED) == Clearing(price, accepted)


def test_equal_sells_share_pro_rata():
    assert clear(book("sell 3 @ 5; sell 3 @ 5; buy 4 @ 9"), PRO_RATA, SEED) == Clearing(5, (2, 2, 4))


def test_equal_buys_share_pro_rata():
    orders = book("buy 6 @ 5; buy 2 @ 5; buy 9 @ 4; sell 4 @ 1")
    assert clear(orders, PRO_RATA, SEED) == Clearing(5, (3, 1, 0, 4))


def in_ticket_order(orders: str, seed: bytes) -> list[Order]:
    """The lines of a book on ids whose tickets come in the sequence of the lines."""
    lines = book(orders)
    earliest = ticket_order(seed, [order.order_id for order in lines])
    return [
        Order(lines[i].order_id, line.side, line.price, line.quantity) for i, line in zip(earliest, lines, strict=True)
    ]


@pytest.mark.parametrize("seed", [SEED, bytes(range(32)), b"\xff" * 32])
def test_equal_sells_are_served_by_lottery(seed):
    orders = in_ticket_order("sell 3 @ 5; sell 3 @ 5; sell 3 @ 5; buy 4 @ 9", seed)
    assert clear(orders, LOTTERY, seed).accepted == (3, 1, 0, 4)


@pytest.mark.parametrize("seed", [SEED, bytes(range(32)), b"\xff" * 32])
def test_equal_buys_are_served_by_lottery(seed):
    # Buys trade the part above the cut, v_i − x_i: among equal buys it is the last tickets that are served.
    orders = in_ticket_order("buy 3 @ 5; buy 3 @ 5; buy 3 @ 5; sell 4 @ 1", seed)
    assert clear(orders, LOTTERY, seed).accepted == (0, 1, 3, 4)


@pytest.mark.parametrize("seed", [SEED, bytes(range(32)), b"\xff" * 32])
def test_left_over_lots_go_to_the_earliest_tickets_with_a_quantity(seed):
    orders = in_ticket_order("sell 0 @ 5; sell 2 @ 5; sell 2 @ 5; sell 0 @ 5; sell 2 @ 5; buy 2 @ 9", seed)
    assert clear(orders, PRO_RATA, seed).accepted == (0, 1, 1, 0, 0, 2)


@pytest.mark.parametrize("seed", [SEED, bytes(range(32)), b"\xff" * 32])
def test_rounding_q_down_can_cost_a_lot(seed):
    # A third of 3 is 1, but q = ⌊2^F / 3⌋ makes base = ⌊3·q / 2^F⌋ = 0; the ticket decides about that lot.
    orders = in_ticket_order("sell 1 @ 5; sell 1 @ 5; sell 3 @ 5; sell 1 @ 5; buy 2 @ 9", seed)
    assert clear(orders, PRO_RATA, seed) == Clearing(5, (1, 1, 0, 0, 2))
    # Where it costs everybody a lot there are as many left over as there are orders.
    orders = book("sell 3 @ 5; sell 3 @ 5; sell 3 @ 5; buy 3 @ 9")
    assert clear(orders, PRO_RATA, seed).accepted == (1, 1, 1, 3)


def test_pro_rata_leaves_other_prices_and_an_open_interval_alone():
    # a = b = 5: the sell at 4 is served in full, the one at 6 not at all, and the two at 5 share.
    orders = book("sell 3 @ 4; sell 4 @ 5; sell 4 @ 5; sell 3 @ 6; buy 7 @ 9")
    assert clear(orders, PRO_RATA, SEED) == Clearing(5, (3, 2, 2, 0, 7))
    # a = 5 < b = 8: the cut falls between two orders, and nobody is rationed.
    orders = book("sell 4 @ 5; sell 4 @ 5; sell 3 @ 9; buy 8 @ 8")
    assert clear(orders, PRO_RATA, SEED) == Clearing(6, (4, 4, 0, 8))


@pytest.mark.parametrize("rationing", Rationing)
def test_the_largest_book_clears_and_a_larger_one_is_refused(rationing):
    market = Market(quantity_bits=24, rationing=rationing)
    most = 2**24 - 1
    orders = [Order(f"m{i}", Side.SELL if i % 4 else Side.BUY, 7, most) for i in range(market.orders_max)]
    clearing = clear(orders, market, SEED)
    assert clearing.price == 7
    assert sum(clearing.accepted) == 2 * most * market.orders_max // 4
    with pytest.raises(BookTooLargeError, match="4097 orders at 24 quantity bits"):
        clear([*orders, Order("one more", Side.SELL, 7, 0)], market, SEED)


def test_bad_input_is_refused():
    with pytest.raises(InvalidOrderError, match="order 'm0': price"):
        clear(book("sell 5 @ 4096"), PRO_RATA, SEED)
    with pytest.raises(InvalidOrderError, match="order 'm0': the id is used twice"):
        clear(book("sell 5 @ 1") * 2, PRO_RATA, SEED)
    with pytest.raises(InvalidSettingsError, match="32 bytes"):
        clear(book("sell 5 @ 1"), PRO_RATA, b"")
