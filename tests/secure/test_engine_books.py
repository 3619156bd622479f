"""Secure equals plaintext: the vectors, the worked examples, and books that hypothesis looks for and shrinks.

Thousands of random books: `test_campaign`.
"""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.field.shamir import recombine
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Clearing, Market, Order, Rationing, Side
from mpc_market.secure import chunks
from mpc_market.secure.clearing import Method
from tests.books import books, markets, random_book, seeds
from tests.secure.tampering import attempt
from tests.simulation import clear_in_memory, run_in_memory
from tests.vectors.regenerate import CLEARING, read_book

CASES = json.loads(CLEARING.read_text(encoding="utf-8"))
SEED = bytes(range(32))

every_method = pytest.mark.parametrize("method", Method, ids=lambda method: method.value)
every_m = pytest.mark.parametrize("parties", [3, 5, 7])


# --- vectors ----------------------------------------------------------------------------------------------


def cleared_vector(case: dict, method: Method) -> Clearing:
    orders, market, seed = read_book(case)
    return clear_in_memory(orders, market, seed, 3, method)


@pytest.fixture(scope="module")
def cleared_vectors(processes):
    """Every vector by every method, as it comes from the engine."""
    jobs = [(case, method) for case in CASES for method in Method]
    outcomes = processes.map(cleared_vector, *zip(*jobs, strict=True), chunksize=4)
    return {(case["name"], method): outcome for (case, method), outcome in zip(jobs, outcomes, strict=True)}


@every_method
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_vector(case, method, cleared_vectors):
    outcome = cleared_vectors[case["name"], method]
    ids = [order_id for order_id, *_ in case["orders"]]
    assert (outcome.price, dict(zip(ids, outcome.accepted, strict=True))) == (case["price"], case["accepted"])


# --- worked examples --------------------------------------------------------------------------------------

BUY, SELL = Side.BUY, Side.SELL
EXAMPLES = [
    ([(SELL, 10, 5), (BUY, 20, 5)], 15, (5, 5)),
    ([(SELL, 8, 2), (BUY, 14, 4)], 14, (2, 2)),
    ([(SELL, 5, 10), (BUY, 9, 4)], 5, (4, 4)),
    ([(SELL, 5, 3), (SELL, 5, 3), (BUY, 9, 4)], 5, (2, 2, 4)),
    ([(BUY, 20, 5), (BUY, 10, 3), (SELL, 5, 5), (SELL, 15, 4)], 12, (5, 0, 5, 0)),
    ([(SELL, 20, 5), (BUY, 10, 5)], None, (0, 0)),
    ([(BUY, 9, 4), (BUY, 5, 1)], None, (0, 0)),
    ([(SELL, 9, 4), (SELL, 5, 1)], None, (0, 0)),
    ([(SELL, 9, 0), (BUY, 15, 0)], None, (0, 0)),
    ([(BUY, 15, 1)], None, (0,)),
    ([], None, ()),
]


@every_m
@every_method
@pytest.mark.parametrize("example", range(len(EXAMPLES)))
def test_examples_of_the_specification(parties, method, example):
    """market.md §5."""
    if parties == 7 and example % 3:
        return
    lines, price, accepted = EXAMPLES[example]
    orders = [Order(f"m{i}", *line) for i, line in enumerate(lines)]
    assert clear_in_memory(orders, Market(), SEED, parties, method) == Clearing(price, accepted)


# --- what hypothesis finds --------------------------------------------------------------------------------


@settings(max_examples=120, deadline=None)
@given(markets(), st.sampled_from(Method), seeds(), st.data())
def test_any_book(market, method, seed, data):
    orders = data.draw(books(market, 9))
    assert clear_in_memory(orders, market, seed, 3, method) == clear(orders, market, seed)


@settings(max_examples=15, deadline=None)
@given(markets(), st.sampled_from(Method), seeds(), st.data())
def test_any_book_with_five_parties(market, method, seed, data):
    orders = data.draw(books(market, 5))
    assert clear_in_memory(orders, market, seed, 5, method) == clear(orders, market, seed)


# --- corners ----------------------------------------------------------------------------------------------


@every_method
@pytest.mark.parametrize("rule", Rationing)
def test_the_largest_book_that_is_exact(method, rule):
    """n · 4^quantity_bits = 2^60, every order as large as it can be."""
    market = Market(2, 24, rule)
    for kind in ("full", "extremes"):
        orders = random_book(random.Random(kind), market, 2**12, kind)
        assert clear_in_memory(orders, market, SEED, 3, method) == clear(orders, market, SEED)


@every_method
def test_the_sequence_of_the_orders_does_not_matter(method):
    market = Market(3, 6)
    orders = random_book(random.Random(8), market, 20, "ties")
    first = dict(zip(orders, clear_in_memory(orders, market, SEED, 3, method).accepted, strict=True))
    orders.reverse()
    second = dict(zip(orders, clear_in_memory(orders, market, SEED, 3, method).accepted, strict=True))
    assert first == second


@every_method
@pytest.mark.parametrize("n", [3, 4, 5, 130])
def test_rounding_in_chunks(method, n, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 2)
    market = Market(1, 12)
    orders = random_book(random.Random(n), market, n, "one-price")
    assert clear_in_memory(orders, market, SEED, 3, method) == clear(orders, market, SEED)


@every_method
def test_threads_change_nothing(method):
    """Vectors long enough for two of them; each party uses as many as it likes."""
    market = Market(2, 8, Rationing.LOTTERY)
    orders = random_book(random.Random(9), market, 2**16 + 5, "ties")
    results, _ = attempt(
        orders, market, SEED, given={party: {"threads": party + 1, "method": method} for party in range(3)}
    )
    accepted = recombine([result.accepted for result in results], 1)
    assert Clearing(results[0].price, tuple(accepted.tolist())) == clear(orders, market, SEED)


@every_method
def test_two_clearings_of_one_book_agree_in_everything_public(method):
    market = Market(5, 5)
    orders = random_book(random.Random(2), market, 7, "equal")
    (one, _), (two, _) = (run_in_memory(orders, market, SEED, 3, method) for _ in range(2))
    assert one[0].price == two[0].price
    assert one[0].communication_rounds == two[0].communication_rounds
    assert not any((a.accepted == b.accepted).any() for a, b in zip(one, two, strict=True)), "a share came twice"
