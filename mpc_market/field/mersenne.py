"""Vectors of integers modulo p = 2^e − 1, as NumPy `uint64` arrays of canonical residues.

The market computes in GF(2^61 − 1). The exponent is a parameter so that tests can enumerate a small field
(2^5 − 1) through the very same code. The inner loops are in `kernels`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from mpc_market.errors import ShareError
from mpc_market.field import kernels

Vector = NDArray[np.uint64]

BLOCK = 32768
"""Elements worked on at a time by code that makes several passes: this many stay in the second-level cache."""

_WEIGHT_MAX = 7  # 7 · 2^61 < 2^64: this many residues are added before a fold is due


def blocks(stop: int, block: int = BLOCK, start: int = 0) -> Iterator[slice]:
    """Cut `start … stop` into slices of at most `block` elements."""
    for first in range(start, stop, block):
        yield slice(first, min(first + block, stop))


def flat(a: Vector) -> Vector:
    """All elements in one contiguous row; a view where the array is contiguous."""
    return np.ascontiguousarray(a).reshape(-1)


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

    def vector(self, numbers: Sequence[int]) -> Vector:
        """Signed integers as residues."""
        return np.array([number % self.modulus for number in numbers], np.uint64)

    def inverse(self, number: int) -> int:
        """The inverse of a public number that is not a multiple of p."""
        return pow(number, -1, self.modulus)

    def centred(self, number: int) -> int:
        """The representative of a public number that is nearest to 0."""
        number %= self.modulus
        return number if number <= self.modulus // 2 else number - self.modulus

    def is_canonical(self, x: Vector) -> bool:
        """Whether every word is below p."""
        return bool(kernels.all_below(flat(x), self._p))

    # --- sums, element by element with broadcasting ---------------------------------------------------

    def add(self, a: Vector, b: Vector) -> Vector:
        """a + b."""
        if b.size == 1 != a.size and b.ndim <= a.ndim:
            out = np.empty(a.shape, np.uint64)
            kernels.add_number(flat(a), b.reshape(-1)[0], out.reshape(-1), self._p)
            return out
        a, b = _matched(a, b)
        out = np.empty(a.shape, np.uint64)
        kernels.add(flat(a), flat(b), out.reshape(-1), self._p)
        return out

    def subtract(self, a: Vector, b: Vector) -> Vector:
        """a − b."""
        if a.size == 1 != b.size and a.ndim <= b.ndim:
            out = np.empty(b.shape, np.uint64)
            kernels.subtract_from(a.reshape(-1)[0], flat(b), out.reshape(-1), self._p)
            return out
        if b.size == 1 != a.size and b.ndim <= a.ndim:
            return self.add(a, self.negate(b))
        a, b = _matched(a, b)
        out = np.empty(a.shape, np.uint64)
        kernels.subtract(flat(a), flat(b), out.reshape(-1), self._p)
        return out

    def negate(self, a: Vector) -> Vector:
        """−a."""
        out = np.empty(a.shape, np.uint64)
        kernels.subtract_from(np.uint64(0), flat(a), out.reshape(-1), self._p)
        return out

    # --- products -------------------------------------------------------------------------------------

    def multiply(self, a: Vector, b: Vector) -> Vector:
        """a · b, element by element with broadcasting."""
        a, b = _matched(a, b)
        out = np.empty(a.shape, np.uint64)
        kernels.multiply(flat(a), flat(b), out.reshape(-1), self._p, self._e)
        return out

    def scale(self, a: Vector, factor: int) -> Vector:
        """factor · a for a public integer."""
        out = np.empty(a.shape, np.uint64)
        number = np.uint64(factor % self.modulus)
        kernels.multiply_number(flat(a), number, out.reshape(-1), self._p, self._e)
        return out

    def add_product(self, a: Vector, b: Vector, out: Vector, sign: int = 1) -> None:
        """out ± a · b for flat vectors, or one number a, in place."""
        _check_lengths(out, b, *(() if a.size == 1 else (a,)))
        sign_word = np.uint64(sign % 2**64)
        if a.size == 1:
            kernels.add_multiple(a[0], b, out, sign_word, self._p, self._e)
        else:
            kernels.add_product(a, b, out, sign_word, self._p, self._e)

    def combine(self, terms: Sequence[tuple[int, Vector]], out: Vector) -> None:
        """out = Σ c_k · v_k for public integers c_k and flat vectors of one length; `out` may be any one of the v_k.

        Small coefficients (|c| ≤ 7) cost one word multiplication: computed in words mod 2^64 the sum
        Σ_{c<0} |c|·p + Σ c_k·v_k is exact as long as Σ |c_k| ≤ 7, and then one fold reduces it.
        """
        _check_lengths(out, *(v for _, v in terms))
        kernel, numbers = _recipe(self, tuple(c for c, _ in terms))
        if kernel is None:
            self._combine_any(terms, out)
        else:
            kernel(*(v for _, v in terms), out, *numbers, self._p, self._e)

    def combined(self, terms: Sequence[tuple[int, Vector]]) -> Vector:
        """Σ c_k · v_k as a new vector: see `combine`."""
        out = np.empty(len(terms[0][1]), np.uint64)
        self.combine(terms, out)
        return out

    def _combine_any(self, terms: Sequence[tuple[int, Vector]], out: Vector) -> None:
        total = np.zeros(out.size, np.uint64)
        for c, v in terms:
            self.add_product(np.array([c % self.modulus], np.uint64), v, total)
        np.copyto(out, total)

    # --- totals ---------------------------------------------------------------------------------------

    def sum(self, a: Vector, axis: int = -1) -> Vector:
        """Sums along an axis."""
        rows = np.ascontiguousarray(np.moveaxis(a, axis, -1))
        out = np.empty(rows.shape[:-1], np.uint64)
        kernels.row_sums(rows.reshape(out.size, a.shape[axis]), out.reshape(-1), self._p, self._e)
        return out

    def prefix_sums(self, a: Vector) -> Vector:
        """C_i = a_0 + … + a_i along the last axis."""
        out = np.empty(a.shape, np.uint64)
        shape = (-1, a.shape[-1]) if a.size else (0, 0)
        kernels.prefix_sums(np.ascontiguousarray(a).reshape(shape), out.reshape(shape), self._p)
        return out

    def inner(self, a: Vector, b: Vector) -> Vector:
        """Σ_i a_i · b_i: of two vectors, shape (1,), or of a vector with the rows of b (n, w), shape (w,)."""
        _check_lengths(a, b)
        if b.ndim == 1:
            return np.array([kernels.inner(flat(a), flat(b), self._p, self._e)], np.uint64)
        out = np.zeros(b.shape[1], np.uint64)
        kernels.inner_rows(flat(a), np.ascontiguousarray(b), out, self._p, self._e)
        return out

    def weighted_sum(self, bits: Vector) -> Vector:
        """Σ 2^k · bits_k of shape (k, n), low bit first: (n,)."""
        out = np.empty(bits.shape[1], np.uint64)
        kernels.weighted_sum(np.ascontiguousarray(bits), out, self._p, self._e)
        return out

    def pair_leaves(self, c: Vector, bits: Vector, pairs: Vector, start: int) -> tuple[Vector, Vector]:
        """See `kernels.pair_leaves`."""
        if len(bits) // 2 != len(pairs) or not bits.shape[1] == pairs.shape[1] == c.size:
            raise ShareError(f"bits {bits.shape} and pairs {pairs.shape} do not belong to {c.size} numbers")
        less, equal = np.empty(pairs.shape, np.uint64), np.empty(pairs.shape, np.uint64)
        kernels.pair_leaves(c, np.ascontiguousarray(bits), np.ascontiguousarray(pairs), start, less, equal, self._p)
        return less, equal


def _check_lengths(a: Vector, *others: Vector) -> None:
    """The kernels read without looking: what they are given must be equally long."""
    for other in others:
        if len(other) != len(a):
            raise ShareError(f"vectors of {len(a)} and {len(other)} elements")


def _matched(a: Vector, b: Vector) -> tuple[Vector, Vector]:
    if a.shape == b.shape:
        return a, b
    shape = np.broadcast_shapes(a.shape, b.shape)
    return np.broadcast_to(a, shape), np.broadcast_to(b, shape)


@cache
def _recipe(field: Field, coefficients: tuple[int, ...]) -> tuple[Callable[..., None] | None, tuple[np.uint64, ...]]:
    """The kernel that computes Σ c_k · v_k, and its constants; None if the coefficients are large or many."""
    kernel: Callable[..., None] | None = {
        2: kernels.combine_two,
        3: kernels.combine_three,
        4: kernels.combine_four,
    }.get(len(coefficients))
    halves = (coefficients[:2], coefficients[2:]) if len(coefficients) == 4 else (coefficients,)
    if any(sum(map(abs, half)) > _WEIGHT_MAX for half in halves):
        kernel = None
    words = [np.uint64(c % 2**64) for c in coefficients]
    biases = [np.uint64(sum(-c for c in half if c < 0) * field.modulus % 2**64) for half in halves]
    return kernel, (*words, *biases)


GF = Field(61)
"""GF(2^61 − 1), the field of the market."""
