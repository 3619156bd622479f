"""What the owner of the orders checks of the parties' results; and that dealing tells no party anything."""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mpc_market.errors import ProtocolError
from mpc_market.field.shamir import recombine, share, threshold
from mpc_market.rules import clearing
from mpc_market.rules.model import Market, Order, Rationing, Side
from mpc_market.secure.book import share_columns
from parties.compute.messages import RoundResult
from parties.local.dealing import Columns, Ids
from parties.local.delivery import put_together
from tests.books import random_book

SEED = bytes(range(32))
ORDERS = [
    Order("better", Side.SELL, 3, 5),
    Order("a secret", Side.SELL, 10, 4711),
    Order("worse", Side.SELL, 30, 5),
    Order("buy", Side.BUY, 20, 9),
]
ACCEPTED, PRICE = [5, 4, 0, 9], 10


def results(accepted: list[int], price: int | None = PRICE, parties: int = 3) -> list[tuple[RoundResult, np.ndarray]]:
    figures = RoundResult(price, SEED, 68, 1000, 0.1, 2**20, {})
    return [(figures, shares) for shares in share(np.array(accepted, np.uint64), parties)]


@pytest.mark.parametrize("parties", [3, 5, 7])
@pytest.mark.parametrize("rationing", Rationing)
def test_what_the_rule_gives_passes(parties: int, rationing: Rationing) -> None:
    market = Market(4, 4, rationing)
    for size in range(0, 40, 3):
        orders = random_book(random.Random(size), market, size, "ties")
        cleared = clearing.clear(orders, market, SEED)
        shared = results(list(cleared.accepted), cleared.price, parties)
        assert put_together(shared, orders, Columns.of(orders), SEED) == cleared


@pytest.mark.parametrize(
    ("accepted", "price"),
    [
        ([4, 5, 0, 9], PRICE),  # a better limit not served in full
        ([5, 3, 1, 9], PRICE),  # a worse limit served
        ([5, 4712, 0, 9], PRICE),  # more than the quantity
        ([5, 2**61 - 5, 0, 9], PRICE),  # a negative number
        ([5, 3, 0, 9], PRICE),  # sides that differ
        ([5, 4, 0, 9], 2),
        ([5, 4, 0, 9], 21),
        ([5, 4, 0, 9], None),
    ],
)
def test_an_impossible_outcome_is_refused(accepted: list[int], price: int | None) -> None:
    with pytest.raises(ProtocolError) as caught:
        put_together(results(accepted, price), ORDERS, Columns.of(ORDERS), SEED)
    assert not any(str(secret) in str(caught.value) for secret in ("4711", "4712", "2305"))


def test_a_price_without_a_trade_is_refused() -> None:
    orders = [Order("a", Side.SELL, 10, 5), Order("b", Side.BUY, 10, 0)]
    with pytest.raises(ProtocolError, match="do not add up"):
        put_together(results([0, 0]), orders, Columns.of(orders), SEED)


Change = Callable[[RoundResult, np.ndarray], tuple[RoundResult, np.ndarray]]


@pytest.mark.parametrize("party", range(3))
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda result, shares: (result, shares ^ np.uint64(1)), "do not lie on a polynomial"),
        (lambda result, shares: (replace(result, price=11), shares), "different prices or seeds"),
        (lambda result, shares: (replace(result, seed=bytes(32)), shares), "different prices or seeds"),
    ],
)
def test_one_party_that_lies_is_noticed(party: int, change: Change, reason: str) -> None:
    shared = results(ACCEPTED)
    shared[party] = change(*shared[party])
    with pytest.raises(ProtocolError, match=reason):
        put_together(shared, ORDERS, Columns.of(ORDERS), SEED)


def test_another_seed_than_given_is_noticed() -> None:
    with pytest.raises(ProtocolError, match="another seed than they were given"):
        put_together(results(ACCEPTED), ORDERS, Columns.of(ORDERS), bytes(32))


@pytest.mark.parametrize("parties", [3, 5, 7])
def test_dealt_blocks_add_up_to_the_book(parties: int) -> None:
    market = Market(12, 13)
    orders = random_book(random.Random(1), market, 50, "ties")
    columns = Columns.of(orders)
    block = slice(10, 30)
    side_bits = columns.buy[block].astype(np.uint64)
    dealt = share_columns(side_bits, columns.price[block], columns.quantity[block], market, parties)
    assert len(dealt) == parties
    arrays = [book.arrays for book in dealt]
    side, price, quantity = (recombine(list(shares), threshold(parties)) for shares in zip(*arrays, strict=True))
    assert side.shape == (20,)
    assert np.array_equal(side, columns.buy[10:30])
    for bits, column, count in ((price, columns.price, 12), (quantity, columns.quantity, 13)):
        assert bits.shape == (count, 20)
        assert np.array_equal(sum(row << np.uint64(k) for k, row in enumerate(bits)), column[10:30])


def test_ids_are_sent_as_bytes() -> None:
    orders = [Order(name, Side.BUY, 1, 1) for name in ("a", "é", "🔋x")]
    ids = Ids.of(orders)
    assert ids.text == "aé🔋x".encode()
    assert ids.lengths.tolist() == [1, 2, 5]


def test_no_secret_in_a_repr() -> None:
    assert repr(Columns.of(ORDERS)) == "Columns(n=4)"
