"""How an order is laid out in secret words (protocol.md "Input validity"): bits, low bit first.

    side (1 for a buy) ‖ price: price_bits ‖ quantity: quantity_bits ‖ rest: quantity_bits

`rest` is the enrolled maximum minus the quantity: that it can be written in bits shows that the quantity is not above
the maximum. The orders of a submission follow one another.
"""

from collections.abc import Sequence

from mpc_market.errors import InvalidOrderError
from mpc_market.rules.model import Market, Order, Side, check_orders
from mpc_market.wire.header import ORDERS_MAX
from mpc_market.wire.identifiers import order_id


def words_per_order(market: Market) -> int:
    """1 + price_bits + 2 · quantity_bits."""
    return 1 + market.price_bits + 2 * market.quantity_bits


def idle_order(meter: str, k: int) -> Order:
    """The order that fills the k-th place of a submission without trading: nobody can tell it from another."""
    return Order(order_id(meter, k), Side.SELL, 0, 0)


def filled(meter: str, orders: Sequence[Order], k: int) -> tuple[Order, ...]:
    """A submission's k orders: the given ones, and idle ones in the places left (market.md §1)."""
    return (*orders, *(idle_order(meter, place) for place in range(len(orders), k)))


def order_bits(orders: Sequence[Order], meter: str, market: Market, maximum: int) -> list[int]:
    """The bits of a whole submission, `words_per_order` for each order. Run by the meter.

    `maximum`: the meter's enrolled largest quantity, lots.
    Raises: InvalidOrderError if an order does not fit the market, the maximum or its place (ids meter/0, meter/1, …).
    """
    if not 1 <= len(orders) <= ORDERS_MAX:
        raise InvalidOrderError(f"{len(orders)} orders in a submission: it has 1 to {ORDERS_MAX}")
    check_orders(orders, market)
    bits = []
    for k, order in enumerate(orders):
        if order.order_id != order_id(meter, k):
            raise InvalidOrderError(f"order {order.order_id!r} is in the place of {order_id(meter, k)!r}")
        if order.quantity > maximum:
            raise InvalidOrderError(
                f"order {order.order_id!r}: its quantity is above the enrolled maximum of {maximum} lots"
            )
        bits.append(int(order.side is Side.BUY))
        bits += _low_bit_first(order.price, market.price_bits)
        bits += _low_bit_first(order.quantity, market.quantity_bits)
        bits += _low_bit_first(maximum - order.quantity, market.quantity_bits)
    return bits


def _low_bit_first(value: int, size: int) -> list[int]:
    return [value >> i & 1 for i in range(size)]
