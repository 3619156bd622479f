"""Clearing without a sort: the price is found digit by digit from the top, as one selects the B-th unit of a book.

For each digit of the price the orders that agree with the price so far are totalled by their own digit; comparing the
running totals with what is left of the budget tells the digit, as a shared indicator. The price stays secret until
the end. Allocation then needs only who is below, at and above the price, and at it the public sequence of tickets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from mpc_market.rules.model import Market, Rationing
from mpc_market.secure import rationing
from mpc_market.secure.book import BookShares
from mpc_market.secure.compare import is_negative
from mpc_market.secure.cut import Query, find_cuts
from mpc_market.secure.cut import masks_needed as cut_masks
from mpc_market.secure.digits import digit_bounds, indicators
from mpc_market.secure.material import Material, Needs
from mpc_market.secure.prices import Prices
from mpc_market.secure.randombits import Masks, weighted_sum
from mpc_market.secure.session import Session
from mpc_market.secure.shares import InnerProduct, Product, Shares, concatenate, dot, weighted
from mpc_market.secure.shuffle import Permutations, inverse
from mpc_market.secure.types import Index, OnStage


@dataclass
class Search:
    """The search for the smallest price p at which the volume of all orders up to p exceeds a threshold T.

    After each digit: `price` so far (scalar); `left`: T less the volume below that prefix (scalar); `at`: the volume
    of each order that agrees with the prefix (n,). Where no price exceeds T the digits saturate.
    """

    at: Shares
    left: Shares
    price: Shares


@dataclass
class Level:
    """The book around the price a: volumes below it, all and of buys, at it, of sells and of buys (n,); what the budget
    leaves for those at it (scalar)."""

    below: Shares
    bought_below: Shares
    sold: Shares
    bought: Shares
    left: Shares


class BySelection:
    """One clearing of one book; the steps are called in the sequence in which they stand here.

    All vectors are in the sequence of the tickets.
    """

    def __init__(self, book: BookShares, market: Market, tickets: Index) -> None:
        self._book, self._market, self._tickets = book, market, tickets
        self._pro_rata = market.rationing is Rationing.PRO_RATA
        self._side: Shares
        self._quantity: Shares
        self._bought: Shares
        self._nonzero: Shares
        self._digits: list[Shares]
        self._level: Level
        self._equal: Shares | None = None

    @staticmethod
    def needs(n: int, market: Market) -> Needs:
        """What a clearing of n orders uses of masks."""
        bounds = digit_bounds(market.price_bits)
        needs = Needs(n, sum(2 * (2 ** (stop - start) - 1) for start, stop in bounds) + cut_masks(2 * n))
        if market.rationing is Rationing.PRO_RATA:
            rationing.add_needs(needs, market)
        return needs

    async def arrange(self, session: Session, _: Permutations) -> None:
        """Indicators of the price's digits, high digit first; quantities; what the buys ask for."""
        first = self._tickets
        price_bits = Shares(self._book.price_bits, session.field).take(first)
        quantity_bits = Shares(self._book.quantity_bits, session.field)
        self._side = Shares(self._book.side, session.field).take(first)
        self._quantity = weighted_sum(quantity_bits).take(first)

        async def bought(branch: Session) -> None:
            (self._bought,) = await branch.reshare(self._side * self._quantity)

        async def nonzero(branch: Session) -> None:
            if self._pro_rata:
                self._nonzero = (await rationing.is_nonzero(branch, quantity_bits)).take(first)

        digits = [price_bits[start:stop] for start, stop in reversed(digit_bounds(len(price_bits)))]
        _, _, *self._digits = await session.together(
            bought, nonzero, *(partial(indicators, digit=digit) for digit in digits)
        )

    async def find_prices(self, session: Session, material: Material) -> Prices:
        """Search for b with the budget B, all that is bought, and for a with B − 1 (market.md §3)."""
        budget = self._bought.sum()
        zero = budget - budget
        to_a, to_b = Search(self._quantity, budget - 1, zero), Search(self._quantity, budget, zero)
        parts: list[Product] = []
        for digit in self._digits:
            at = to_a.at
            matches, smaller = await self._find_digit(session, digit, to_a, to_b, material.masks)
            parts.append(at * smaller)
            products = [to_a.at * matches[0], to_b.at * matches[1]]
            if self._pro_rata and self._equal is not None:
                products.append(self._equal * matches[0])
            to_a.at, to_b.at, *equal = await session.reshare(*products)
            self._equal = equal[0] if equal else matches[0]
        below, bought_at = await session.reshare(sum(parts[1:], parts[0]), self._side * to_a.at)
        (bought_below,) = await session.reshare(self._side * below)
        self._level = Level(below, bought_below, to_a.at - bought_at, bought_at, to_a.left + 1)
        # Something trades just if something is bought at all and something is sold at prices up to a.
        sold = (below - bought_below + self._level.sold).sum()
        return Prices(to_a.price, to_b.price, [budget, sold])

    async def _find_digit(
        self, session: Session, digit: Shares, to_a: Search, to_b: Search, masks: Masks
    ) -> tuple[list[Shares], Shares]:
        """The next digit of both prices: who has it (n,), for a and for b, and who has a smaller one than a's.

        `digit`: indicators (w, n) of the orders' digits. With S_k the volume with digit k among those that agree so
        far, u_k = [S_0 + … + S_k ≤ left] is 1 … 1 0 … 0, and the digit is the number of ones.
        """
        searches, last = (to_a, to_b), len(digit) - 1
        volumes = await session.reshare(*(dot(s.at, digit[k]) for s in searches for k in range(last)))
        volume = concatenate(volumes).reshape(2, last)
        left = concatenate([to_a.left, to_b.left])
        exceeds = await is_negative(session, (left.reshape(2, 1) - volume.prefix_sums()).reshape(-1), masks)
        fits = (1 - exceeds).reshape(2, last)
        terms: list[Product | InnerProduct] = []
        for search, u, s in zip(searches, fits, volume, strict=True):
            search.price = search.price.times(len(digit)) + u.sum()
            indicator = concatenate([1 - u[:1], u[:-1] - u[1:], u[-1:]])
            terms += [dot(u, s), weighted(indicator, digit)]
        below_a, match_a, below_b, match_b, smaller = await session.reshare(*terms, weighted(fits[0], digit[:last]))
        to_a.left, to_b.left = to_a.left - below_a, to_b.left - below_b
        return [match_a, match_b], smaller

    async def allocate(self, session: Session, material: Material, on_stage: OnStage) -> Shares:
        """Below the price sells give all, above it buys take all, at it the tickets decide; then pro rata."""
        level = self._level
        # At the price: the sells, then the buys, each in the sequence of the tickets, up to what the budget leaves.
        queue = concatenate([level.sold, level.bought])
        (cut,) = await find_cuts(session, [Query(queue.prefix_sums(), level.left, [queue])], material.masks)
        left = level.left - concatenate([cut.before, cut.prefix[:-1]])
        (inside,) = await session.reshare(cut.items * cut.selected[0] + cut.item * left)
        (served,) = await session.reshare(cut.spread(queue, inside))
        n = len(self._tickets)
        # A sell gives x_i, a buy takes v_i − x_i, x_i the part below the cut.
        accepted = self._bought + level.below - level.bought_below.times(2) + served[:n] - served[n:]
        if self._pro_rata:
            on_stage("rationing")
            assert self._equal is not None
            (buys,) = await session.reshare(self._side * self._equal)
            orders = rationing.OrdersAtPrice(self._equal - buys, buys, self._quantity, self._nonzero)
            accepted = await rationing.ration(session, self._market, orders, accepted, material)
        on_stage("deliver")
        return accepted.take(inverse(self._tickets))
