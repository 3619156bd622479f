"""The inner loops of the field, compiled by Numba: what NumPy does in twenty passes is one pass here.

Elements are canonical residues mod p = 2^e − 1 (e ≤ 61) in contiguous `uint64` arrays; p and e are arguments, so
that a small field runs the very same code. Nothing branches on an element. All kernels release the interpreter lock.

A reduction modulo a Mersenne prime is a fold: 2^e ≡ 1, so x ≡ (x mod 2^e) + ⌊x / 2^e⌋.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types

_Function = Callable[..., Any]

_word = types.uint64
_read = types.Array(_word, 1, "C", readonly=True)
_vector = types.Array(_word, 1, "C")
_table = types.Array(_word, 2, "C", readonly=True)
_out_table = types.Array(_word, 2, "C")

_LOW32 = np.uint64(2**32 - 1)
_LOW31 = np.uint64(2**31 - 1)
_LOW29 = np.uint64(2**29 - 1)
_3, _29, _31, _32 = np.uint64(3), np.uint64(29), np.uint64(31), np.uint64(32)
_0, _1, _2 = np.uint64(0), np.uint64(1), np.uint64(2)


def _kernel(*arguments: types.Type, result: types.Type = types.void) -> Callable[[_Function], _Function]:
    """Compile for one signature, keep the machine code on disk, release the interpreter lock."""
    decorate: Callable[[_Function], _Function] = numba.njit(result(*arguments), cache=True, nogil=True)
    return decorate


def _inline(function: _Function) -> _Function:
    compiled: _Function = numba.njit(inline="always")(function)
    return compiled


@_inline
def _reduced(x, p, e):  # type: ignore[no-untyped-def]
    """Any word as a canonical residue (x < 8·2^e suffices for every e)."""
    x = (x & p) + (x >> e)
    return min(x, x - p)  # below p, x − p has wrapped to a huge number


@_inline
def _product(a, b, p, e):  # type: ignore[no-untyped-def]
    """a · b mod p, below 2^e + 8: four 32-bit multiplications, 2^64 ≡ 2^3 and ⌊mid / 2^29⌋·2^61 ≡ ⌊mid / 2^29⌋.

    For e < 32 only the lowest of the four is not zero.
    """
    a0, a1, b0, b1 = a & _LOW32, a >> _32, b & _LOW32, b >> _32
    low, mid, high = a0 * b0, a0 * b1 + a1 * b0, a1 * b1
    total = (high << _3) + (mid >> _29) + ((mid & _LOW29) << _32) + (low & p) + (low >> e)
    return (total & p) + (total >> e)


@_inline
def _joined(low, high, p, e):  # type: ignore[no-untyped-def]
    """high · 2^31 + low mod p, for sums of halves of residues; `high` is 0 for e ≤ 31."""
    low = (low & p) + (low >> e)
    while low > p:  # a small e needs several folds; the number of them tells only how many were added
        low = (low & p) + (low >> e)
    if e > _31:
        rest = e - _31
        low += ((high & ((_1 << rest) - _1)) << _31) + (high >> rest)
    return _reduced(low, p, e)


@_kernel(_read, _read, _vector, _word)
def add(a, b, out, p):  # type: ignore[no-untyped-def]
    """a + b."""
    for i in range(out.size):
        x = a[i] + b[i]
        out[i] = min(x, x - p)


@_kernel(_read, _read, _vector, _word)
def subtract(a, b, out, p):  # type: ignore[no-untyped-def]
    """a − b."""
    for i in range(out.size):
        x = a[i] - b[i]
        out[i] = min(x, x + p)


@_kernel(_word, _read, _vector, _word)
def subtract_from(a, b, out, p):  # type: ignore[no-untyped-def]
    """a − b for one number a."""
    for i in range(out.size):
        x = a - b[i]
        out[i] = min(x, x + p)


@_kernel(_read, _word, _vector, _word)
def add_number(a, b, out, p):  # type: ignore[no-untyped-def]
    """a + b for one number b."""
    for i in range(out.size):
        x = a[i] + b
        out[i] = min(x, x - p)


@_kernel(_read, _read, _vector, _word, _word)
def multiply(a, b, out, p, e):  # type: ignore[no-untyped-def]
    """a · b."""
    for i in range(out.size):
        x = _product(a[i], b[i], p, e)
        out[i] = min(x, x - p)


@_kernel(_read, _read, _vector, _word, _word, _word)
def add_product(a, b, out, sign, p, e):  # type: ignore[no-untyped-def]
    """out ± a · b, `sign` being 1 or 2^64 − 1."""
    bias = _0 if sign == _1 else _2 * p
    for i in range(out.size):
        out[i] = _reduced(out[i] + bias + sign * _product(a[i], b[i], p, e), p, e)


@_kernel(_word, _read, _vector, _word, _word, _word)
def add_multiple(a, b, out, sign, p, e):  # type: ignore[no-untyped-def]
    """out ± a · b for one number a."""
    bias = _0 if sign == _1 else _2 * p
    for i in range(out.size):
        out[i] = _reduced(out[i] + bias + sign * _product(a, b[i], p, e), p, e)


@_kernel(_read, _word, _vector, _word, _word)
def multiply_number(a, b, out, p, e):  # type: ignore[no-untyped-def]
    """a · b for one number b."""
    for i in range(out.size):
        x = _product(a[i], b, p, e)
        out[i] = min(x, x - p)


@_kernel(_read, _read, _vector, _word, _word, _word, _word, _word)
def combine_two(x, y, out, a, b, bias, p, e):  # type: ignore[no-untyped-def]
    """a · x + b · y for small coefficients: see `Field.combine`."""
    for i in range(out.size):
        out[i] = _reduced(bias + a * x[i] + b * y[i], p, e)


@_kernel(_read, _read, _read, _vector, _word, _word, _word, _word, _word, _word)
def combine_three(x, y, z, out, a, b, c, bias, p, e):  # type: ignore[no-untyped-def]
    """a · x + b · y + c · z for small coefficients: see `Field.combine`."""
    for i in range(out.size):
        out[i] = _reduced(bias + a * x[i] + b * y[i] + c * z[i], p, e)


@_kernel(_read, _read, _read, _read, _vector, _word, _word, _word, _word, _word, _word, _word, _word)
def combine_four(w, x, y, z, out, a, b, c, d, bias, bias2, p, e):  # type: ignore[no-untyped-def]
    """a · w + b · x + c · y + d · z for coefficients that are small pair by pair: see `Field.combine`."""
    for i in range(out.size):
        total = _reduced(bias + a * w[i] + b * x[i], p, e) + _reduced(bias2 + c * y[i] + d * z[i], p, e)
        out[i] = min(total, total - p)


@_kernel(_table, _out_table, _word)
def prefix_sums(x, out, p):  # type: ignore[no-untyped-def]
    """Running totals of each row."""
    for row in range(x.shape[0]):
        total = _0
        for i in range(x.shape[1]):
            total += x[row, i]
            total = min(total, total - p)
            out[row, i] = total


@_kernel(_table, _vector, _word, _word)
def row_sums(x, out, p, e):  # type: ignore[no-untyped-def]
    """The sum of each row, in halves of 31 and 30 bits: 2^32 of them fit in a word."""
    for row in range(x.shape[0]):
        low, high = _0, _0
        for i in range(x.shape[1]):
            low += x[row, i] & _LOW31
            high += x[row, i] >> _31
        out[row] = _joined(low, high, p, e)


@_kernel(_read, _read, _word, _word, result=_word)
def inner(a, b, p, e):  # type: ignore[no-untyped-def]
    """Σ a_i · b_i."""
    low, high = _0, _0
    for i in range(a.size):
        x = _product(a[i], b[i], p, e)
        low += x & _LOW31
        high += x >> _31
    return _joined(low, high, p, e)


@_kernel(_read, _table, _vector, _word, _word)
def inner_rows(a, table, out, p, e):  # type: ignore[no-untyped-def]
    """Σ_i a_i · table_i, a sum of rows; `out` starts at 0."""
    for row in range(table.shape[0]):
        for i in range(table.shape[1]):
            x = out[i] + _product(a[row], table[row, i], p, e)
            out[i] = _reduced(x, p, e)


@_kernel(_table, _vector, _word, _word)
def weighted_sum(bits, out, p, e):  # type: ignore[no-untyped-def]
    """Σ 2^k · bits_k over the rows, by Horner's rule from the top; in stretches that stay in the cache."""
    for start in range(0, out.size, 1024):
        stop = min(start + 1024, out.size)
        for i in range(start, stop):
            out[i] = _0
        for k in range(bits.shape[0] - 1, -1, -1):
            for i in range(start, stop):
                out[i] = _reduced(_2 * out[i] + bits[k, i], p, e)


