"""One party's shares of secret vectors, and what it can do with them alone.

`Shares` are shares of degree t: sums, public multiples and public rearrangements of them are local.
A scalar is a vector of one element, shape (1,). The product of two `Shares` is a `Product`, a sharing of degree 2t
that must be reshared (`Session.reshare`) before anything else is done with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from mpc_market.field.mersenne import GF, Field, Vector

Public = int | NDArray[np.generic]
"""A public integer, or an array of public non-negative integers below p."""


class Shares:
    """Shares of a secret array, of any shape, held by one party."""

    __slots__ = ("field", "words")
    __array_ufunc__ = None  # public array − shares is for `__rsub__`, not for NumPy

    def __init__(self, words: Vector, field: Field = GF) -> None:
        self.words = words
        self.field = field

    def __repr__(self) -> str:  # never the words
        return f"Shares(shape={self.shape})"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.words.shape

    @property
    def size(self) -> int:
        return self.words.size

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, index: int | slice | tuple[slice, slice | int]) -> Shares:
        return Shares(self.words[index], self.field)

    def __iter__(self) -> Iterator[Shares]:
        return (self[k] for k in range(len(self)))

    def take(self, index: NDArray[np.intp]) -> Shares:
        """Elements at public places along the last axis; `index` must be in range."""
        return Shares(np.take(self.words, index, axis=-1, mode="clip"), self.field)

    def reshape(self, *shape: int) -> Shares:
        return Shares(self.words.reshape(*shape), self.field)

    def _public(self, number: Public) -> Vector:
        # The sharing of a public constant is the constant polynomial.
        if isinstance(number, int):
            return np.asarray(number % self.field.modulus, np.uint64)
        return number.astype(np.uint64, copy=False)

    def __add__(self, other: Shares | Public) -> Shares:
        words = other.words if isinstance(other, Shares) else self._public(other)
        return Shares(self.field.add(self.words, words), self.field)

    def __sub__(self, other: Shares | Public) -> Shares:
        words = other.words if isinstance(other, Shares) else self._public(other)
        return Shares(self.field.subtract(self.words, words), self.field)

    def __rsub__(self, other: Public) -> Shares:
        return Shares(self.field.subtract(self._public(other), self.words), self.field)

    __radd__ = __add__

    def __neg__(self) -> Shares:
        return Shares(self.field.negate(self.words), self.field)

    def times(self, factor: int) -> Shares:
        """A public multiple."""
        return Shares(self.field.scale(self.words, factor), self.field)

    def sum(self, axis: int = -1) -> Shares:
        """Sums along an axis; of a vector the sum as a vector of one element."""
        return Shares(np.atleast_1d(self.field.sum(self.words, axis)), self.field)

    def prefix_sums(self) -> Shares:
        """x_0 + … + x_i for every i, along the last axis."""
        return Shares(self.field.prefix_sums(self.words), self.field)

    def sums_by(self, keys: NDArray[np.intp], count: int) -> Shares:
        """Of a table the sums of columns with one key, 0 … count − 1: shapes (w, n), (n,) → (w, count)."""
        by_key = np.argsort(keys, kind="stable")
        ends = np.cumsum(np.bincount(keys, minlength=count))
        running = np.zeros((len(self), len(keys) + 1), np.uint64)
        running[:, 1:] = self.take(by_key).prefix_sums().words
        before = running[:, np.concatenate([np.zeros(1, np.intp), ends[:-1]])]
        return Shares(self.field.subtract(running[:, ends], before), self.field)

    def __mul__(self, other: Shares) -> Product:
        return Product([(1, self, other)], np.broadcast_shapes(self.shape, other.shape))


def concatenate(parts: Sequence[Shares]) -> Shares:
    """The parts one after the other along the first axis."""
    return Shares(np.concatenate([part.words for part in parts]), parts[0].field)


def stack(parts: Sequence[Shares], axis: int = 0) -> Shares:
    """Parts of one shape along a new axis."""
    return Shares(np.stack([part.words for part in parts], axis=axis), parts[0].field)


def public(numbers: Sequence[int] | NDArray[np.generic], field: Field = GF) -> Shares:
    """The trivial sharing of public numbers."""
    return Shares(np.asarray(numbers).astype(np.uint64), field)


def weighted(weights: Shares, rows: Shares) -> Product:
    """Σ_k weights_k · rows_k for scalars and rows: shapes (k,), (k, n) → (n,)."""
    return Product([(1, weights[k : k + 1], rows[k]) for k in range(len(rows))], rows.shape[1:])


class Product:
    """A sum of products of shares, not yet computed: a sharing of degree 2t."""

    __slots__ = ("shape", "terms")

    def __init__(self, terms: list[tuple[int, Shares, Shares]], shape: tuple[int, ...]) -> None:
        self.terms = terms  # (sign, a, b)
        self.shape = shape

    def __repr__(self) -> str:
        return f"Product({len(self.terms)} terms, shape={self.shape})"

    @property
    def size(self) -> int:
        return prod(self.shape)

    def __add__(self, other: Product) -> Product:
        return Product(self.terms + other.terms, np.broadcast_shapes(self.shape, other.shape))

    def __sub__(self, other: Product) -> Product:
        return self + Product([(-sign, a, b) for sign, a, b in other.terms], other.shape)


class InnerProduct:
    """Σ_i a_i · b_i along the first axis, not yet computed: a sharing of degree 2t.

    `a` is a vector (n,), `b` a vector (n,) or a table (n, w); the shape is (1,) or (w,).

    Whatever the length, resharing it costs as much as resharing one product per sum.
    """

    __slots__ = ("a", "b", "shape")

    def __init__(self, a: Shares, b: Shares) -> None:
        self.a, self.b = a, b
        self.shape = b.shape[1:] or (1,)

    def __repr__(self) -> str:
        return f"InnerProduct(shape={self.shape})"

    @property
    def size(self) -> int:
        return prod(self.shape)


def dot(a: Shares, b: Shares) -> InnerProduct:
    """The inner product along the first axis."""
    return InnerProduct(a, b)
