"""The share served, q = ⌊2^F · A / G⌋, as one long division of shared scalars."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mpc_market.secure.compare import is_negative
from mpc_market.secure.randombits import Masks
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares

_DIGIT_BITS = 6


def _digits(bits: int, divisor_bits: int) -> Iterator[int]:
    """The widths of the quotient's digits, high digit first: all candidates' differences stay below 2^60."""
    width = max(1, min(_DIGIT_BITS, 59 - divisor_bits))
    while bits:
        yield min(width, bits)
        bits -= min(width, bits)


def masks_needed(bits: int, divisor_bits: int) -> int:
    """How many masks one division uses."""
    return sum(2**width - 1 for width in _digits(bits, divisor_bits))


async def divide(
    session: Session, dividend: Shares, divisor: Shares, bits: int, divisor_bits: int, masks: Masks
) -> Shares:
    """⌊2^bits · A / G⌋ for 0 ≤ A < G < 2^divisor_bits; 2^bits − 1 for A = G. Shapes (k,) → (k,).

    Schoolbook division: all candidates of a digit are compared at once and the remainder stays at most G, so nothing
    overflows. Where A = G (0 = 0 included) every digit saturates.
    Cost: 8 rounds and 63·k comparisons per digit of 6 bits.
    """
    k = dividend.size
    quotient, remainder = dividend - dividend, dividend
    for width in _digits(bits, divisor_bits):
        scaled = remainder.times(2**width)
        candidates = np.arange(1, 2**width, dtype=np.uint64)[:, None]
        multiples = Shares(session.field.multiply(divisor.words[None, :], candidates), session.field)
        differences = scaled.reshape(1, -1) - multiples
        fits = 1 - await is_negative(session, differences.reshape(-1), masks)
        digit = fits.reshape(len(candidates), k).sum(axis=0)
        (taken,) = await session.reshare(digit * divisor)
        remainder = scaled - taken
        quotient = quotient.times(2**width) + digit
    return quotient
