"""Shuffling shared rows by a permutation that no t parties know [LWZ11].

One pass for each of the C(m, t) groups of t + 1 parties: the group's shares, times Lagrange coefficients, are an
additive sharing; its members apply a permutation that only they know and reshare to all. Whichever t parties are
curious, one group avoids them, and the permutation of that group's pass hides the composition.

One shuffle serves at most one opening.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mpc_market.secure.dealing import group_dealings
from mpc_market.secure.keys import Group, groups
from mpc_market.secure.local import LocalRows, LocalVector
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares

Index = NDArray[np.intp]


class Permutations:
    """A party's permutations by shuffle and group, prepared for up to n_max rows or drawn when they are asked for."""

    def __init__(self) -> None:
        self._prepared: dict[tuple[str, Group], Index] = {}

    def __repr__(self) -> str:
        return f"Permutations({len(self._prepared)} prepared)"

    def prepare(self, session: Session, names: Sequence[str], groups: Sequence[Group], n_max: int) -> None:
        """Draw the permutations of the named shuffles for all groups that this party belongs to."""
        for name in names:
            for group in groups:
                if session.party in group:
                    self._prepared[name, group] = self._draw(session, name, group, n_max)

    def take(self, session: Session, name: str, group: Group, n: int) -> Index:
        """A permutation of n rows, used this once. One prepared for more rows leaves out those from n on: what remains
        is in a uniformly random sequence too."""
        prepared = self._prepared.pop((name, group), None)
        if prepared is None:
            return self._draw(session, name, group, n)
        return prepared[prepared < n]

    def _draw(self, session: Session, name: str, group: Group, n: int) -> Index:
        return session.stream(f"permutation {name} {group}", group).permutation(n)


class Shuffle:
    """A secret permutation of n rows: this party's part of it, one permutation per group it belongs to."""

    def __init__(self, session: Session, n: int, name: str, permutations: Permutations | None = None) -> None:
        self.n = n
        self.groups = groups(session.parties)
        self._name = name
        source = permutations or Permutations()
        mine = [group for group in self.groups if session.party in group]
        self._forward = {group: source.take(session, name, group, n) for group in mine}

    def __repr__(self) -> str:
        return f"Shuffle({self._name!r}, n={self.n})"

    def forward(self, group: Group) -> Index | None:
        """y = x[index] in the group's pass; None outside the group."""
        return self._forward.get(group)

    def backward(self, group: Group) -> Index | None:
        """x = y[index], the inverse of `forward`."""
        forward = self._forward.get(group)
        return None if forward is None else inverse(forward)

    async def shuffle(self, session: Session, table: Shares) -> Shares:
        """The rows of an (n, k) table in the secret sequence. Cost: C(m, t) rounds."""
        for group in self.groups:
            table = await _pass(session, group, [(table, self.forward(group))])
        return table

    async def restore(self, session: Session, table: Shares) -> Shares:
        """The inverse of `shuffle`: the passes backwards. Cost: C(m, t) rounds."""
        for group in reversed(self.groups):
            table = await _pass(session, group, [(table, self.backward(group))])
        return table

    async def restore_and_shuffle(self, session: Session, old: Shares, new: Shares, following: Shuffle) -> Shares:
        """Restore the table `old`, put `new` beside it, and shuffle both by another shuffle.

        The last pass back and the first pass forth belong to one group, which does them in one.
        Cost: 2·C(m, t) − 1 rounds.
        """
        first, *rest = self.groups
        for group in reversed(rest):
            old = await _pass(session, group, [(old, self.backward(group))])
        there, back = following.forward(first), self.backward(first)
        both = None if there is None or back is None else back[there]
        table = await _pass(session, first, [(old, both), (new, there)])
        for group in rest:
            table = await _pass(session, group, [(table, following.forward(group))])
        return table


def inverse(permutation: Index) -> Index:
    """The inverse permutation."""
    out = np.empty_like(permutation)
    out[permutation] = np.arange(len(permutation))
    return out


async def _pass(session: Session, group: Group, pieces: list[tuple[Shares, Index | None]]) -> Shares:
    """One pass: the group's members gather rows of the pieces side by side and reshare them to all."""
    rows, width = len(pieces[0][0]), sum(piece.shape[1] for piece, _ in pieces)
    gathered = [(piece.words, index) for piece, index in pieces if index is not None]
    local = LocalRows(gathered) if gathered else LocalVector(None, rows * width, LocalRows.block_of(width))
    dealings = group_dealings(session.parties, group, session.field)
    words = await session.deal(f"pass {group}", dealings, [local])
    return Shares(words.reshape(rows, width), session.field)
