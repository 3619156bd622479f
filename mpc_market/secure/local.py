"""Local vectors: what a dealer is about to deal, computed block by block while it is dealt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mpc_market.field.mersenne import BLOCK, SCRATCH_ROWS, Field, Vector
from mpc_market.secure.shares import InnerProduct, Product

_LOW31 = np.uint64(2**31 - 1)
_Z, _TERM = SCRATCH_ROWS + 2, SCRATCH_ROWS + 3  # rows of the working space


class LocalVector:
    """A vector that is there already (or, at a party that does not deal, only its size).

    `compute(part, space)` gives one block of it in memory that the caller may change; `space` is working space of
    SCRATCH_ROWS + 5 rows.
    """

    def __init__(self, words: Vector | None, size: int, block: int = BLOCK) -> None:
        self._words = words
        self.size = size
        self.block = block

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"

    def blocks(self) -> Iterator[slice]:
        """The blocks in sequence; all parties cut alike."""
        for start in range(0, self.size, self.block):
            yield slice(start, min(start + self.block, self.size))

    def compute(self, part: slice, space: Vector) -> Vector:
        assert self._words is not None
        z: Vector = space[_Z, : part.stop - part.start]
        np.copyto(z, self._words[part])
        return z


class LocalProduct(LocalVector):
    """Σ ± a_k · b_k of flat vectors."""

    def __init__(self, terms: Sequence[tuple[int, Vector, Vector]], size: int, field: Field) -> None:
        super().__init__(None, size)
        self._terms = terms
        self._field = field

    def compute(self, part: slice, space: Vector) -> Vector:
        count = part.stop - part.start
        z, term = space[_Z, :count], space[_TERM, :count]
        field, scratch = self._field, space[:SCRATCH_ROWS]
        weight = 0
        for sign, a, b in self._terms:
            into = term if weight else z
            field.multiply_block(a[part], b[part], into, scratch)  # below 2^e + 8
            if sign < 0:
                np.subtract(np.uint64(2 * field.modulus), into, out=into)
            if weight:
                np.add(z, into, out=z)
            weight += 2
            if weight > 5:
                field.fold(z)
                weight = 1
        field.fold(z)
        return z


class LocalRows(LocalVector):
    """Rows of matrices side by side, each gathered by an index: what a pass of a shuffle deals, row-major."""

    def __init__(self, pieces: Sequence[tuple[Vector, NDArray[np.intp]]]) -> None:
        self._pieces = pieces
        self._width = sum(matrix.shape[1] for matrix, _ in pieces)
        rows = len(pieces[0][1])
        super().__init__(None, rows * self._width, self.block_of(self._width))

    @staticmethod
    def block_of(width: int) -> int:
        """Whole rows in about BLOCK elements; the parties that gather and those that only draw cut alike."""
        return max(1, BLOCK // width) * width

    def compute(self, part: slice, space: Vector) -> Vector:
        z: Vector = space[_Z, : part.stop - part.start]
        table = z.reshape(-1, self._width)
        rows = slice(part.start // self._width, part.stop // self._width)
        if len(self._pieces) == 1:
            matrix, index = self._pieces[0]
            np.take(matrix, index[rows], axis=0, out=table, mode="clip")  # an own permutation: in range
            return z
        column = 0
        for matrix, index in self._pieces:
            table[:, column : column + matrix.shape[1]] = matrix[index[rows]]
            column += matrix.shape[1]
        return z


def evaluate(product: Product | InnerProduct, field: Field) -> LocalVector:
    """A product as a local vector: element-wise ones lazily, inner products at once (they are short)."""
    if isinstance(product, InnerProduct):
        words = inner_product(product, field)
        return LocalVector(words, words.size)
    shape = product.shape
    terms = [
        (sign, np.broadcast_to(a.words, shape).reshape(-1), np.broadcast_to(b.words, shape).reshape(-1))
        for sign, a, b in product.terms
    ]
    return LocalProduct(terms, product.size, field)


def inner_product(product: InnerProduct, field: Field) -> Vector:
    """Σ_i a_i · b_i along the FIRST axis, locally; flat."""
    full = np.broadcast_shapes(product.a.shape, product.b.shape)
    a, b = np.broadcast_to(product.a.words, full), np.broadcast_to(product.b.words, full)
    length, width = full[0], int(np.prod(full[1:], dtype=np.int64))
    low, high = np.zeros(width, np.uint64), np.zeros(width, np.uint64)
    rows = max(1, BLOCK // max(width, 1))
    space = np.empty((SCRATCH_ROWS + 1, rows * width), np.uint64)
    for start in range(0, length, rows):
        stop = min(start + rows, length)
        flat_a, flat_b = a[start:stop].reshape(-1), b[start:stop].reshape(-1)
        out = space[SCRATCH_ROWS, : flat_a.size]
        field.multiply_block(flat_a, flat_b, out, space[:SCRATCH_ROWS])
        table = out.reshape(stop - start, width)
        low += np.add.reduce(table & _LOW31, axis=0)
        high += np.add.reduce(table >> np.uint64(31), axis=0)
    return field.join(low, high)
