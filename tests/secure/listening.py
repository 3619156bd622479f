"""What a computation opens: every call of `Session.open`, the one place that opens, at every party."""

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
    openings, inner = Openings(), Session.open

    async def open_and_keep(self: Session, secret: Shares) -> np.ndarray:
        words = await inner(self, secret)
        openings.by_party.setdefault(self.party, []).append(words.copy())
        return words

    Session.open = open_and_keep  # type: ignore[method-assign]
    try:
        yield openings
    finally:
        Session.open = inner  # type: ignore[method-assign]
