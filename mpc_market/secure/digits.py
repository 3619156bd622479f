"""The digits of a key or a price: some of its bits at a time, with an indicator for each value."""

from __future__ import annotations

from itertools import pairwise

from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares, stack

DIGIT_BITS = 3
"""Bits per digit at most: wider digits cost fewer rounds and more products."""


def digit_bounds(bits: int) -> list[tuple[int, int]]:
    """Cut `bits` bits into digits of nearly equal width, at most `DIGIT_BITS`: (start, stop), low digit first."""
    count = -(-bits // DIGIT_BITS)
    bounds = [-(-bits * k // count) for k in range(count + 1)]
    return list(pairwise(bounds))


async def indicators(session: Session, digit: Shares) -> Shares:
    """For each value of a digit whether an order has it: shape (w, n) → (2^w, n).

    Cost: w − 1 rounds, 2^w − w − 1 words per order.
    """
    ones = [1 - digit[0], digit[0]]
    for k in range(1, len(digit)):
        bit = digit[k]
        # The indicators add up to 1, so the last product is the bit less the others.
        upper = await session.reshare(*(one * bit for one in ones[:-1]))
        rest = bit
        for product in upper:
            rest = rest - product
        upper.append(rest)
        ones = [one - product for one, product in zip(ones, upper, strict=True)] + upper
    return stack(ones)
