"""Amounts on shares to cents, half up: exact, with no statistical slack. The twin of `rules.money.Cents.of`."""

from __future__ import annotations

from functools import partial

from mpc_market.rules.money import Cents
from mpc_market.secure.chunks import in_chunks
from mpc_market.secure.compare import is_negative, sign_ranges
from mpc_market.secure.randombits import random_masks
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares


async def to_cents(session: Session, amounts: Shares, cents: Cents, largest: int) -> Shares:
    """⌊amount · numerator / denominator + 1/2⌋ for signed amounts of at most `largest` (public) in size: (n,) → (n,).

    Leaks: uniform numbers, in comparisons.
    Cost: for k bits of quotient, 2 + t rounds and 7 for each bit for every 131,072 / k amounts, and k comparisons per
    amount.
    Raises: AmountsTooLargeError before anything is sent.
    """
    cents.check_exact(largest)
    if cents.denominator == 1:
        return amounts.times(cents.numerator)
    # ⌊a·N/D + 1/2⌋ = ⌊(a·N + ⌊D/2⌋ + s·D) / D⌋ − s, with whole cents s that make the dividend positive
    most = largest * cents.numerator
    shift = -(-most // cents.denominator)
    dividend = amounts.times(cents.numerator) + (cents.denominator // 2 + shift * cents.denominator)
    bits = int((2 * (most + cents.denominator)) // cents.denominator).bit_length()
    step = partial(_quotient, divisor=cents.denominator, bits=bits)
    return await in_chunks(session, step, dividend, masks_each=bits) - shift


async def _quotient(session: Session, dividend: Shares, divisor: int, bits: int) -> Shares:
    """⌊y / D⌋ < 2^bits for 0 ≤ y, D·2^bits < 2^61, by long division: one bit of the quotient at a time, high bit first.

    The remainder stays at least 0, so each step is one comparison with a public number.
    """
    masks = await random_masks(session, bits * dividend.size, sign_ranges(session.field.exponent))
    remainder, quotient = dividend, dividend - dividend
    for k in reversed(range(bits)):
        fits = 1 - await is_negative(session, remainder - divisor * 2**k, masks)
        remainder = remainder - fits.times(divisor * 2**k)
        quotient = quotient + fits.times(2**k)
    return quotient
