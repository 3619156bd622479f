"""Clearing a shared book: the oblivious twin of `rules.clearing` (market.md §3–§4).

Data flows one way: bits of orders → sorted book → cut → accepted quantities → back to the sequence of the input.

Leaks: what the sort opens (uniformly random permutations), what comparisons open (uniform), and at the end one
word to all, [V > 0] · (p* + 1): the clearing price, or 0 for no trade.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mpc_market.errors import ProtocolError
from mpc_market.rules.model import Market, Rationing
from mpc_market.secure import rationing
from mpc_market.secure.book import BookShares
from mpc_market.secure.compare import lowest_bit, sign_ranges
from mpc_market.secure.cut import Cut, Query, find_cuts
from mpc_market.secure.cut import masks_needed as cut_masks
from mpc_market.secure.randombits import Masks, random_masks, weighted_sum
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares, concatenate, dot
from mpc_market.secure.shuffle import Index
from mpc_market.secure.sort import SortedBook, sort

OnStage = Callable[[str], None]


@dataclass
class Marginal:
    """Both ends of the price interval, a and b, the traded quantity V (scalars), and all quantities by side (n,)."""

    a: Shares
    b: Shares
    traded: Shares
    bought: Shares
    signed: Shares
    at: Cut
    remainder: Shares


async def clear(
    session: Session, book: BookShares, market: Market, tickets: Index, on_stage: OnStage
) -> tuple[int | None, Shares]:
    """The clearing price (opened) and shares of the accepted quantities, in the sequence of the book.

    `tickets`: indices of the orders, earliest ticket first (public).
    Cost (m = 3, 12-bit prices, lottery): 66 rounds and about 1 kB per order and party.
    Raises: BookTooLargeError before anything is computed; ProtocolError.
    """
    n = book.orders
    market.check_size(n)
    if n == 0:
        return None, Shares(np.empty(0, np.uint64), session.field)
    on_stage("sort")
    masks, sorted_book = await session.together(
        lambda s: random_masks(s, _masks_needed(n, market), sign_ranges(s.field.exponent)),
        lambda s: _sort_book(s, book, market, tickets),
    )
    quantity, side, price = sorted_book.columns[:3]
    on_stage("cut")
    marginal = await _find_marginal(session, quantity, side, price, masks)
    price_masks = masks.take(2)
    results = await session.together(
        lambda s: _open_price(s, marginal, price_masks),
        lambda s: _allocate(s, market, sorted_book, marginal, masks, on_stage),
    )
    return results[0], results[1]


def _masks_needed(n: int, market: Market) -> int:
    needed = 2 * cut_masks(n) + 2
    if market.rationing is Rationing.PRO_RATA:
        needed += rationing.masks_needed(n, market)
    return needed


async def _sort_book(session: Session, book: BookShares, market: Market, tickets: Index) -> SortedBook:
    """Book order: by price, at equal price sells before buys, then by ticket (market.md §3)."""
    side = Shares(book.side, session.field)
    price_bits, quantity_bits = Shares(book.price_bits, session.field), Shares(book.quantity_bits, session.field)
    payload = [weighted_sum(quantity_bits), side, weighted_sum(price_bits)]
    if market.rationing is Rationing.PRO_RATA:
        payload.append(await rationing.is_nonzero(session, quantity_bits))
    return await sort(session, concatenate([side.reshape(1, -1), price_bits]), payload, tickets)


async def _find_marginal(session: Session, quantity: Shares, side: Shares, price: Shares, masks: Masks) -> Marginal:
    """The orders at which the running total C passes the budget B = all that is bought, and B − 1 (market.md §3)."""
    (bought,) = await session.reshare(side * quantity)
    sold = quantity - bought
    signed = sold - bought
    total, budget = quantity.prefix_sums(), bought.sum()
    sold_before = sold.prefix_sums() - sold
    at, at_less = await find_cuts(
        session,
        [Query(total, budget, [price, side, signed, sold_before]), Query(total, budget - 1, [price])],
        masks,
    )
    prices, sides, _, sold_befores = at.selected
    # What is left of the budget when it comes to each order of the block: B − C_{i−1}.
    left = budget - concatenate([at.before, at.prefix[:-1]])
    b, a, left_to_buys = await session.reshare(
        dot(at.item, prices), dot(at_less.item, at_less.selected[0]), sides * left
    )
    # V = all sold before the marginal order, and what is left of the budget if that order is a sell.
    (traded,) = await session.reshare(dot(at.item, sold_befores + left - left_to_buys))
    return Marginal(a, b, traded, bought, signed, at, left - left_to_buys.times(2))


async def _open_price(session: Session, marginal: Marginal, masks: Masks) -> int | None:
    """p* = ⌊(a + b) / 2⌋ if V > 0. Opens [V > 0] · (p* + 1). Cost: 9 rounds."""
    both = marginal.a + marginal.b
    odd_or_positive = await lowest_bit(session, concatenate([both, marginal.traded.times(-2)]), masks)
    odd, positive = odd_or_positive[:1], odd_or_positive[1:]
    middle = (both - odd).times(session.field.inverse(2))
    (word,) = await session.reshare(positive * (middle + 1))
    opened = int((await session.open(word))[0])
    return opened - 1 if opened else None


async def _allocate(
    session: Session, market: Market, book: SortedBook, marginal: Marginal, masks: Masks, on_stage: OnStage
) -> Shares:
    """x_i for a sell, v_i − x_i for a buy, x_i the part below the cut; then pro rata; then back to the owners' sequence.

    With σ_i = v_i for a sell and −v_i for a buy, a quantity accepted is [buy]·v_i + (σ_i below the cut, part of it at the cut).
    """
    at = marginal.at
    signed = at.selected[2]
    (inside,) = await session.reshare(at.items * signed + at.item * marginal.remainder)
    (below,) = await session.reshare(at.spread(marginal.signed, inside))
    accepted = marginal.bought + below
    if market.rationing is Rationing.PRO_RATA:
        on_stage("rationing")
        quantity, side, price, nonzero = book.columns
        sells, buys = await rationing.find_groups(session, side, price, marginal.a, masks)
        groups = rationing.Groups(sells, buys, quantity, nonzero)
        accepted = await rationing.ration(session, market, groups, accepted, masks)
    on_stage("deliver")
    return await book.restore(accepted)
