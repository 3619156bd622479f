"""The clearing rule in plaintext: what a round computes (market.md §3 and §4, word for word).

This is the specification: exact integers, no cryptography, and no cleverness. The secure engine computes
the same function on shares and must agree with it on every input, to the last lot.
Cost: one sort of the book; everything after it is linear in the number of orders.
"""

from collections.abc import Sequence
from itertools import accumulate

from mpc_market.rules.model import Clearing, Market, Order, Rationing, Side, check_orders
from mpc_market.rules.ticket import ticket_order


def clear(orders: Sequence[Order], market: Market, seed: bytes) -> Clearing:
    """Clear one round: the clearing price in ticks, and the accepted quantities in lots.

    `seed`: the public seed of the round, 32 bytes. The result does not depend on the sequence of the
    orders; its `accepted` follows that sequence.
    Raises: InvalidOrderError, BookTooLargeError, InvalidSettingsError (seed).
    """
    check_orders(orders, market)
    book = _book_order(orders, seed)
    # B = the sum of all buy quantities; the cut is at B
    cut = sum(order.quantity for order in book if order.side is Side.BUY)

    accepted = _cut_book(book, cut)
    # V = the sum of what the sells give = the sum of what the buys take
    traded = sum(accepted[order.order_id] for order in book if order.side is Side.SELL)
    if traded == 0:
        return Clearing(price=None, accepted=(0,) * len(orders))

    a, b = _price_interval(book, cut)
    if market.rationing is Rationing.PRO_RATA and a == b:
        for side in Side:
            group = [order for order in book if order.price == a and order.side is side]
            accepted |= _pro_rata(group, sum(accepted[order.order_id] for order in group), market)

    # p* = ⌊(a + b) / 2⌋
    return Clearing(price=(a + b) // 2, accepted=tuple(accepted[order.order_id] for order in orders))


def _book_order(orders: Sequence[Order], seed: bytes) -> list[Order]:
    """§3: by price ascending, at equal price sells before buys, and then by ticket."""
    by_ticket = [orders[i] for i in ticket_order(seed, [order.order_id for order in orders])]
    # Even keys are sells, odd ones buys; the sort is stable, so that equal keys stay in ticket order.
    return sorted(by_ticket, key=lambda order: 2 * order.price + (order.side is Side.BUY))


def _price_interval(book: Sequence[Order], cut: int) -> tuple[int, int]:
    """§3: a and b, the M-th and (M+1)-st price of the combined book, for a book in which something trades."""
    # C_i = v_1 + … + v_i
    totals = list(accumulate(order.quantity for order in book))
    a = next(order.price for order, total in zip(book, totals, strict=True) if total >= cut)
    b = next(order.price for order, total in zip(book, totals, strict=True) if total > cut)
    return a, b


def _cut_book(book: Sequence[Order], cut: int) -> dict[str, int]:
    """§4: accepted quantities by id under the lottery rule; sells trade below the cut, buys above it."""
    accepted = {}
    total = 0  # C_{i−1}
    for order in book:
        # x_i = min(max(B − C_{i−1}, 0), v_i)
        below = min(max(cut - total, 0), order.quantity)
        accepted[order.order_id] = below if order.side is Side.SELL else order.quantity - below
        total += order.quantity
    return accepted


def _pro_rata(group: Sequence[Order], given: int, market: Market) -> dict[str, int]:
    """§4: what the lottery rule has `given` to a group in total (A), shared out anew among its orders.

    `group`: the orders of one side and one price, in ticket order.
    """
    total = sum(order.quantity for order in group)  # G
    if not 0 < given < total:
        return {}

    fraction_bits = 60 - market.quantity_bits  # F
    # q = ⌊2^F · A / G⌋, the part served, rounded down; base_i = ⌊v_i · q / 2^F⌋
    q = (given << fraction_bits) // total
    accepted = {order.order_id: (order.quantity * q) >> fraction_bits for order in group}

    # the lots left over go one each to the orders with v_i > 0, in ticket order
    left_over = given - sum(accepted.values())
    claimants = [order.order_id for order in group if order.quantity > 0]
    assert 0 <= left_over <= len(claimants)
    for order_id in claimants[:left_over]:
        accepted[order_id] += 1
    return accepted
