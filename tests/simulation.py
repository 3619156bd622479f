"""A whole clearing in memory: the compute parties as coroutines of one event loop."""

import asyncio
from collections.abc import Sequence

from mpc_market.field.shamir import recombine, threshold
from mpc_market.network import MemoryNetwork, memory_networks
from mpc_market.rules.model import Clearing, Market, Order
from mpc_market.secure.book import share_book
from mpc_market.secure.clearing import Method
from mpc_market.secure.round import RoundShares, compute_round


def run_in_memory(
    orders: Sequence[Order], market: Market, seed: bytes | None, parties: int = 3, method: Method = Method.SORT
) -> tuple[list[RoundShares], list[MemoryNetwork]]:
    """What each party holds after the round, and its network."""
    books = share_book(orders, market, parties)
    networks = memory_networks(parties)
    ids = [order.order_id for order in orders]

    async def main() -> list[RoundShares]:
        return await asyncio.gather(
            *(compute_round(n, ids, book, market, seed, method=method) for n, book in zip(networks, books, strict=True))
        )

    return asyncio.run(main()), networks


def clear_in_memory(
    orders: Sequence[Order], market: Market, seed: bytes | None = None, parties: int = 3, method: Method = Method.SORT
) -> Clearing:
    """The recombined outcome."""
    results, _ = run_in_memory(orders, market, seed, parties, method)
    assert len({result.price for result in results}) == 1
    assert len({result.seed for result in results}) == 1
    accepted = recombine([result.accepted for result in results], threshold(parties))
    return Clearing(results[0].price, tuple(map(int, accepted)))
