"""Sorting a shared book: an oblivious radix sort [HICT14, AHIKNPTT22].

Keys are shared bits, low bit first. Digit by digit:
    1. shuffle everybody's destination so far, and the bits of the digit, by a permutation that nobody knows;
    2. open the shuffled destinations and place the bits there: they are now in the sequence sorted so far;
    3. the stable destinations within the digit are prefix sums and one product per order;
    4. undo the shuffle: everybody's destination in the sequence of the input.
A last shuffle brings the payload along.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from mpc_market.errors import ProtocolError
from mpc_market.field.mersenne import Vector
from mpc_market.secure.digits import digit_bounds, indicators
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares, stack
from mpc_market.secure.shuffle import Permutations, Shuffle, inverse
from mpc_market.secure.types import Index


class SortedBook:
    """Columns in sorted sequence, and the way back to the sequence they came in."""

    def __init__(self, columns: list[Shares], shuffle: Shuffle, destination: Index) -> None:
        self.columns = columns
        self._shuffle = shuffle
        self._destination = destination

    def __repr__(self) -> str:
        return f"SortedBook({len(self.columns)} columns, n={len(self._destination)})"

    async def restore(self, session: Session, column: Shares) -> Shares:
        """A column of the sorted book in the sequence of the input. Cost: C(m, t) rounds."""
        shuffled = column.take(self._destination).reshape(-1, 1)
        return (await self._shuffle.restore(session, shuffled)).reshape(-1)


def shuffle_names(bits: int) -> list[str]:
    """The shuffles that sorting by a key of `bits` bits uses."""
    return [*(f"digit {k}" for k in range(2, len(digit_bounds(bits)) + 1)), "payload"]


async def sort(
    session: Session, key: Shares, payload: Sequence[Shares], first: Index, permutations: Permutations | None = None
) -> SortedBook:
    """Sort by key, stably with respect to the public sequence `first` (indices, earliest first).

    `key`: bits, shape (k, n), low bit first, n ≥ 1. `payload`: columns of shape (n,) to be brought along.
    Leaks: one uniformly random permutation per digit after the first, and one for the payload.
    Cost (m = 3): 3 rounds for the first digit, 8 for each further one of 3 bits, 4 for the payload.
    Raises: ProtocolError if what is opened is no permutation: a party did not follow the protocol.
    """
    n = key.shape[1]
    digits = [key[start:stop] for start, stop in digit_bounds(len(key))]
    # The sequence before the first digit is public: nothing need be shuffled.
    lowest = await indicators(session, digits[0].take(first))
    place = (await stable_destinations(session, lowest)).take(inverse(first)).reshape(n, 1)
    shuffle: Shuffle | None = None
    *names, last = shuffle_names(len(key))
    for name, digit in zip(names, digits[1:], strict=True):
        previous, shuffle = shuffle, Shuffle(session, n, name, permutations)
        table = await _shuffled(session, previous, shuffle, place, digit)
        opened, shuffled = await session.together(
            partial(open_permutation, destination=table[0]), partial(indicators, digit=table[1:])
        )
        ordered = shuffled.take(inverse(opened))
        place = (await stable_destinations(session, ordered)).take(opened).reshape(n, 1)
    previous, shuffle = shuffle, Shuffle(session, n, last, permutations)
    table = await _shuffled(session, previous, shuffle, place, stack(payload))
    opened = await open_permutation(session, table[0])
    rank = inverse(opened)
    return SortedBook([table[k].take(rank) for k in range(1, len(table))], shuffle, opened)


async def stable_destinations(session: Session, ones: Shares) -> Shares:
    """Where a stable sort by the digit puts every order, 0-based: shape (2^w, n) → (n,).

    d_i = Σ_a [digit_i = a] · (number of smaller digits + number of a's up to i − 1)
    Cost: 1 round, 1 word per order.
    """
    upto = ones.prefix_sums()
    totals = upto[:, -1]
    smaller = totals.prefix_sums() - totals
    position = upto + (smaller - 1).reshape(-1, 1)
    products = [ones[a] * position[a] for a in range(len(ones))]
    (destination,) = await session.reshare(sum(products[1:], products[0]))
    return destination


async def open_permutation(session: Session, destination: Shares) -> Index:
    """Open destinations that a fresh shuffle has made uniformly random; the shuffle must serve no other opening.

    Raises: ProtocolError if they are not a permutation of 0 … n − 1.
    """
    opened: Vector = await session.open(destination)
    n = opened.size
    if opened.max() >= n or np.bincount(opened.astype(np.intp), minlength=n).max() > 1:
        raise ProtocolError(f"the {n} shuffled destinations are not a permutation: some party left the protocol")
    return opened.astype(np.intp)


async def _shuffled(
    session: Session, previous: Shuffle | None, shuffle: Shuffle, place: Shares, columns: Shares
) -> Shares:
    """Undo the previous shuffle of `place` and shuffle it afresh beside `columns`: (n, 1), (k, n) → (1 + k, n)."""
    rows = Shares(np.ascontiguousarray(columns.words.T), session.field)
    if previous is None:
        table = await shuffle.shuffle(session, Shares(np.concatenate([place.words, rows.words], axis=1), session.field))
    else:
        table = await previous.restore_and_shuffle(session, place, rows, shuffle)
    return Shares(np.ascontiguousarray(table.words.T), session.field)
