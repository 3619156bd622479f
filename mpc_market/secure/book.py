"""A book of orders as shares: dealt by the orders' owner, held by the compute parties, read back by the owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc_market.field.mersenne import Vector
from mpc_market.field.shamir import share
from mpc_market.rules.model import Market, Order, Side, check_orders


@dataclass(frozen=True)
class BookShares:
    """One party's shares of n orders, as bits, low bit first.

    `side` (n,): 1 for a buy, 0 for a sell; `price_bits` (price_bits, n); `quantity_bits` (quantity_bits, n).
    """

    side: Vector
    price_bits: Vector
    quantity_bits: Vector

    def __repr__(self) -> str:
        return f"BookShares(n={self.orders})"

    @property
    def orders(self) -> int:
        """The number of orders, n."""
        return self.side.size

    @property
    def arrays(self) -> tuple[Vector, Vector, Vector]:
        """Side, price bits and quantity bits."""
        return self.side, self.price_bits, self.quantity_bits


def share_book(orders: Sequence[Order], market: Market, parties: int) -> list[BookShares]:
    """Deal a book to m parties. Run by the orders' owner; no party ever sees another's part.

    Raises: InvalidOrderError, BookTooLargeError.
    """
    check_orders(orders, market)
    n = len(orders)
    side = np.fromiter((order.side is Side.BUY for order in orders), np.uint64, n)
    price = np.fromiter((order.price for order in orders), np.uint64, n)
    quantity = np.fromiter((order.quantity for order in orders), np.uint64, n)
    return share_columns(side, price, quantity, market, parties)


def share_columns(side: Vector, price: Vector, quantity: Vector, market: Market, parties: int) -> list[BookShares]:
    """The same for a checked book in columns of shape (n,): side (1 for a buy), price and quantity."""
    sides, prices, quantities = (
        share(_bits(values, bits), parties)
        for values, bits in ((side, 1), (price, market.price_bits), (quantity, market.quantity_bits))
    )
    return [BookShares(s[0], p, q) for s, p, q in zip(sides, prices, quantities, strict=True)]


def _bits(values: Vector, bits: int) -> Vector:
    places = np.arange(bits, dtype=np.uint64)[:, None]
    return (values >> places) & np.uint64(1)
