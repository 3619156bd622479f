"""`python -m parties.compute`: run one compute party; a coordinator starts it."""

from collections.abc import Callable, Sequence

from mpc_market.network import Network
from mpc_market.rules.model import Market
from mpc_market.secure.book import BookShares
from mpc_market.secure.clearing import Method
from mpc_market.secure.round import RoundShares, compute_round
from parties.compute.process import main
from parties.compute.service import BookArrays


async def _compute_round(
    network: Network,
    order_ids: Sequence[str],
    book: BookArrays,
    market: Market,
    seed: bytes | None,
    on_stage: Callable[[str], None],
    method: str,
) -> RoundShares:
    return await compute_round(network, order_ids, BookShares(*book), market, seed, on_stage, Method(method))


main(_compute_round)
