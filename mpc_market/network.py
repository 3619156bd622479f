"""What the secure engine sees of the network, and nothing more.

A `Network` carries vectors of field elements between the m compute parties of one attempt at one round.
Messages from one peer are told apart by a label, a public number on which both ends agree, so that
independent parts of a protocol may run side by side. `parties.net` implements it over MPyC; `MemoryNetwork` is its
in-memory twin.
"""

import asyncio
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mpc_market.errors import PeerError

Vector = NDArray[np.uint64]
"""Field elements: canonical residues in `uint64`. Over the wire: the same, little-endian."""


LABELS = 2**48
"""Labels are below this; a real network keeps the bits above for the round of the market."""


class Network(Protocol):
    """One party's end of the network among the compute parties."""

    @property
    def party(self) -> int:
        """This party's number, 0 … m − 1; its evaluation point is party + 1."""

    @property
    def parties(self) -> int:
        """The number of compute parties, m."""

    def send(self, peer: int, label: int, words: Vector) -> None:
        """Queue a message of `words.size` > 0 words for `peer`; a label is used once per pair and direction.

        The array must not be changed afterwards: it may be sent without being copied.
        `label` is in 0 … LABELS − 1.
        """

    async def receive(self, peer: int, label: int, size: int) -> Vector:
        """Wait for the message of exactly `size` words that `peer` sent under `label`; shape `(size,)`.

        The words are whatever the peer sent: the caller checks that they are field elements.
        Raises: PeerError if the peer is lost or no longer alive, or its message has another length.
        """

    async def flush(self) -> None:
        """Wait until what is queued for peers fits in a bounded buffer (back-pressure)."""


class MemoryNetwork:
    """The in-memory twin: m parties in one event loop, for tests and simulations. See `memory_networks`."""

    def __init__(self, party: int, links: "list[list[_Link]]") -> None:
        self._party = party
        self._links = links
        self.sent: list[tuple[int, int, int]] = []
        """(peer, label, words) of every message, for tests of the traffic."""

    @property
    def party(self) -> int:
        return self._party

    @property
    def parties(self) -> int:
        return len(self._links)

    def send(self, peer: int, label: int, words: Vector) -> None:
        if not (words.size and 0 <= label < LABELS and peer != self._party):
            raise ValueError(f"a message of {words.size} words with label {label} to party {peer}")
        self.sent.append((peer, label, words.size))
        self._links[self._party][peer].put(label, words.reshape(-1).copy())

    async def receive(self, peer: int, label: int, size: int) -> Vector:
        words = await self._links[peer][self._party].get(label)
        if words.size != size:
            raise PeerError(peer, f"sent {words.size} words where {size} were due")
        return words

    async def flush(self) -> None:
        await asyncio.sleep(0)


class _Link:
    """Messages from one party to another, by label."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[Vector]] = {}

    def _slot(self, label: int) -> "asyncio.Future[Vector]":
        if label not in self._waiting:
            self._waiting[label] = asyncio.get_running_loop().create_future()
        return self._waiting[label]

    def put(self, label: int, words: Vector) -> None:
        self._slot(label).set_result(words)

    async def get(self, label: int) -> Vector:
        words = await self._slot(label)
        del self._waiting[label]
        return words


def memory_networks(parties: int) -> list[MemoryNetwork]:
    """The ends of an in-memory network, one per party."""
    links = [[_Link() for _ in range(parties)] for _ in range(parties)]
    return [MemoryNetwork(party, links) for party in range(parties)]
