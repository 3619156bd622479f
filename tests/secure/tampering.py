"""One party that does not follow the protocol: what it sends is altered on its way out."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mpc_market.network import MemoryNetwork, Vector, memory_networks
from mpc_market.rules.model import Market, Order
from mpc_market.secure.book import BookShares, share_book
from mpc_market.secure.round import RoundShares, compute_round

Alter = Callable[[int, int, Vector], Vector]
"""(peer, label, words) → the words that are sent instead; they may be changed in place."""


class Tampering:
    """A party's end of a network whose messages are altered."""

    def __init__(self, network: MemoryNetwork, alter: Alter) -> None:
        self._network, self._alter = network, alter
        self.party, self.parties = network.party, network.parties
        self.receive, self.flush = network.receive, network.flush

    def send(self, peer: int, label: int, words: Vector) -> None:
        self._network.send(peer, label, self._alter(peer, label, words.copy()))


def attempt(
    orders: Sequence[Order],
    market: Market,
    seed: bytes | None,
    parties: int = 3,
    cheat: int | None = None,
    alter: Alter | None = None,
    given: dict[int, dict[str, Any]] | None = None,
) -> tuple[list[RoundShares | BaseException | None], list[MemoryNetwork]]:
    """What every party ends with: its result, its error, or None if it waits in vain; and the networks.

    `given`: other arguments for `compute_round` that some parties get instead.
    """
    networks = memory_networks(parties)
    arguments = [
        {"network": network, "order_ids": [o.order_id for o in orders], "book": book, "market": market, "seed": seed}
        for network, book in zip(networks, share_book(orders, market, parties), strict=True)
    ]
    if cheat is not None and alter is not None:
        arguments[cheat]["network"] = Tampering(networks[cheat], alter)
    for party, others in (given or {}).items():
        arguments[party] |= others
    return asyncio.run(_all(arguments)), networks


async def _all(arguments: Sequence[dict[str, Any]]) -> list[RoundShares | BaseException | None]:
    tasks = [asyncio.ensure_future(compute_round(**each)) for each in arguments]
    # If nobody notices, all may wait for each other: a test then fails and does not hang.
    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION, timeout=20)
    for _ in range(200):  # until nobody has anything left to do but wait for those who have given up
        await asyncio.sleep(0)
    ends = [_end(task) for task in tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return ends


def _end(task: "asyncio.Task[RoundShares]") -> RoundShares | BaseException | None:
    if not task.done():
        return None
    return task.exception() or task.result()


def empty_book(market: Market, n: int) -> BookShares:
    """Shares of nothing, of the right shapes."""
    return BookShares(
        *(np.zeros(shape, np.uint64) for shape in ((n,), (market.price_bits, n), (market.quantity_bits, n)))
    )
