"""Dealing a book to the parties, block by block: the shares of a large book never exist all at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpc_market.network import Vector
from mpc_market.rules.model import Market, Order, Side
from mpc_market.secure.book import share_columns
from parties.compute.channel import Channel
from parties.compute.messages import RoundInput
from parties.compute.raw import raw

BLOCK_ORDERS = 2**15


@dataclass(frozen=True)
class Columns:
    """A book as arrays (n,), by its owner: buy (bool), price and quantity (uint64)."""

    buy: NDArray[np.bool_]
    price: Vector
    quantity: Vector

    def __repr__(self) -> str:
        return f"Columns(n={self.buy.size})"

    @classmethod
    def of(cls, orders: Sequence[Order]) -> "Columns":
        """The columns of a checked book."""
        n = len(orders)
        return cls(
            np.fromiter((order.side is Side.BUY for order in orders), np.bool_, n),
            np.fromiter((order.price for order in orders), np.uint64, n),
            np.fromiter((order.quantity for order in orders), np.uint64, n),
        )


@dataclass(frozen=True)
class Ids:
    """The ids of a book, one after another in UTF-8, and their lengths in bytes (n,)."""

    text: bytes
    lengths: NDArray[np.uint32]

    @classmethod
    def of(cls, orders: Sequence[Order]) -> "Ids":
        """The ids of a checked book."""
        ids = [order.order_id.encode() for order in orders]
        return cls(b"".join(ids), np.fromiter(map(len, ids), np.uint32, len(ids)))


async def hand_over(
    channels: Sequence[Channel], ids: Ids, columns: Columns, market: Market, seed: bytes | None, method: str
) -> None:
    """Give every party the public part of the round and its own shares.

    Raises: ChannelClosedError.
    """
    given = RoundInput(ids.lengths.size, market, seed, method, len(ids.text), BLOCK_ORDERS)
    await asyncio.gather(*(channel.send(given.header(), raw(ids.lengths), ids.text) for channel in channels))
    for block in given.blocks():
        sides = columns.buy[block].astype(np.uint64)
        dealt = share_columns(sides, columns.price[block], columns.quantity[block], market, len(channels))
        await asyncio.gather(
            *(channel.send_raw(*map(raw, book.arrays)) for channel, book in zip(channels, dealt, strict=True))
        )
