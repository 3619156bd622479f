"""Vectors of integers modulo p = 2^e − 1, on NumPy `uint64` arrays of canonical residues.

The market computes in GF(2^61 − 1). The exponent is a parameter so that tests can enumerate a small field
(2^5 − 1) through the very same code.

A reduction modulo a Mersenne prime is a fold: 2^e ≡ 1, so x ≡ (x mod 2^e) + ⌊x / 2^e⌋. Long vectors are worked
through in blocks that stay in the cache; nothing here allocates a temporary of the vector's length besides
its result.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.uint64]

BLOCK = 8192
"""Elements worked on at a time: small enough for the second-level cache, large enough to hide NumPy's overhead."""

SCRATCH_ROWS = 5
_LOW32 = np.uint64(2**32 - 1)
_LOW31 = np.uint64(2**31 - 1)
_LOW29 = np.uint64(2**29 - 1)
_WEIGHT_MAX = 7  # 7 · 2^61 < 2^64: so many residues are added before a fold is due


def scratch_for(size: int) -> Vector:
    """Working space for the block kernels: shape `(SCRATCH_ROWS, min(size, BLOCK))`."""
    return np.empty((SCRATCH_ROWS, min(size, BLOCK)), np.uint64)


def blocks(size: int) -> Iterator[slice]:
    """Cut `0 … size` into slices of at most BLOCK elements."""
    for start in range(0, size, BLOCK):
        yield slice(start, min(start + BLOCK, size))


