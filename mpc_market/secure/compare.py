"""Comparisons of shared numbers: the lowest bit of a secret, the sign of a difference, division by a power of two.

All of them open c = a + r for a uniform r whose bits are shared (`Masks`) and then compare the public c with the
shared r, from the leaves of a tree up: a node tells of a range of bits whether c < r (`less`) and whether c = r
(`equal`). Since p = 2^61 − 1, 61 shared bits are uniform mod p: no statistical slack, numbers may have up to 60 bits.

Leaks: c, which is uniform whatever a is.
Source: [DFK+06] for the comparison of a public with a bit-shared number; [NO07] for the lowest bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpc_market.field.mersenne import Vector
from mpc_market.secure.randombits import Masks, Range, weighted_sum
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Product, Shares, concatenate


@dataclass
class Nodes:
    """A level of the tree over one range of bits, shape (nodes, N), low first: [c < r] and [c = r] there."""

    less: Shares
    equal: Shares

    @property
    def width(self) -> int:
        return len(self.less)


def sign_ranges(exponent: int) -> tuple[Range, ...]:
    """The ranges of bits that masks for `lowest_bit` and `is_negative` need."""
    return ((1, exponent),)


def truncation_ranges(exponent: int, shift: int) -> tuple[Range, ...]:
    """The ranges of bits that masks for `shift_right` need."""
    return ((0, shift), (shift, exponent))


async def is_negative(session: Session, number: Shares, masks: Masks) -> Shares:
    """[d < 0] for |d| < 2^60: the lowest bit of 2d mod p, since p is odd. Cost: as `lowest_bit`."""
    return await lowest_bit(session, number.times(2), masks)


async def lowest_bit(session: Session, number: Shares, masks: Masks) -> Shares:
    """The lowest bit of the residue of each secret. Shape (N,) → (N,).

    Cost: 7 rounds, 61 words per element and party besides the mask.
    """
    mask = masks.take(number.size)
    c = await session.open(number + mask.value)
    above = await _climb(session, [_leaves(session, c, mask, 0)])
    less, equal = above[0].less[0], above[0].equal[0]
    # a = c − r + p·[c < r], so a_0 = c_0 ⊕ r_0 ⊕ [c < r], and [c < r] = less + equal·(1 − c_0)·r_0. Therefore
    # r_0 ⊕ [c < r] = r_0 + less − r_0·(2·less + (1 − c_0)·equal)
    r0, c0 = mask.bits[0], c & np.uint64(1)
    (product,) = await session.reshare(r0 * (less.times(2) + _masked(equal, c0 == 0)))
    xor = r0 + less - product
    return _flipped(xor, c0 == 1)


async def shift_right(session: Session, number: Shares, masks: Masks, shift: int) -> Shares:
    """⌊y / 2^shift⌋ for y < 2^60. Shape (N,) → (N,).

    With c = y + r mod p, high and low parts at `shift`, and e the exponent of the field:
        wrap = [c < r] = less_high + equal_high·less_low          (then c + p = y + r)
        borrow = less_low + equal_low·wrap                        ((c + wrap·p)_low < r_low; p_low is all ones)
        ⌊y / 2^shift⌋ = c_high − r_high + wrap·2^(e − shift) − borrow
    Cost: 1 + 5 + 2 rounds.
    """
    mask = masks.take(number.size)
    e = session.field.exponent
    c = await session.open(number + mask.value)
    low, high = await _climb(session, [_leaves(session, c, mask, 0), _leaves(session, c, mask, 1)])
    (carried,) = await session.reshare(high.equal[0] * low.less[0])
    wrap = high.less[0] + carried
    (through,) = await session.reshare(low.equal[0] * wrap)
    borrow = low.less[0] + through
    r_high = weighted_sum(mask.bits[shift:])
    return (c >> np.uint64(shift)) - r_high + wrap.times(2 ** (e - shift)) - borrow


def _masked(x: Shares, keep: np.ndarray) -> Shares:
    return Shares(np.where(keep, x.words, np.uint64(0)), x.field)


def _flipped(x: Shares, flip: np.ndarray) -> Shares:
    """1 − x where `flip`, x elsewhere."""
    return Shares(np.where(flip, (1 - x).words, x.words), x.field)


def _leaves(session: Session, c: Vector, mask: Masks, which: int) -> Nodes:
    """The leaves over one range of bits: a pair of bits each, and a single one at the top if their number is odd."""
    start, stop = mask.ranges[which]
    even = stop - (stop - start) % 2
    field = session.field
    less, equal = field.pair_leaves(c, mask.bits[start:even].words, mask.pairs[which].words, start)
    nodes = Nodes(Shares(less, field), Shares(equal, field))
    if even < stop:
        top = mask.bits[stop - 1]
        ones = (c >> np.uint64(stop - 1)) & np.uint64(1) == 1
        nodes = Nodes(
            concatenate([nodes.less, _masked(top, ~ones).reshape(1, -1)]),
            concatenate([nodes.equal, _flipped(top, ~ones).reshape(1, -1)]),
        )
    return nodes


async def _climb(session: Session, levels: list[Nodes]) -> list[Nodes]:
    """Combine neighbouring nodes until one is left per range; all ranges in the same rounds.

    less = less_high + equal_high·less_low,   equal = equal_high·equal_low
    """
    while any(level.width > 1 for level in levels):
        products: list[Product] = []
        for level in levels:
            even = level.width - level.width % 2
            above = level.equal[1:even:2]
            products += [above * level.less[0:even:2], above * level.equal[0:even:2]]
        reshared = await session.reshare(*products)
        for k, level in enumerate(levels):
            even = level.width - level.width % 2
            less = level.less[1:even:2] + reshared[2 * k]
            equal = reshared[2 * k + 1]
            if even < level.width:
                less, equal = concatenate([less, level.less[even:]]), concatenate([equal, level.equal[even:]])
            levels[k] = Nodes(less, equal)
    return levels
