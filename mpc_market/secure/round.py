"""What one compute party runs for one round: keys, seed, clearing. It sees nothing but its network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpc_market.errors import ShareError
from mpc_market.field.mersenne import Vector
from mpc_market.network import Network
from mpc_market.rules.model import Market
from mpc_market.secure.attempt import Preparation, agree_on_public_input, attempt, start_session
from mpc_market.secure.book import BookShares
from mpc_market.secure.clearing import Method, clear, prepare
from mpc_market.secure.inputs import check_shares
from mpc_market.secure.seed import SEED_ROUNDS, agree_seed, check_seed_length
from mpc_market.secure.tickets import ticket_index
from mpc_market.secure.types import OnStage

_SEED_LABEL, _PREPARE_LABEL = 3, 5  # 0 to 2: `attempt`


@dataclass(frozen=True)
class RoundShares:
    """What one party holds after a round: the public price and seed, its shares (n,) of the accepted quantities."""

    price: int | None
    accepted: Vector
    seed: bytes
    communication_rounds: int

    def __repr__(self) -> str:
        return f"RoundShares(price={self.price}, n={self.accepted.size}, rounds={self.communication_rounds})"


async def prepare_round(
    network: Network, n_max: int, market: Market, method: Method = Method.SORT, threads: int = 1
) -> Preparation:
    """Agree on keys and make all that does not depend on orders, for up to `n_max` of them. Run by every party.

    `compute_round` on the same network then uses it.
    Raises: BookTooLargeError before anything is sent; PeerError.
    """
    market.check_size(n_max)
    await agree_on_public_input(network, _PREPARE_LABEL, [], (market, method, network.parties, n_max))
    session = await start_session(network, threads)
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
    async with attempt(network, encoded_ids, (market, method, seed), threads, preparation) as session:
        if seed is None:
            on_stage("seed")
            seed = await agree_seed(network, _SEED_LABEL)
            session.rounds += SEED_ROUNDS
        tickets = ticket_index(seed, encoded_ids)
        material = preparation.material if preparation else None
        price, accepted = await clear(
            session, book, market, tickets, method=method, prepared=material, on_stage=on_stage
        )
    return RoundShares(price, accepted.words, seed, session.rounds)


def _check_input(order_ids: Sequence[str], book: BookShares, market: Market, seed: bytes | None) -> None:
    n = len(order_ids)
    market.check_size(n)
    if seed is not None:
        check_seed_length("seed", seed)
    shapes = [array.shape for array in book.arrays]
    expected = [(n,), (market.price_bits, n), (market.quantity_bits, n)]
    if shapes != expected:
        raise ShareError(f"shares of shapes {shapes}, not {expected}, for {n} orders")
    check_shares(*book.arrays)
