"""Clearing a shared book: the oblivious twin of `rules.clearing` (market.md §3–§4).

Two methods compute the same outputs: `sort` puts the book in sequence, `select` descends the bits of the price.

Leaks: what the method opens on its way (uniformly random permutations, uniform masked numbers), and at the end one
word to all, [V > 0] · (p* + 1): the clearing price, or 0 for no trade.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

from mpc_market.errors import InvalidSettingsError
from mpc_market.rules.model import Market
from mpc_market.secure.book import BookShares
from mpc_market.secure.by_selection import BySelection
from mpc_market.secure.by_sorting import BySorting
from mpc_market.secure.material import Material, Needs, make_material, prepare_material
from mpc_market.secure.prices import open_price
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares
from mpc_market.secure.shuffle import Permutations
from mpc_market.secure.types import Index, OnStage


class Method(Enum):
    """How the marginal orders are found."""

    SORT = "sort"
    SELECT = "select"


_METHODS: dict[Method, type[BySorting] | type[BySelection]] = {Method.SORT: BySorting, Method.SELECT: BySelection}


async def prepare(session: Session, n_max: int, market: Market, method: Method = Method.SORT) -> Material | None:
    """Everything for one clearing of up to `n_max` orders that does not depend on them.

    Run by every party with the same arguments, before the orders are there.
    Cost: as in `material`. Raises: BookTooLargeError.
    """
    market.check_size(n_max)
    if n_max == 0:
        return None
    return await prepare_material(session, _METHODS[method].needs(n_max, market))


async def clear(
    session: Session,
    book: BookShares,
    market: Market,
    tickets: Index,
    *,
    method: Method = Method.SORT,
    prepared: Material | None = None,
    on_stage: OnStage = lambda _: None,
) -> tuple[int | None, Shares]:
    """The clearing price (opened) and shares of the accepted quantities, in the sequence of the book.

    `tickets`: indices of the orders, earliest ticket first (public). `prepared`: from `prepare` with the same market
    and method, for at least as many orders; it must not be used again.
    Cost (m = 3, 12-bit prices, lottery): 66 rounds and 600 bytes per order and party with `sort`, 64 and 350 with
    `select`.
    Raises: BookTooLargeError before anything is computed; ProtocolError.
    """
    n = book.orders
    market.check_size(n)
    if n == 0:
        return None, Shares(np.empty(0, np.uint64), session.field)
    clearing = _METHODS[method](book, market, tickets)
    on_stage(method.value)
    material, _ = await session.together(
        lambda s: _material(s, clearing.needs(n, market), prepared),
        lambda s: clearing.arrange(s, prepared.permutations if prepared else Permutations()),
    )
    on_stage("cut")
    prices = await clearing.find_prices(session, material)
    price, accepted = await session.together(
        lambda s: open_price(s, prices, material.price_masks), lambda s: clearing.allocate(s, material, on_stage)
    )
    return price, accepted


async def _material(session: Session, needs: Needs, prepared: Material | None) -> Material:
    """What was prepared, or else the masks made now, while the book is being arranged."""
    if prepared is None:
        return await make_material(session, needs)
    if prepared.needs.n < needs.n:
        raise InvalidSettingsError(f"the material was prepared for {prepared.needs.n} orders, not for {needs.n}")
    return prepared
