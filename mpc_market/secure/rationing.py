"""Pro rata on shares: the orders of one side at the price of the cut share what they were given (market.md §4).

Vectors are in any sequence in which the sells at the price, and the buys at it, each stand in the sequence of their
tickets: that of the tickets themselves, or a sorted book.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpc_market.rules.model import Market
from mpc_market.secure import divide
from mpc_market.secure.chunks import in_chunks
from mpc_market.secure.compare import shift_right
from mpc_market.secure.cut import Query, find_cuts
from mpc_market.secure.cut import masks_needed as cut_masks
from mpc_market.secure.material import Material, Needs
from mpc_market.secure.randombits import Masks
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares, concatenate, dot


def fraction_bits(market: Market) -> int:
    """F = 60 − quantity_bits (market.md §4)."""
    return 60 - market.quantity_bits


def add_needs(needs: Needs, market: Market) -> None:
    """Add what `ration` uses."""
    n, needs.shift = needs.n, fraction_bits(market)
    needs.comparisons += 2 * cut_masks(n) + 2 * divide.masks_needed(needs.shift, _total_bits(n, market))
    needs.roundings += n


def _total_bits(n: int, market: Market) -> int:
    return int(n * (2**market.quantity_bits - 1)).bit_length()


async def ration(
    session: Session, market: Market, orders: OrdersAtPrice, accepted: Shares, material: Material
) -> Shares:
    """The accepted quantities under pro rata, from those under the lottery. Shape (n,) → (n,).

    Leaks: nothing but what the comparisons open (uniform).
    Cost (m = 3): 5 rounds, 8 per 6 bits of the quotient, 15 for the left-over lots and 11 for every 131,072 orders;
    about 300 words per order.
    """
    sells, buys = orders.sells, orders.buys
    # 1. What the orders at the price want, G, and what they were given, A: sells, then buys.
    wanted_s, wanted_b, given_s, given_b = await session.reshare(
        sells * orders.quantity, buys * orders.quantity, dot(sells, accepted), dot(buys, accepted)
    )
    wanted = concatenate([wanted_s.sum(), wanted_b.sum()])
    given = concatenate([given_s, given_b])
    # 2. The share served: q = ⌊2^F · A / G⌋.
    bits = fraction_bits(market)
    q = await divide.divide(session, given, wanted, bits, _total_bits(len(sells), market), material.masks)
    # 3. base_i = ⌊v_i · q / 2^F⌋, 0 for all other orders.
    (shared_out,) = await session.reshare(q[:1] * wanted_s + q[1:] * wanted_b)
    base = await _rounded_down(session, shared_out, bits, material)
    # 4. The left-over lots A − Σ base go to the first orders of that side that want anything, one each.
    base_s, base_b, eligible_s, eligible_b = await session.reshare(
        dot(sells, base), dot(buys, base), sells * orders.nonzero, buys * orders.nonzero
    )
    cuts = await find_cuts(
        session,
        [
            Query(eligible_s.prefix_sums(), given_s - base_s, [eligible_s]),
            Query(eligible_b.prefix_sums(), given_b - base_b, [eligible_b]),
        ],
        material.masks,
    )
    inside_s, inside_b = await session.reshare(*(cut.items * cut.selected[0] for cut in cuts))
    # 5. Orders at other prices have what the lottery gave, those at the price base and left-over lot.
    (correction,) = await session.reshare(
        cuts[0].spread(eligible_s, inside_s) + cuts[1].spread(eligible_b, inside_b) - (sells + buys) * accepted
    )
    return accepted + base + correction


@dataclass
class OrdersAtPrice:
    """The columns of a book that rationing needs, each (n,): which orders are sells and which buys at the price,
    quantities, [v_i > 0].
    """

    sells: Shares
    buys: Shares
    quantity: Shares
    nonzero: Shares


async def find_at_price(
    session: Session, side: Shares, price: Shares, at_price: Shares, masks: Masks
) -> tuple[Shares, Shares]:
    """Indicators of the sells and of the buys at the price a. Shapes (n,), scalar → (n,), (n,).

    In a sorted book 2·price + side does not fall, so they lie between the cuts at 2a − 1, 2a and 2a + 1.
    Cost: 16 rounds.
    """
    key = price.times(2) + side
    twice = at_price.times(2)
    cuts = await find_cuts(session, [Query(key, twice - 1), Query(key, twice), Query(key, twice + 1)], masks)
    (low, low_part), (mid, mid_part), (high, high_part) = (cut.indicator() for cut in cuts)
    sells, buys = await session.reshare(mid_part - low_part, high_part - mid_part)
    return mid - low + sells, high - mid + buys


async def is_nonzero(session: Session, bits: Shares) -> Shares:
    """[v > 0], the OR of a quantity's bits: shape (k, n) → (n,). Cost: ⌈log₂ k⌉ rounds, k − 1 words per order."""
    zeros = 1 - bits
    while len(zeros) > 1:
        even = len(zeros) - len(zeros) % 2
        (both,) = await session.reshare(zeros[0:even:2] * zeros[1:even:2])
        zeros = concatenate([both, zeros[even:]])
    return 1 - zeros[0]


async def _rounded_down(session: Session, number: Shares, bits: int, material: Material) -> Shares:
    """⌊y / 2^bits⌋ in chunks, a few at a time, so that the masks' bits fit in memory.

    Cost: 11 rounds for every 131,072 orders.
    """

    async def rounded(branch: Session, part: Shares) -> Shares:
        masks = await material.rounding_masks(branch, part.size)
        return await shift_right(branch, part, masks, bits)

    return await in_chunks(session, rounded, number)
