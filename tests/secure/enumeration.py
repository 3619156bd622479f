"""All keystreams at once: over a small field a protocol is run for every value that its random words can take.

`Enumeration` hands out keystreams in whose r-th words, taken together, every combination occurs for exactly one r. A
protocol that draws one word per row and stream therefore meets all of its randomness once, and "uniform" is a matter
of counting.
"""

from collections.abc import Sequence

import numpy as np

from mpc_market.field.mersenne import Field, Vector
from mpc_market.network import MemoryNetwork, memory_networks
from mpc_market.secure.keys import Holders, Keys

FIELD = Field(5)
"""The smallest field that has an evaluation point for each of seven parties: p = 31."""


class Enumeration:
    """Rows for every combination of `count` keystreams of one word per row; `chosen` is part of their purposes.

    Every other stream is all zero, and permutations are the identity.
    """

    def __init__(self, parties: int, count: int, chosen: str) -> None:
        self.rows = FIELD.modulus**count
        self.chosen = chosen
        self.count = count
        self.columns: dict[tuple[Holders, str], Vector] = {}
        self.networks = [Listener(network) for network in memory_networks(parties)]
        self.keys = [EnumeratingKeys(party, parties, self) for party in range(parties)]

    def stream(self, holders: Holders, purpose: str) -> "TableStream":
        if self.chosen not in purpose:
            return TableStream(np.zeros(self.rows, np.uint64))
        name = (holders, purpose)
        if name not in self.columns:
            digit = FIELD.modulus ** len(self.columns)
            assert len(self.columns) < self.count, f"{name} is one keystream too many"
            self.columns[name] = (np.arange(self.rows) // digit % FIELD.modulus).astype(np.uint64)
        return TableStream(self.columns[name])

    def known_words(self, party: int) -> list[Vector]:
        """The enumerated words that a party draws itself."""
        return [self.columns[name] for name in self.keys[party].asked if name in self.columns]

    def messages(self, party: int, sender: int | None = None, number: int | None = None) -> list[Vector]:
        """What a party has received: all of it, or from one sender, or in one communication round."""
        labels = sorted({label for network in self.networks for _, label, _ in network.received})
        return [
            words
            for peer, label, words in self.networks[party].received
            if sender in (None, peer) and number in (None, labels.index(label))
        ]


class EnumeratingKeys(Keys):
    """A party's keys, giving out enumerated streams."""

    __slots__ = ("asked", "enumeration")

    def __init__(self, party: int, parties: int, enumeration: Enumeration) -> None:
        super().__init__(party, parties, {}, FIELD)
        self.enumeration = enumeration
        self.asked: list[tuple[Holders, str]] = []

    def stream(self, holders: Holders, purpose: str) -> "TableStream":  # type: ignore[override]
        assert self.party in holders, f"party {self.party} asks for a stream of {holders}"
        self.asked.append((holders, purpose))
        return self.enumeration.stream(holders, purpose)


class TableStream:
    """A keystream whose words are given."""

    def __init__(self, words: Vector) -> None:
        self._words = words
        self._drawn = 0

    def words(self, count: int) -> Vector:
        self._drawn += count
        assert self._drawn <= self._words.size, "more than one word is drawn per row"
        return self._words[self._drawn - count : self._drawn].copy()

    def split(self, counts: Sequence[int]) -> list["TableStream"]:
        return [TableStream(self.words(count)) for count in counts]

    def permutation(self, count: int) -> np.ndarray:
        return np.arange(count)


class Listener:
    """A party's end of a network that keeps what it receives."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self.party, self.parties = network.party, network.parties
        self.send, self.flush = network.send, network.flush
        self.received: list[tuple[int, int, Vector]] = []

    async def receive(self, peer: int, label: int, size: int) -> Vector:
        words = await self._network.receive(peer, label, size)
        self.received.append((peer, label, words.copy()))
        return words


def assert_exactly_uniform(columns: Sequence[Vector]) -> None:
    """Every combination of values in the columns occurs in equally many rows."""
    code = np.zeros(columns[0].size, np.int64)
    for column in columns:
        code = code * FIELD.modulus + column.astype(np.int64)
    counts = np.bincount(code, minlength=FIELD.modulus ** len(columns))
    assert counts.min() == counts.max() == columns[0].size // counts.size
