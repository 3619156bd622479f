"""Local vectors: what a dealer is about to deal, computed block by block while it is dealt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mpc_market.field.mersenne import BLOCK, Field, Vector, flat
from mpc_market.secure.shares import InnerProduct, Product


class LocalVector:
    """A vector that is there already (or, at a party that does not deal, only its size).

    `compute` gives one part of it, a whole number of blocks long but for the last.
    """

    def __init__(self, words: Vector | None, size: int, block: int = BLOCK) -> None:
        self._words = words
        self.size = size
        self.block = block

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"

    @property
    def dealt(self) -> bool:
        """Whether this party has the words, and not only their number."""
        return self._words is not None

    def compute(self, part: slice) -> Vector:
        """The words of one block; not to be changed."""
        assert self._words is not None
        return self._words[part]


class LocalProduct(LocalVector):
    """Σ ± a_k · b_k of flat vectors, a_k possibly a scalar."""

    def __init__(self, terms: Sequence[tuple[int, Vector, Vector]], size: int, field: Field) -> None:
        super().__init__(None, size)
        self._terms = terms
        self._field = field

    @property
    def dealt(self) -> bool:
        return True

    def compute(self, part: slice) -> Vector:
        z = np.zeros(part.stop - part.start, np.uint64)
        for sign, a, b in self._terms:
            self._field.add_product(a if a.size == 1 else a[part], b[part], z, sign)
        return z


class LocalRows(LocalVector):
    """Rows of matrices side by side, each gathered by an index: what a pass of a shuffle deals, row-major."""

    def __init__(self, pieces: Sequence[tuple[Vector, NDArray[np.intp]]]) -> None:
        self._pieces = pieces
        self._width = sum(matrix.shape[1] for matrix, _ in pieces)
        rows = len(pieces[0][1])
        super().__init__(None, rows * self._width, self.block_of(self._width))

    @property
    def dealt(self) -> bool:
        return True

    @staticmethod
    def block_of(width: int) -> int:
        """Whole rows in about BLOCK elements."""
        return max(1, BLOCK // width) * width

    def compute(self, part: slice) -> Vector:
        table = np.empty((part.stop // self._width - part.start // self._width, self._width), np.uint64)
        rows = slice(part.start // self._width, part.stop // self._width)
        if len(self._pieces) == 1:
            matrix, index = self._pieces[0]
            np.take(matrix, index[rows], axis=0, out=table, mode="clip")  # an own permutation: in range
            return table.reshape(-1)
        column = 0
        for matrix, index in self._pieces:
            table[:, column : column + matrix.shape[1]] = matrix[index[rows]]
            column += matrix.shape[1]
        return table.reshape(-1)


def merged(local: Sequence[LocalVector]) -> list[LocalVector]:
    """Neighbouring short vectors as one, so that each is not dealt for itself."""
    out: list[LocalVector] = []
    short: list[LocalVector] = []
    for vector in [*local, None]:
        if short and (vector is None or sum(v.size for v in short) + vector.size > BLOCK):
            out.append(short[0] if len(short) == 1 else _joined(short))
            short = []
        if vector is not None and vector.size > BLOCK:
            out.append(vector)
        elif vector is not None:
            short.append(vector)
    return out


def _joined(short: Sequence[LocalVector]) -> LocalVector:
    size = sum(vector.size for vector in short)
    if not all(vector.dealt for vector in short):
        return LocalVector(None, size)
    return LocalVector(np.concatenate([vector.compute(slice(0, vector.size)) for vector in short]), size)


def evaluate(product: Product | InnerProduct, field: Field) -> LocalVector:
    """A product as a local vector: element-wise ones lazily, inner products at once (they are short)."""
    if isinstance(product, InnerProduct):
        words = field.inner(product.a.words, product.b.words)
        return LocalVector(words, words.size)
    shape = product.shape

    def spread(words: Vector) -> Vector:
        return flat(words if words.shape == shape else np.broadcast_to(words, shape))

    terms = [(sign, flat(a.words) if a.size == 1 else spread(a.words), spread(b.words)) for sign, a, b in product.terms]
    return LocalProduct(terms, product.size, field)
