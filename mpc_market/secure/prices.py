"""The price that is opened, from the two ends of the interval of competitive prices (market.md §3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpc_market.secure.compare import lowest_bit
from mpc_market.secure.randombits import Masks
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares, concatenate


@dataclass
class Prices:
    """The ends a ≤ b of the interval, and numbers ≥ 0 that are all positive just if something trades; scalars."""

    a: Shares
    b: Shares
    trades_if_positive: Sequence[Shares]


PRICE_MASKS = 3
"""How many masks `open_price` uses at most."""


async def open_price(session: Session, prices: Prices, masks: Masks) -> int | None:
    """p* = ⌊(a + b) / 2⌋, or None if nothing trades.

    Leaks: one word to all, [V > 0] · (p* + 1): the price or that there is none.
    Cost: 9 rounds, one more if two numbers must be positive.
    """
    both = prices.a + prices.b
    signs = [number.times(-2) for number in prices.trades_if_positive]  # [x > 0] is the lowest bit of −2x mod p
    bits = await lowest_bit(session, concatenate([both, *signs]), masks)
    middle = (both - bits[:1]).times(session.field.inverse(2))
    word = middle + 1
    for k in range(len(signs)):
        (word,) = await session.reshare(word * bits[k + 1 : k + 2])
    opened = int((await session.open(word))[0])
    return opened - 1 if opened else None
