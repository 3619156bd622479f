"""Clearing a shared book: the oblivious twin of `rules.clearing` (market.md §3–§4).

Two methods compute the same outputs: `sort` puts the book in sequence, `select` descends the bits of the price.

Leaks: what the method opens on its way (uniformly random permutations, uniform masked numbers), and at the end one
word to all, [V > 0] · (p* + 1): the clearing price, or 0 for no trade.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

from mpc_market.rules.model import Market
from mpc_market.secure.book import BookShares
from mpc_market.secure.by_selection import BySelection
from mpc_market.secure.by_sorting import BySorting
from mpc_market.secure.compare import sign_ranges
from mpc_market.secure.prices import PRICE_MASKS, OnStage, open_price
from mpc_market.secure.randombits import random_masks
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares
from mpc_market.secure.shuffle import Index


class Method(Enum):
    """How the marginal orders are found."""

    SORT = "sort"
    SELECT = "select"


_METHODS: dict[Method, type[BySorting] | type[BySelection]] = {Method.SORT: BySorting, Method.SELECT: BySelection}


async def clear(
    session: Session, book: BookShares, market: Market, tickets: Index, on_stage: OnStage, method: Method = Method.SORT
) -> tuple[int | None, Shares]:
    """The clearing price (opened) and shares of the accepted quantities, in the sequence of the book.

    `tickets`: indices of the orders, earliest ticket first (public).
    Cost (m = 3, 12-bit prices, lottery): 66 rounds and 600 bytes per order and party with `sort`.
    Raises: BookTooLargeError before anything is computed; ProtocolError.
    """
    n = book.orders
    market.check_size(n)
    if n == 0:
        return None, Shares(np.empty(0, np.uint64), session.field)
    clearing = _METHODS[method](book, market, tickets)
    needed = clearing.masks_needed(n, market)
    on_stage(method.value)
    masks, price_masks, _ = await session.together(
        lambda s: random_masks(s, needed, sign_ranges(s.field.exponent)),
        lambda s: random_masks(s, PRICE_MASKS, sign_ranges(s.field.exponent)),
        clearing.arrange,
    )
    on_stage("cut")
    prices = await clearing.find_prices(session, masks)
    price, accepted = await session.together(
        lambda s: open_price(s, prices, price_masks), lambda s: clearing.allocate(s, masks, on_stage)
    )
    return price, accepted
