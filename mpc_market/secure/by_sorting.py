"""Clearing by sorting the book: everything a sorted book gives, at the price of sorting it.

Data flows one way: bits of orders → sorted book → cut → accepted quantities → back to the sequence of the input.
"""

from __future__ import annotations

from mpc_market.rules.model import Market, Rationing
from mpc_market.secure import rationing
from mpc_market.secure.book import BookShares
from mpc_market.secure.cut import Cut, Query, find_cuts
from mpc_market.secure.cut import masks_needed as cut_masks
from mpc_market.secure.material import Material, Needs
from mpc_market.secure.prices import Prices
from mpc_market.secure.randombits import weighted_sum
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares, concatenate, dot
from mpc_market.secure.shuffle import Permutations
from mpc_market.secure.sort import SortedBook, shuffle_names, sort
from mpc_market.secure.types import Index, OnStage


class BySorting:
    """One clearing of one book; the steps are called in the sequence in which they stand here."""

    def __init__(self, book: BookShares, market: Market, tickets: Index) -> None:
        self._book, self._market, self._tickets = book, market, tickets
        self._sorted: SortedBook
        self._cut: Cut
        self._bought: Shares
        self._signed: Shares
        self._remainder: Shares
        self._at_price: Shares

    @staticmethod
    def needs(n: int, market: Market) -> Needs:
        """What a clearing of n orders uses of masks and permutations."""
        needs = Needs(n, 2 * cut_masks(n), shuffle_names(1 + market.price_bits))
        if market.rationing is Rationing.PRO_RATA:
            rationing.add_needs(needs, market)
            needs.comparisons += 3 * cut_masks(n)
        return needs

    async def arrange(self, session: Session, permutations: Permutations) -> None:
        """Sort into book order: by price, at equal price sells before buys, then by ticket (market.md §3)."""
        side = Shares(self._book.side, session.field)
        price_bits = Shares(self._book.price_bits, session.field)
        quantity_bits = Shares(self._book.quantity_bits, session.field)
        payload = [weighted_sum(quantity_bits), side, weighted_sum(price_bits)]
        if self._market.rationing is Rationing.PRO_RATA:
            payload.append(await rationing.is_nonzero(session, quantity_bits))
        key = concatenate([side.reshape(1, -1), price_bits])
        self._sorted = await sort(session, key, payload, self._tickets, permutations)

    async def find_prices(self, session: Session, material: Material) -> Prices:
        """The orders at which the running total C passes B, all that is bought, and B − 1 (market.md §3)."""
        quantity, side, price = self._sorted.columns[:3]
        (self._bought,) = await session.reshare(side * quantity)
        sold = quantity - self._bought
        self._signed = sold - self._bought
        total, budget = quantity.prefix_sums(), self._bought.sum()
        sold_before = sold.prefix_sums() - sold
        at, at_less = await find_cuts(
            session,
            [Query(total, budget, [price, side, self._signed, sold_before]), Query(total, budget - 1, [price])],
            material.masks,
        )
        prices, sides, _, sold_befores = at.selected
        # What is left of the budget when it comes to each order of the block: B − C_{i−1}.
        left = budget - concatenate([at.before, at.prefix[:-1]])
        b, a, left_to_buys = await session.reshare(
            dot(at.item, prices), dot(at_less.item, at_less.selected[0]), sides * left
        )
        # V = all sold before the marginal order, and what is left of the budget if that order is a sell.
        (traded,) = await session.reshare(dot(at.item, sold_befores + left - left_to_buys))
        self._cut, self._remainder, self._at_price = at, left - left_to_buys.times(2), a
        return Prices(a, b, [traded])

    async def allocate(self, session: Session, material: Material, on_stage: OnStage) -> Shares:
        """x_i for a sell, v_i − x_i for a buy, x_i the part below the cut; then pro rata; then back to the owners'
        sequence.

        With σ_i = v_i for a sell and −v_i for a buy, what is accepted is [buy]·v_i + (σ_i below the cut, part of it
        at the cut).
        """
        at = self._cut
        signed = at.selected[2]
        (inside,) = await session.reshare(at.items * signed + at.item * self._remainder)
        (below,) = await session.reshare(at.spread(self._signed, inside))
        accepted = self._bought + below
        if self._market.rationing is Rationing.PRO_RATA:
            on_stage("rationing")
            quantity, side, price, nonzero = self._sorted.columns
            sells, buys = await rationing.find_at_price(session, side, price, self._at_price, material.masks)
            orders = rationing.OrdersAtPrice(sells, buys, quantity, nonzero)
            accepted = await rationing.ration(session, self._market, orders, accepted, material)
        on_stage("deliver")
        return await self._sorted.restore(session, accepted)
