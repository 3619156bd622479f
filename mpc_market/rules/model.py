"""Orders, the market's settings, and the outcome of a clearing: frozen, integers only.

Prices are ticks (0 … 2^price_bits − 1), quantities are lots (0 … 2^quantity_bits − 1). Decimals exist
only at the edges of the software (`parties.files`). Specification: market.md §1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mpc_market.errors import BookTooLargeError, InvalidOrderError, InvalidSettingsError

PRICE_BITS_MAX = 20
QUANTITY_BITS_MAX = 24

VOLUMES = 7
"""Words of a line of a bill: the fields of `rules.settlement.Volumes`."""


class Side(Enum):
    """Which side of the book an order is on."""

    SELL = "sell"
    BUY = "buy"


class Rationing(Enum):
    """How equal claims at the clearing price are served (market.md §4)."""

    PRO_RATA = "pro-rata"
    LOTTERY = "lottery"


@dataclass(frozen=True, slots=True)
class Market:
    """What the clearing must know of a market: the size of its grid and its rationing rule.

    Raises: InvalidSettingsError if a number of bits is outside 1 … 20 (price) or 1 … 24 (quantity).
    """

    price_bits: int = 12
    quantity_bits: int = 16
    rationing: Rationing = Rationing.PRO_RATA

    def __post_init__(self) -> None:
        for name, largest in (("price_bits", PRICE_BITS_MAX), ("quantity_bits", QUANTITY_BITS_MAX)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= largest:
                raise InvalidSettingsError(f"{name} = {value!r} is not an integer from 1 to {largest}")
        if not isinstance(self.rationing, Rationing):
            raise InvalidSettingsError(f"rationing = {self.rationing!r} is neither pro-rata nor lottery")

    @property
    def orders_max(self) -> int:
        """The largest book that is exact: n · 4^quantity_bits ≤ 2^60 (market.md §4)."""
        return int(2**60 // 4**self.quantity_bits)

    @property
    def order_words(self) -> int:
        """Share words of one order: the bits of side, price, quantity, and what that leaves of the maximum."""
        return 1 + self.price_bits + 2 * self.quantity_bits

    @property
    def reading_words(self) -> int:
        """Share words of one reading: the bits of import and export, and what each leaves of the maximum."""
        return 4 * self.quantity_bits

    def check_size(self, orders: int) -> None:
        """Refuse a book that is too large.

        Raises: BookTooLargeError.
        """
        if orders > self.orders_max:
            raise BookTooLargeError(
                f"{orders} orders at {self.quantity_bits} quantity bits: "
                f"n · 4^{self.quantity_bits} must not exceed 2^60, that is {self.orders_max} orders"
            )


@dataclass(frozen=True, slots=True)
class Order:
    """One order: a buy takes up to `quantity` lots at any price ≤ `price`, a sell gives them at any ≥ it.

    `order_id` is opaque, unique in its round and used byte for byte (UTF-8).
    """

    order_id: str
    side: Side
    price: int
    quantity: int

    def __repr__(self) -> str:
        return f"Order({self.order_id!r}, …)"


@dataclass(frozen=True, slots=True)
class Clearing:
    """The outcome of a round.

    `price`: the clearing price in ticks, or None if nothing trades (market.md §4: no price, not 0).
    `accepted`: accepted quantities in lots, in the sequence of the orders they belong to.
    """

    price: int | None
    accepted: tuple[int, ...]

    def __repr__(self) -> str:
        return f"Clearing(price={self.price}, {len(self.accepted)} orders)"


def check_orders(orders: Sequence[Order], market: Market) -> None:
    """Check a whole book against the market's grid.

    Raises: InvalidOrderError naming the first order that does not fit; BookTooLargeError.
    """
    market.check_size(len(orders))
    seen: set[str] = set()
    for order in orders:
        _check_order(order, market)
        if order.order_id in seen:
            raise InvalidOrderError(f"order {order.order_id!r}: the id is used twice")
        seen.add(order.order_id)


def _check_order(order: Order, market: Market) -> None:
    if not isinstance(order.order_id, str) or not order.order_id:
        raise InvalidOrderError("an order has no order_id")
    try:
        order.order_id.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidOrderError(f"order {order.order_id!r}: the id cannot be written in UTF-8") from None
    if not isinstance(order.side, Side):
        raise InvalidOrderError(f"order {order.order_id!r}: side is neither buy nor sell")
    # The values themselves are secret: the message gives the range, not what was sent.
    for name, value, bits in (
        ("price", order.price, market.price_bits),
        ("quantity", order.quantity, market.quantity_bits),
    ):
        if type(value) is not int or not 0 <= value < 2**bits:
            raise InvalidOrderError(f"order {order.order_id!r}: {name} is not an integer from 0 to {2**bits - 1}")
