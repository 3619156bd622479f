"""Shuffling shared rows by a permutation that no t parties know [LWZ11].

One pass for each of the C(m, t) sets of t + 1 holders: their shares, times Lagrange coefficients, are an additive
sharing; they apply a permutation that only they know and reshare to all. Whichever t parties are curious, one set
avoids them, and the permutation of its pass hides the composition.

One shuffle serves at most one opening.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc_market.secure.dealing import holder_dealings
from mpc_market.secure.keys import Holders, holder_sets
from mpc_market.secure.local import LocalRows, LocalVector
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares
from mpc_market.secure.types import Index


class Permutations:
    """A party's permutations by shuffle and holders, prepared for up to n_max rows or drawn when they are asked for."""

    def __init__(self) -> None:
        self._prepared: dict[tuple[str, Holders], Index] = {}

    def __repr__(self) -> str:
        return f"Permutations({len(self._prepared)} prepared)"

    def prepare(self, session: Session, names: Sequence[str], n_max: int) -> None:
        """Draw the permutations of the named shuffles for all holders that this party is among."""
        for name in names:
            for holders in holder_sets(session.parties):
                if session.party in holders:
                    self._prepared[name, holders] = self._draw(session, name, holders, n_max)

    def take(self, session: Session, name: str, holders: Holders, n: int) -> Index:
        """A permutation of n rows, used this once. One prepared for more rows leaves out those from n on: what remains
        is in a uniformly random sequence too."""
        prepared = self._prepared.pop((name, holders), None)
        if prepared is None:
            return self._draw(session, name, holders, n)
        return prepared[prepared < n]

    def _draw(self, session: Session, name: str, holders: Holders, n: int) -> Index:
        return session.stream(f"permutation {name} {holders}", holders).permutation(n)


class Shuffle:
    """A secret permutation of n rows: this party's part of it, one permutation for each set of holders it is in."""

    def __init__(self, session: Session, n: int, name: str, permutations: Permutations | None = None) -> None:
        self.n = n
        self.holder_sets = holder_sets(session.parties)
        self._name = name
        source = permutations or Permutations()
        mine = [holders for holders in self.holder_sets if session.party in holders]
        self._forward = {holders: source.take(session, name, holders, n) for holders in mine}

    def __repr__(self) -> str:
        return f"Shuffle({self._name!r}, n={self.n})"

    def forward(self, holders: Holders) -> Index | None:
        """y = x[index] in the pass of these holders; None to all others."""
        return self._forward.get(holders)

    def backward(self, holders: Holders) -> Index | None:
        """x = y[index], the inverse of `forward`."""
        forward = self._forward.get(holders)
        return None if forward is None else inverse(forward)

    async def shuffle(self, session: Session, table: Shares) -> Shares:
        """The rows of an (n, k) table in the secret sequence. Cost: C(m, t) rounds."""
        for holders in self.holder_sets:
            table = await _pass(session, holders, [(table, self.forward(holders))])
        return table

    async def restore(self, session: Session, table: Shares) -> Shares:
        """The inverse of `shuffle`: the passes backwards. Cost: C(m, t) rounds."""
        for holders in reversed(self.holder_sets):
            table = await _pass(session, holders, [(table, self.backward(holders))])
        return table

    async def restore_and_shuffle(self, session: Session, old: Shares, new: Shares, following: Shuffle) -> Shares:
        """Restore the table `old`, put `new` beside it, and shuffle both by another shuffle.

        The last pass back and the first pass forth are of the same holders, who do them in one.
        Cost: 2·C(m, t) − 1 rounds.
        """
        first, *rest = self.holder_sets
        for holders in reversed(rest):
            old = await _pass(session, holders, [(old, self.backward(holders))])
        there, back = following.forward(first), self.backward(first)
        both = None if there is None or back is None else back[there]
        table = await _pass(session, first, [(old, both), (new, there)])
        for holders in rest:
            table = await _pass(session, holders, [(table, following.forward(holders))])
        return table


def inverse(permutation: Index) -> Index:
    """The inverse permutation."""
    out = np.empty_like(permutation)
    out[permutation] = np.arange(len(permutation))
    return out


async def _pass(session: Session, holders: Holders, pieces: list[tuple[Shares, Index | None]]) -> Shares:
    """One pass: the holders gather rows of the pieces side by side and reshare them to all."""
    rows, width = len(pieces[0][0]), sum(piece.shape[1] for piece, _ in pieces)
    gathered = [(piece.words, index) for piece, index in pieces if index is not None]
    local = LocalRows(gathered) if gathered else LocalVector(None, rows * width, LocalRows.block_of(width))
    dealings = holder_dealings(session.parties, holders, session.field)
    words = await session.deal(f"pass {holders}", dealings, [local])
    return Shares(words.reshape(rows, width), session.field)
