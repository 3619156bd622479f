"""Communication rounds and messages: how many there are, and that they tell nothing about the orders."""

import random

import pytest

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Market, Order, Rationing, Side
from mpc_market.secure.clearing import Method
from tests.books import KINDS, random_book
from tests.secure.lockstep import clear_in_lockstep
from tests.simulation import run_in_memory

SEED = bytes(range(32))
LOTTERY, PRO_RATA = Market(12, 16, Rationing.LOTTERY), Market(12, 16, Rationing.PRO_RATA)

every_method = pytest.mark.parametrize("method", Method, ids=lambda method: method.value)


def book(market: Market, n: int, kind: str = "ties") -> list[Order]:
    return random_book(random.Random(n), market, n, kind)


def rounds(market: Market, n: int, method: Method) -> int:
    results, _ = run_in_memory(book(market, n), market, SEED, 3, method)
    return results[0].communication_rounds


@pytest.mark.parametrize("n", [1, 2, 17, 1000])
def test_a_lottery_clearing_takes_at_most_70_rounds(n):
    """By sorting, m = 3, 12-bit prices, the seed given."""
    assert rounds(LOTTERY, n, Method.SORT) <= 70


@every_method
@pytest.mark.parametrize("market", [LOTTERY, PRO_RATA])
def test_the_number_of_rounds_does_not_grow_with_the_book(market, method):
    """Beyond the digits of the quotient, which get narrower as totals get longer."""
    assert rounds(market, 900, method) <= rounds(market, 2, method) + (0 if market is LOTTERY else 9)


@every_method
@pytest.mark.parametrize("market", [LOTTERY, Market(1, 1, Rationing.LOTTERY), Market(20, 24)])
@pytest.mark.parametrize("parties", [3, 5])
def test_a_network_sees_no_more_rounds_than_the_parties_count(parties, market, method):
    """It may see fewer: who takes no part in a pass of a shuffle goes ahead."""
    orders = book(market, 10)
    outcome, counted, seen = clear_in_lockstep(orders, market, SEED, parties, method)
    assert outcome == clear(orders, market, SEED)
    assert 0.8 * counted < seen <= counted


def test_the_seed_costs_two_rounds():
    orders = book(LOTTERY, 5)
    _, with_seed, seen_with = clear_in_lockstep(orders, LOTTERY, SEED, 3, Method.SORT)
    _, without, seen_without = clear_in_lockstep(orders, LOTTERY, None, 3, Method.SORT)
    assert without - with_seed == seen_without - seen_with == 2


def test_seven_parties_count_right():
    orders = book(LOTTERY, 4)
    outcome, counted, seen = clear_in_lockstep(orders, LOTTERY, None, 7, Method.SELECT)
    assert 0.8 * counted < seen <= counted
    assert len(outcome.accepted) == 4


def extremes(market: Market, n: int) -> list[list[Order]]:
    """Books that have nothing in common but their size."""
    top, most = 2**market.price_bits - 1, 2**market.quantity_bits - 1
    lines = [
        [(Side.BUY, 0, 0)] * n,
        [(Side.SELL, 0, 0)] * n,
        [(Side.BUY, top, most)] * n,
        [(Side.SELL, 0, most)] * n,
        [(Side.SELL, top, most), (Side.BUY, 0, most)] * n,
        [(Side.SELL, 0, most), (Side.BUY, top, most)] * n,
        [(Side.SELL, 5 % (top + 1), 1)] * (n - 1) + [(Side.BUY, 5 % (top + 1), 1)],
    ]
    return [[Order(f"m{i}", *line) for i, line in enumerate(some[:n])] for some in lines]


@every_method
@pytest.mark.parametrize(("market", "n"), [(LOTTERY, 1), (LOTTERY, 10), (PRO_RATA, 10)])
def test_traffic_is_the_same_whatever_the_orders(market, n, method):
    """Of every party the sequence of (peer, label, words); `test_campaign` compares hundreds of sizes and settings."""
    books = extremes(market, n) + [book(market, n, kind) for kind in KINDS[::4]]
    sequences = set()
    for orders in books:
        _, networks = run_in_memory(orders, market, SEED, 3, method)
        sequences.add(tuple(tuple(network.sent) for network in networks))
    assert len(sequences) == 1


@every_method
def test_traffic_grows_in_proportion_to_the_book(method):
    """At most 700 bytes per order and party under the lottery rule (12-bit prices, 16-bit quantities)."""

    def words(n: int) -> int:
        _, networks = run_in_memory(book(LOTTERY, n), LOTTERY, SEED, 3, method)
        return max(sum(words for _, _, words in network.sent) for network in networks)

    assert 8 * (words(4000) - words(1000)) / 3000 < 700