@dataclass(frozen=True)
class Field:
    """The prime field GF(2^exponent − 1), exponent ≤ 61."""

    exponent: int = 61

    @cached_property
    def modulus(self) -> int:
        """The prime p."""
        return int(2**self.exponent - 1)

    @cached_property
    def _p(self) -> np.uint64:
        return np.uint64(self.modulus)

    @cached_property
    def _e(self) -> np.uint64:
        return np.uint64(self.exponent)

    # --- public numbers -------------------------------------------------------------------------------

    def vector(self, numbers: Sequence[int] | NDArray[np.generic] | int) -> Vector:
        """Signed integers as residues."""
        return np.asarray([int(x) % self.modulus for x in np.ravel(np.asarray(numbers, object))], np.uint64)

    def inverse(self, number: int) -> int:
        """The inverse of a public number that is not a multiple of p."""
        return pow(number, -1, self.modulus)

    def is_canonical(self, x: Vector) -> bool:
        """Whether every word is below p."""
        return x.size == 0 or bool(x.max() < self._p)

    # --- linear, whole vectors ------------------------------------------------------------------------

    def add(self, a: Vector, b: Vector) -> Vector:
        """a + b."""
        out: Vector = np.add(a, b)
        return self._canonical(out)

    def subtract(self, a: Vector, b: Vector) -> Vector:
        """a − b."""
        out: Vector = np.subtract(a, b)
        return np.minimum(out, out + self._p)  # a negative difference has wrapped to a huge number

    def negate(self, a: Vector) -> Vector:
        """−a."""
        out: Vector = np.subtract(self._p, a)
        return self._canonical(out)

    def scale(self, a: Vector, factor: int) -> Vector:
        """factor · a for a public integer."""
        factor = self._centred(factor)
        out: Vector = np.empty(a.shape, np.uint64)
        if out.size:
            self.combine([(factor, np.ascontiguousarray(a).reshape(-1))], out.reshape(-1))
        return out

    def sum(self, a: Vector, axis: int = -1) -> Vector:
        """Sums along an axis."""
        # Halves of 31 and 30 bits: 2^33 of them fit in a word.
        low = np.add.reduce(a & _LOW31, axis=axis, dtype=np.uint64)
        high = np.add.reduce(a >> np.uint64(31), axis=axis, dtype=np.uint64)
        return self.join(np.atleast_1d(low), np.atleast_1d(high)).reshape(np.shape(low))

    def prefix_sums(self, a: Vector) -> Vector:
        """C_i = a_0 + … + a_i along the last axis."""
        low = np.cumsum(a & _LOW31, axis=-1, dtype=np.uint64)
        high = np.cumsum(a >> np.uint64(31), axis=-1, dtype=np.uint64)
        return self.join(low, high)

    def join(self, low: Vector, high: Vector) -> Vector:
        """high · 2^31 + low, both below 2^62."""
        if self.exponent <= 31:  # then `high` is 0, and `low` is far below 2^62
            return low % self._p
        e, rest = self._e, np.uint64(self.exponent - 31)
        out: Vector = high & np.uint64(2 ** (self.exponent - 31) - 1)
        out <<= np.uint64(31)
        high >>= rest
        out += high
        out += low & self._p
        low >>= e
        out += low
        return self._fold(out)

    # --- products -------------------------------------------------------------------------------------

    def multiply(self, a: Vector, b: Vector) -> Vector:
        """a · b, element by element, with broadcasting."""
        a, b = np.broadcast_arrays(a, b)
        out: Vector = np.empty(a.shape, np.uint64)
        flat_a, flat_b, flat = a.reshape(-1), b.reshape(-1), out.reshape(-1)
        scratch = scratch_for(flat.size)
        for part in blocks(flat.size):
            self.multiply_block(flat_a[part], flat_b[part], flat[part], scratch)
            self._canonical(self._fold(flat[part]))
        return out

    def multiply_block(self, a: Vector, b: Vector | np.uint64, out: Vector, scratch: Vector) -> None:
        """out ≡ a · b, below 2^e + 8: one block, `out` apart from `a` and `b`, `b` a vector or one number."""
        a1, b1, b0, mid, t = scratch[:SCRATCH_ROWS, : out.size]
        thirty_two = np.uint64(32)
        np.right_shift(a, thirty_two, out=a1)
        np.bitwise_and(a, _LOW32, out=out)
        np.right_shift(b, thirty_two, out=b1)
        np.bitwise_and(b, _LOW32, out=b0)
        np.multiply(out, b1, out=mid)
        np.multiply(a1, b0, out=t)
        np.add(mid, t, out=mid)  # < 2^62
        np.multiply(a1, b1, out=a1)  # < 2^58
        np.multiply(out, b0, out=out)
        # a·b = a1 · 2^64 + mid · 2^32 + out,  2^64 ≡ 2^3,  mid · 2^32 ≡ ⌊mid / 2^29⌋ + (mid mod 2^29) · 2^32
        np.left_shift(a1, np.uint64(3), out=a1)
        np.right_shift(mid, np.uint64(29), out=t)
        np.add(a1, t, out=a1)
        np.bitwise_and(mid, _LOW29, out=mid)
        np.left_shift(mid, thirty_two, out=mid)
        np.add(a1, mid, out=a1)
        np.bitwise_and(out, self._p, out=t)
        np.add(a1, t, out=a1)
        np.right_shift(out, self._e, out=out)
        np.add(a1, out, out=a1)
        np.right_shift(a1, self._e, out=t)
        np.bitwise_and(a1, self._p, out=out)
        np.add(out, t, out=out)

    def combine(self, terms: Sequence[tuple[int, Vector]], out: Vector) -> None:
        """out = Σ c_k · v_k for public integers c_k and vectors of one length; `out` may be one of the v_k.

        Small coefficients (|c| ≤ 7) cost two operations, others a full product.
        """
        scratch = scratch_for(out.size)
        accumulator = np.empty((2, scratch.shape[1]), np.uint64)
        for part in blocks(out.size):
            self.combine_block([(c, v[part]) for c, v in terms], out[part], accumulator, scratch)

    def combine_block(
        self, terms: Sequence[tuple[int, Vector]], out: Vector, accumulator: Vector, scratch: Vector
    ) -> None:
        """`combine` for one block; `accumulator` is working space of shape `(2, ≥ out.size)`."""
        total, t = accumulator[0, : out.size], accumulator[1, : out.size]
        weight = 0
        for coefficient, v in terms:
            size = abs(coefficient) if abs(coefficient) <= _WEIGHT_MAX else 2
            if weight and weight + size > _WEIGHT_MAX:
                self._fold(total)
                weight = 1
            into = t if weight else total
            if abs(coefficient) > _WEIGHT_MAX:
                self.multiply_block(v, np.uint64(coefficient % self.modulus), into, scratch)
            elif coefficient == 1 and not weight:
                np.copyto(into, v)
            elif coefficient == 1:
                into = v
            elif coefficient > 0:
                np.multiply(v, np.uint64(coefficient), out=into)
            else:
                np.subtract(self._p, v, out=into)
                if coefficient != -1:
                    np.multiply(into, np.uint64(-coefficient), out=into)
            if weight:
                np.add(total, into, out=total)
            weight += size
            if weight > _WEIGHT_MAX:
                self._fold(total)
                weight = 1
        if not weight:
            total.fill(0)
        self._fold(total)
        np.subtract(total, self._p, out=t)
        np.minimum(total, t, out=out)

    # --- reductions, in place -------------------------------------------------------------------------

    def _fold(self, x: Vector) -> Vector:
        high = x >> self._e
        x &= self._p
        x += high
        return x

    def fold(self, x: Vector) -> Vector:
        """Reduce any words to canonical residues, in place."""
        return self._canonical(self._fold(x))

    def _canonical(self, x: Vector) -> Vector:
        """From below 2p to below p, in place."""
        np.minimum(x, x - self._p, out=x)
        return x

    def _centred(self, factor: int) -> int:
        """The representative of a public factor that is nearest to 0."""
        factor %= self.modulus
        return factor if factor <= self.modulus // 2 else factor - self.modulus


GF = Field(61)
"""GF(2^61 − 1), the field of the market."""
