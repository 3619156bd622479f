"""What is prepared before the orders are there: the same outcome, used once, and telling nothing either."""

import asyncio
import random
from collections.abc import Sequence

import numpy as np
import pytest

from mpc_market.errors import BookTooLargeError, InvalidSettingsError, ReuseError
from mpc_market.field.shamir import recombine, threshold
from mpc_market.network import MemoryNetwork, memory_networks
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Clearing, Market, Order, Rationing
from mpc_market.secure.book import share_book
from mpc_market.secure.clearing import Method
from mpc_market.secure.keys import holder_sets
from mpc_market.secure.round import RoundShares, compute_round, prepare_round
from mpc_market.secure.session import Session
from mpc_market.secure.shuffle import Permutations
from tests.books import KINDS, random_book
from tests.secure.listening import listening
from tests.secure.runner import dealt_keys
from tests.secure.uniformity import assert_uniform, ranks
from tests.simulation import run_in_memory

SEED = bytes(range(32))
LOTTERY, PRO_RATA = Market(4, 8, Rationing.LOTTERY), Market(4, 8, Rationing.PRO_RATA)

every_method = pytest.mark.parametrize("method", Method, ids=lambda method: method.value)


def prepared_round(
    orders: Sequence[Order],
    market: Market,
    n_max: int,
    method: Method,
    parties: int = 3,
    others: dict | None = None,
    times: int = 1,
) -> tuple[list[RoundShares], list[MemoryNetwork]]:
    """Prepare for up to `n_max` orders, and clear; `others`: other arguments for the clearing."""
    networks = memory_networks(parties)
    ids = [order.order_id for order in orders]

    async def party(network: MemoryNetwork, book) -> RoundShares:
        prepared = await prepare_round(network, n_max, market, method)
        arguments = {"market": market, "seed": SEED, "method": method} | (others or {})
        for _ in range(times):
            result = await compute_round(network, ids, book, **arguments, preparation=prepared)
        return result

    async def main() -> list[RoundShares]:
        books = share_book(orders, market, parties)
        return await asyncio.gather(*(party(*own) for own in zip(networks, books, strict=True)))

    return asyncio.run(main()), networks


def book(market: Market, n: int, kind: str = "ties") -> list[Order]:
    return random_book(random.Random(n), market, n, kind)


@every_method
@pytest.mark.parametrize("market", [LOTTERY, PRO_RATA], ids=lambda market: market.rationing.value)
@pytest.mark.parametrize(("n", "n_max"), [(0, 0), (0, 5), (1, 1), (1, 9), (9, 9), (9, 10), (10, 16), (17, 60)])
def test_a_prepared_round_has_the_same_outcome(market, method, n, n_max):
    orders = book(market, n)
    results, _ = prepared_round(orders, market, n_max, method)
    accepted = recombine([result.accepted for result in results], 1)
    assert Clearing(results[0].price, tuple(accepted.tolist())) == clear(orders, market, SEED)


@every_method
@pytest.mark.parametrize("parties", [5, 7])
def test_with_more_parties(parties, method):
    orders = book(LOTTERY, 5)
    results, _ = prepared_round(orders, LOTTERY, 8, method, parties)
    accepted = recombine([result.accepted for result in results], threshold(parties))
    assert Clearing(results[0].price, tuple(accepted.tolist())) == clear(orders, LOTTERY, SEED)


@every_method
@pytest.mark.parametrize("market", [LOTTERY, PRO_RATA], ids=lambda market: market.rationing.value)
def test_a_prepared_round_is_shorter(market, method):
    orders = book(market, 9)
    (prepared, *_), networks = prepared_round(orders, market, 20, method)
    (unprepared, *_), _ = run_in_memory(orders, market, SEED, 3, method)
    assert prepared.communication_rounds < unprepared.communication_rounds
    assert all(network.sent for network in networks)


@pytest.mark.parametrize(
    "others", [{"method": Method.SELECT}, {"market": PRO_RATA}, {"market": PRO_RATA, "method": Method.SELECT}]
)
def test_material_is_good_for_one_market_and_method(others):
    with pytest.raises(InvalidSettingsError, match="another market or method"):
        prepared_round(book(LOTTERY, 4), LOTTERY, 4, Method.SORT, others=others)


@every_method
def test_material_is_good_for_one_attempt(method):
    with pytest.raises(ReuseError, match="one attempt only"):
        prepared_round(book(LOTTERY, 4), LOTTERY, 4, method, times=2)


@every_method
def test_more_orders_than_were_prepared_for(method):
    with pytest.raises(InvalidSettingsError, match="prepared for 4 orders, not for 5"):
        prepared_round(book(LOTTERY, 5), LOTTERY, 4, method)


def test_more_orders_than_there_can_be():
    with pytest.raises(BookTooLargeError):
        prepared_round([], Market(1, 24), 2**12 + 1, Method.SORT)


@every_method
@pytest.mark.parametrize("market", [LOTTERY, PRO_RATA], ids=lambda market: market.rationing.value)
def test_prepared_traffic_is_the_same_whatever_the_orders(market, method):
    traffic, opened = set(), set()
    for kind in KINDS[::4]:
        with listening() as openings:
            _, networks = prepared_round(book(market, 6, kind), market, 11, method)
        traffic.add(tuple(tuple(network.sent) for network in networks))
        opened.add(tuple(words.shape for words in openings.words))
    assert len(traffic) == len(opened) == 1


def test_a_permutation_prepared_for_more_rows_is_uniform():
    """Which rows are left out must not show in the sequence of the others."""
    session = Session(memory_networks(3)[0], dealt_keys(3)[0])
    names, holders = [str(k) for k in range(1500)], holder_sets(3)[0]
    permutations = Permutations()
    permutations.prepare(session, names, 6)
    taken = np.array([permutations.take(session, name, holders, 4) for name in names])
    assert_uniform(ranks(taken), 24)


def test_a_prepared_permutation_is_taken_once():
    session = Session(memory_networks(3)[0], dealt_keys(3)[0])
    permutations = Permutations()
    permutations.prepare(session, ["name"], 30)
    permutations.take(session, "name", (0, 1), 30)
    with pytest.raises(ReuseError):
        permutations.take(session, "name", (0, 1), 30)