@_kernel(_read, _word, result=types.boolean)
def all_below(words, p):  # type: ignore[no-untyped-def]
    """Whether every word is below p."""
    largest = _0
    for i in range(words.size):
        largest = max(largest, words[i])
    return largest < p


@_kernel(_vector, _word, result=types.intp)
def mask_words(words, p):  # type: ignore[no-untyped-def]
    """Keep e bits of uniform words, in place; returns how many equal p and must be drawn again."""
    again = 0
    for i in range(words.size):
        words[i] &= p
        again += words[i] == p
    return again


@_kernel(_read, _table, _table, types.intp, _out_table, _out_table, _word)
def pair_leaves(c, bits, pairs, start, less, equal, p):  # type: ignore[no-untyped-def]
    """For neighbouring bits l, h of a mask r with product s, and the two bits of a public c there: [c < r] and [c = r].

    The indicators that (h, l) is 3, 2, 1, 0 are s, h − s, l − s, 1 − h − l + s; the bits of c pick `equal` among
    them and, as `less`, the sum of those above: 0, s, h, h + l − s. Only the public c decides between branches.
    """
    for k in range(pairs.shape[0]):
        shift = types.uint64(start + 2 * k)
        for i in range(c.size):
            low, high, both = bits[2 * k, i], bits[2 * k + 1, i], pairs[k, i]
            digit = (c[i] >> shift) & _3
            either = low + high
            either = min(either, either - p)
            either = min(either - both, either - both + p)
            high_only = min(high - both, high - both + p)
            low_only = min(low - both, low - both + p)
            none = min(_1 - either, _1 - either + p)
            upper = high_only if digit == _2 else both
            lower = none if digit == _0 else low_only
            equal[k, i] = upper if digit >= _2 else lower
            upper = both if digit == _2 else _0
            lower = either if digit == _0 else high
            less[k, i] = upper if digit >= _2 else lower
