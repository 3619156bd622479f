"""The frame of every attempt: the same public input at all parties, keys of its own, and the end of its threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from mpc_market.errors import InvalidSettingsError, PeerError, ReuseError
from mpc_market.network import Network
from mpc_market.rules.model import Market
from mpc_market.secure.clearing import Method
from mpc_market.secure.keys import agree_keys, key_rounds, to_bytes, to_words
from mpc_market.secure.material import Material
from mpc_market.secure.session import Session
from mpc_market.secure.threads import Threads

_SUMMARY_LABEL, _KEY_LABEL = 0, 1


@dataclass
class Preparation:
    """What one party has made for the next round before its orders are there; good for one attempt."""

    session: Session
    material: Material | None
    settings: tuple[Market, Method]
    n_max: int
    _used: bool = False

    def __repr__(self) -> str:
        return f"Preparation(n_max={self.n_max})"

    def use(self, orders: int, market: Market, method: Method) -> None:
        """Mark it as used.

        Raises: InvalidSettingsError if it is for fewer orders or another market or method; ReuseError if it was used.
        """
        if self.settings != (market, method):
            raise InvalidSettingsError("the round was prepared for another market or method")
        if orders > self.n_max:
            raise InvalidSettingsError(f"the round was prepared for {self.n_max} orders, not for {orders}")
        if self._used:
            raise ReuseError("prepared material is good for one attempt only, and this was used before")
        self._used = True


@asynccontextmanager
async def attempt(
    network: Network,
    ids: Sequence[bytes],
    settings: tuple[object, ...],
    threads: int,
    preparation: Preparation | None = None,
) -> AsyncIterator[Session]:
    """A session, once all parties are known to have been given the same `ids` and `settings`. Run by every party.

    Keys are agreed on unless the preparation has some. `Session.rounds` counts the communication rounds of this attempt
    from its beginning, and none of the preparation's. The threads end with it.
    Cost: 1 round, and those of `agree_keys` without a preparation.
    Raises: PeerError.
    """
    prepared_for = preparation.n_max if preparation else None
    await agree_on_public_input(network, _SUMMARY_LABEL, ids, (*settings, network.parties, prepared_for))
    if preparation is None:
        session = await start_session(network, threads)
        session.rounds = 1 + key_rounds(network.parties)
    else:
        session = preparation.session
        session.rounds = 1
    try:
        yield session
    finally:
        session.threads.close()


async def start_session(network: Network, threads: int) -> Session:
    """A session with fresh keys."""
    return Session(network, await agree_keys(network, _KEY_LABEL), Threads(threads))


async def agree_on_public_input(
    network: Network, label: int, order_ids: Sequence[bytes], settings: tuple[object, ...]
) -> None:
    """Compare a digest of everything public, so that a mistake is an error and not a wrong result.

    `settings`: whatever is public besides the ids; compared by its `repr`. Cost: 1 round.
    Raises: PeerError.
    """
    digest = blake2b(digest_size=32, person=b"mpc-market input")
    digest.update(repr((settings, len(order_ids))).encode())
    digest.update(np.fromiter(map(len, order_ids), "<u4", len(order_ids)).tobytes())
    digest.update(b"".join(order_ids))
    mine = digest.digest()
    peers = [i for i in range(network.parties) if i != network.party]
    for peer in peers:
        network.send(peer, label, to_words(mine))
    for peer in peers:
        if to_bytes(await network.receive(peer, label, 4)) != mine:
            raise PeerError(peer, "was given other orders, settings or seed than this party")
