"""What one compute party runs for one round: keys, seed, clearing. It sees nothing but its network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from mpc_market.errors import InvalidSettingsError, PeerError, ReuseError, ShareError
from mpc_market.field.mersenne import GF, Vector
from mpc_market.network import Network
from mpc_market.rules.model import Market
from mpc_market.secure.book import BookShares
from mpc_market.secure.clearing import Method, clear, prepare
from mpc_market.secure.keys import agree_keys, key_rounds, to_bytes, to_words
from mpc_market.secure.material import Material
from mpc_market.secure.prices import OnStage
from mpc_market.secure.seed import SEED_BYTES, SEED_ROUNDS, agree_seed
from mpc_market.secure.session import Session
from mpc_market.secure.tickets import ticket_index
from mpc_market.secure.workers import Workers

_SUMMARY_LABEL, _KEY_LABEL, _SEED_LABEL, _PREPARE_LABEL = 0, 1, 3, 5


@dataclass(frozen=True)
class RoundShares:
    """What one party holds after a round: the public price and seed, its shares (n,) of the accepted quantities."""

    price: int | None
    accepted: Vector
    seed: bytes
    communication_rounds: int

    def __repr__(self) -> str:
        return f"RoundShares(price={self.price}, n={self.accepted.size}, rounds={self.communication_rounds})"


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


async def prepare_round(
    network: Network, n_max: int, market: Market, method: Method = Method.SORT, threads: int = 1
) -> Preparation:
    """Agree on keys and make all that does not depend on orders, for up to `n_max` of them. Run by every party.

    `compute_round` on the same network then uses it.
    Raises: BookTooLargeError before anything is sent; PeerError.
    """
    market.check_size(n_max)
    await _agree_on_public_input(network, _PREPARE_LABEL, [], (market, method, network.parties, n_max))
    session = Session(network, await agree_keys(network, _KEY_LABEL), Workers(threads))
    return Preparation(session, await prepare(session, n_max, market, method), (market, method), n_max)


async def compute_round(
    network: Network,
    order_ids: Sequence[str],
    book: BookShares,
    market: Market,
    seed: bytes | None,
    on_stage: OnStage = lambda _: None,
    method: Method = Method.SORT,
    threads: int = 1,
    preparation: Preparation | None = None,
) -> RoundShares:
    """Clear one round. Run by every compute party, on its own shares of the same book.

    `order_ids`: public, in the sequence of the book. `seed`: 32 bytes, or None: then the parties make it.
    `threads`: how many threads share the work on long vectors. `preparation`: from `prepare_round` on this network.
    Raises: BookTooLargeError, InvalidSettingsError, ShareError, ReuseError before anything is sent; PeerError,
    ProtocolError.
    """
    _check_input(order_ids, book, market, seed)
    if preparation is not None:
        preparation.use(len(order_ids), market, method)
    on_stage("keys")
    encoded_ids = [order_id.encode() for order_id in order_ids]
    session, rounds = await begin_attempt(network, encoded_ids, (market, method, seed), preparation, threads)
    try:
        if seed is None:
            on_stage("seed")
            seed = await agree_seed(network, _SEED_LABEL)
            rounds += SEED_ROUNDS
        tickets = ticket_index(seed, encoded_ids)
        material = preparation.material if preparation else None
        price, accepted = await clear(
            session, book, market, tickets, method=method, prepared=material, on_stage=on_stage
        )
    finally:
        session.workers.close()
    return RoundShares(price, accepted.words, seed, rounds + session.rounds)


def _check_input(order_ids: Sequence[str], book: BookShares, market: Market, seed: bytes | None) -> None:
    n = len(order_ids)
    market.check_size(n)
    if seed is not None and len(seed) != SEED_BYTES:
        raise InvalidSettingsError(f"the seed has {len(seed)} bytes, not {SEED_BYTES}")
    shapes = [array.shape for array in book.arrays]
    expected = [(n,), (market.price_bits, n), (market.quantity_bits, n)]
    if shapes != expected:
        raise ShareError(f"shares of shapes {shapes}, not {expected}, for {n} orders")
    if not all(GF.is_canonical(array) for array in book.arrays):
        raise ShareError("a share is not below 2^61 − 1")


async def begin_attempt(
    network: Network,
    order_ids: Sequence[bytes],
    settings: tuple[object, ...],
    preparation: Preparation | None,
    threads: int,
) -> tuple[Session, int]:
    """Make sure that all parties were given the same public input, and agree on keys unless the preparation has some.

    `settings`: whatever is public besides the ids; compared by its `repr`. Returns the session and the communication
    rounds of this attempt less those that the session counts by now.
    Raises: PeerError.
    """
    prepared_for = preparation.n_max if preparation else None
    await _agree_on_public_input(network, _SUMMARY_LABEL, order_ids, (*settings, network.parties, prepared_for))
    if preparation is not None:
        return preparation.session, 1 - preparation.session.rounds
    session = Session(network, await agree_keys(network, _KEY_LABEL), Workers(threads))
    return session, 1 + key_rounds(network.parties)


async def _agree_on_public_input(
    network: Network, label: int, order_ids: Sequence[bytes], settings: tuple[object, ...]
) -> None:
    """Compare a digest of everything public, so that a mistake is an error and not a wrong result. Cost: 1 round."""
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
