"""How an order, or a reading, is laid out in secret words (protocol.md "Input validity"): bits, low bit first.

    order      side (1 for a buy) ‖ price: price_bits ‖ quantity: quantity_bits ‖ rest: quantity_bits
    reading    import ‖ rest of import ‖ export ‖ rest of export: quantity_bits each

A `rest` is the enrolled maximum minus the quantity: that it can be written in bits shows that the quantity is not above
the maximum. The orders of a submission follow one another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mpc_market.errors import InvalidOrderError, InvalidReadingError
from mpc_market.rules.model import Market, Order, Side, check_orders
from mpc_market.wire.errors import WireError
from mpc_market.wire.header import ORDERS_MAX
from mpc_market.wire.identifiers import Period, Stage, order_id


def words_of_submission(period: Period, orders: int, market: Market) -> int:
    """How many words a submission to a round has: those of `orders` orders, or of one reading."""
    if period.stage is Stage.CLEARING:
        return orders * market.order_words
    return market.reading_words


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter has measured in one period, lots."""

    imported: int = field(repr=False)
    exported: int = field(repr=False)


def reading_bits(reading: Reading, meter: str, market: Market, maximum: int) -> list[int]:
    """The bits of a reading. Run by the meter. `maximum`: its enrolled largest quantity, lots.

    Raises: InvalidReadingError if a quantity is no number of lots, or above the maximum.
    """
    quantities = {"import": reading.imported, "export": reading.exported}
    for name, lots in quantities.items():
        if type(lots) is not int or not 0 <= lots <= maximum:
            raise InvalidReadingError(
                f"the {name} of meter {meter!r} is not a number of lots from 0 to its enrolled maximum of {maximum}"
            )
    values = [value for lots in quantities.values() for value in (lots, maximum - lots)]
    return [bit for value in values for bit in _low_bit_first(value, market.quantity_bits)]


def idle_order(meter: str, k: int) -> Order:
    """The order that fills the k-th place of a submission without trading: nobody can tell it from another."""
    return Order(order_id(meter, k), Side.SELL, 0, 0)


def filled(meter: str, orders: Sequence[Order], k: int) -> tuple[Order, ...]:
    """A submission's k orders: the given ones, and idle ones in the places left (market.md §1)."""
    return (*orders, *(idle_order(meter, place) for place in range(len(orders), k)))


def order_bits(orders: Sequence[Order], meter: str, market: Market, maximum: int) -> list[int]:
    """The bits of a whole submission, `Market.order_words` for each order. Run by the meter.

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


def orders_of_bits(bits: Sequence[int], meter: str, market: Market, maximum: int) -> tuple[Order, ...]:
    """The inverse of `order_bits`: the orders that a submission holds. Run by an arbiter.

    Raises: WireError if these are the bits of no orders within the maximum; no value is named.
    """
    orders: list[Order] = []
    rest = list(bits)
    while rest:
        side, rest = _take(rest, 1)
        price, rest = _take(rest, market.price_bits)
        quantity, rest = _take_checked(rest, market, maximum)
        orders.append(Order(order_id(meter, len(orders)), Side.BUY if side else Side.SELL, price, quantity))
    return tuple(orders)


def reading_of_bits(bits: Sequence[int], market: Market, maximum: int | None) -> Reading:
    """The same for a reading. `maximum`: None for one's own, whatever one was enrolled for when it was made."""
    imported, rest = _take_checked(list(bits), market, maximum)
    exported, rest = _take_checked(rest, market, maximum)
    if rest:
        raise WireError(f"{len(bits)} bits are no reading of this market")
    return Reading(imported, exported)


def _take_checked(bits: list[int], market: Market, maximum: int | None) -> tuple[int, list[int]]:
    """A quantity, with what remains of the maximum behind it."""
    quantity, bits = _take(bits, market.quantity_bits)
    remains, bits = _take(bits, market.quantity_bits)
    if maximum is not None and quantity + remains != maximum:
        raise WireError("a quantity above the enrolled maximum, or with a wrong rest")
    return quantity, bits


def _take(bits: list[int], size: int) -> tuple[int, list[int]]:
    taken = bits[:size]
    if len(taken) < size or not set(taken) <= {0, 1}:
        raise WireError("words that are no bits of an order or a reading, or too few of them")
    return sum(bit << i for i, bit in enumerate(taken)), bits[size:]


def _low_bit_first(value: int, size: int) -> list[int]:
    return [value >> i & 1 for i in range(size)]
