"""Where a running total crosses a budget: the one primitive of price, allocation and left-over lots.

For a shared non-decreasing vector S and a shared threshold T the vector u_i = [S_i ≤ T] is 1 … 1 0 … 0. It needs not n
comparisons but two stages of √n: compare at the ends of K blocks, select the block that holds the cut by an inner
product with its indicator, compare inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

from mpc_market.secure.compare import is_negative
from mpc_market.secure.randombits import Masks
from mpc_market.secure.session import Session
from mpc_market.secure.shares import InnerProduct, Product, Shares, concatenate, dot


def block_shape(n: int) -> tuple[int, int]:
    """(K, L): K blocks of L with K·L ≥ n, both about √n; n ≥ 1."""
    length = isqrt(n - 1) + 1
    return -(-n // length), length


def masks_needed(n: int) -> int:
    """How many masks one cut of n elements uses."""
    return sum(block_shape(n))


@dataclass
class Cut:
    """u_i = [S_i ≤ T] for the blocks and inside the block of the cut.

    `blocks` (K,): the block lies wholly below; `block` (K,): indicator of the block that holds the first S_i > T, all 0
    if there is none. `items` (L,): [S_i ≤ T] inside it; `item` (L,): indicator of that first i; `selected`: the part
    in that block of every selected column. Where there is no such block, `selected` is 0 and `items` compares 0 with T.
    `before`: S just before the block.
    """

    n: int
    blocks: Shares
    block: Shares
    items: Shares
    item: Shares
    prefix: Shares
    before: Shares
    selected: list[Shares]

    def spread(self, column: Shares, inside: Shares) -> Product:
        """`column` in the blocks below, `inside` (L,) in the block of the cut, 0 above: (n,), to be reshared."""
        return self._each(self.blocks) * column + self._each(self.block) * self._inside(inside)

    def indicator(self) -> tuple[Shares, Product]:
        """u itself, (n,), as a sum of shares and of a product to be reshared."""
        return self._each(self.blocks), self._each(self.block) * self._inside(self.items)

    def _each(self, per_block: Shares) -> Shares:
        k, length = block_shape(self.n)
        return per_block.take(np.repeat(np.arange(k), length)[: self.n])

    def _inside(self, per_item: Shares) -> Shares:
        k, length = block_shape(self.n)
        return per_item.take(np.tile(np.arange(length), k)[: self.n])


@dataclass
class Query:
    """One cut to be found: S (n,), T (scalar), and columns (n,) whose part at the cut is wanted."""

    prefix: Shares
    threshold: Shares
    columns: Sequence[Shares] = ()


async def find_cuts(session: Session, queries: Sequence[Query], masks: Masks) -> list[Cut]:
    """Several cuts in the same rounds; |S_i − T| < 2^60. All queries may differ in S and n ≥ 1.

    Leaks: nothing but what the comparisons open (uniform).
    Cost: 15 rounds; √n comparisons per stage and query.
    """
    # 1. Compare at the ends of the blocks.
    tables = [_table(query.prefix, last=True) for query in queries]
    ends = [table[:, -1] for table in tables]
    blocks = await _at_most(session, ends, queries, masks)
    indicators = [_first_zero(u) for u in blocks]
    # 2. Select the block of the cut.
    products: list[InnerProduct] = []
    for query, table, end, block in zip(queries, tables, ends, indicators, strict=True):
        starts = concatenate([(end[:1] - end[:1]), end[:-1]])
        columns = [table, *(_table(column) for column in query.columns)]
        products += [dot(block, column) for column in columns] + [dot(block, starts)]
    selected = iter(await session.reshare(*products))
    parts = [[next(selected) for _ in range(len(query.columns) + 2)] for query in queries]
    # 3. Compare inside it.
    insides = await _at_most(session, [part[0] for part in parts], queries, masks)
    return [
        Cut(query.prefix.size, u, block, items, _first_zero(items), part[0], part[-1], part[1:-1])
        for query, u, block, items, part in zip(queries, blocks, indicators, insides, parts, strict=True)
    ]


def _table(column: Shares, *, last: bool = False) -> Shares:
    """A column as K rows of L, filled up with 0 or with its last element."""
    k, length = block_shape(column.size)
    fill = k * length - column.size
    if fill:
        tail = column[-1:] if last else column[-1:] - column[-1:]
        column = concatenate([column, *([tail] * fill)])
    return column.reshape(k, length)


def _first_zero(u: Shares) -> Shares:
    """From 1 … 1 0 … 0 the indicator of its first 0: u_{i−1} − u_i with u_{−1} = 1."""
    return concatenate([1 - u[:1], u[:-1] - u[1:]])


async def _at_most(session: Session, vectors: Sequence[Shares], queries: Sequence[Query], masks: Masks) -> list[Shares]:
    """[S_i ≤ T] for each vector and its query's threshold, in one batch: 1 − [T − S_i < 0]."""
    differences = concatenate([q.threshold - v for v, q in zip(vectors, queries, strict=True)])
    below = 1 - await is_negative(session, differences, masks)
    results, start = [], 0
    for vector in vectors:
        results.append(below[start : start + vector.size])
        start += vector.size
    return results
