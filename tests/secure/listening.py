"""What a computation opens, at every party: what passes `Session.open` and `Session.show_all`, the one place for it."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares


class Openings:
    """The opened words by party, in sequence."""

    def __init__(self) -> None:
        self.by_party: dict[int, list[np.ndarray]] = {}

    @property
    def words(self) -> list[np.ndarray]:
        """What all parties have seen alike."""
        first, *others = self.by_party.values() or [[]]
        for seen in others:
            assert len(seen) == len(first)
            assert all(np.array_equal(a, b) for a, b in zip(first, seen, strict=True))
        return first


@contextmanager
def listening() -> Iterator[Openings]:
    """While it lasts, whatever is opened is kept."""
    openings, inner, inner_all = Openings(), Session.open, Session.show_all

    async def open_and_keep(self: Session, secret: Shares) -> np.ndarray:
        words = await inner(self, secret)
        openings.by_party.setdefault(self.party, []).append(words.copy())
        return words

    async def show_and_keep(self: Session, own: np.ndarray) -> np.ndarray:
        words = await inner_all(self, own)
        openings.by_party.setdefault(self.party, []).append(words.copy())
        return words

    Session.open = open_and_keep  # type: ignore[method-assign]
    Session.show_all = show_and_keep  # type: ignore[method-assign]
    try:
        yield openings
    finally:
        Session.open, Session.show_all = inner, inner_all  # type: ignore[method-assign]
