"""Shared random bits, and the masks made of them with which a comparison opens its argument.

None of this depends on an order: it can be made while the orders still come in.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from mpc_market.errors import ReuseError
from mpc_market.field.keystream import KEY_BYTES, Keystream
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares

Range = tuple[int, int]
"""Bits `start … stop − 1` of a number, low first."""


async def random_bits(session: Session, count: int) -> Shares:
    """`count` uniform bits that no t parties know: the XOR of one bit each dealt by t + 1 parties.

    Shape `(count,)`. Cost: 1 + t rounds.
    """
    dealers = range(session.threshold + 1)
    own = Keystream(secrets.token_bytes(KEY_BYTES)).bits(count) if session.party in dealers else None
    first, *others = await session.deal_own(dealers, count, own)
    for dealt in others:
        # x ⊕ y = x + y − 2xy
        (both,) = await session.reshare(first * dealt)
        first = first + dealt - both.times(2)
    return first


class Masks:
    """N uniform field elements r with their bits, and the products of neighbouring bits within given ranges.

    `bits`: shape (e, N), low first. `pairs[k]`: shape (⌊length / 2⌋, N), the products of bits
    (start, start + 1), (start + 2, start + 3), … of the k-th range. r is uniform up to 2^−61: all bits one would be p
    ≡ 0.
    """

    def __init__(self, bits: Shares, ranges: Sequence[Range], pairs: Sequence[Shares], value: Shares) -> None:
        self.bits = bits
        self.ranges = tuple(ranges)
        self.pairs = tuple(pairs)
        self.value = value
        self._used = 0

    def __repr__(self) -> str:
        return f"Masks({self.count - self._used} of {self.count} left)"

    @property
    def count(self) -> int:
        return self.value.size

    def take(self, count: int) -> Masks:
        """The next `count` masks; none is ever given twice.

        Raises: ReuseError if there are no more.
        """
        part = slice(self._used, self._used + count)
        if part.stop > self.count:
            raise ReuseError(f"{count} masks wanted, {self.count - self._used} of {self.count} left")
        self._used = part.stop
        return Masks(self.bits[:, part], self.ranges, [pair[:, part] for pair in self.pairs], self.value[part])


async def random_masks(session: Session, count: int, ranges: Sequence[Range]) -> Masks:
    """`count` masks. Cost: 2 + t rounds; about 5·61 + 3·30 words each for m = 3."""
    e = session.field.exponent
    bits = (await random_bits(session, e * count)).reshape(e, count)
    products = []
    for start, stop in ranges:
        even = stop - (stop - start) % 2
        products.append(bits[start:even:2] * bits[start + 1 : even : 2])
    pairs = await session.reshare(*products)
    return Masks(bits, ranges, pairs, weighted_sum(bits))


def weighted_sum(bits: Shares) -> Shares:
    """Σ 2^k · bits_k, the number that bits of shape (k, N) stand for."""
    return Shares(bits.field.weighted_sum(bits.words), bits.field)
