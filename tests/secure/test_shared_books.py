"""Dealing a book: the shares are those of the orders' bits, and no single share says anything."""

import random

import numpy as np
import pytest

from mpc_market.field.mersenne import GF
from mpc_market.field.shamir import recombine, threshold
from mpc_market.rules.model import Market, Order, Side
from mpc_market.secure.book import share_book
from tests.books import random_book
from tests.secure.uniformity import assert_uniform, cells_of


def bits(values: list[int], count: int) -> list[list[int]]:
    return [[(value >> k) & 1 for value in values] for k in range(count)]


@pytest.mark.parametrize("parties", [3, 5, 7])
@pytest.mark.parametrize("n", [0, 1, 50])
@pytest.mark.parametrize("grid", [(1, 1), (12, 16), (20, 24)])
def test_the_shares_are_those_of_the_bits(parties, n, grid):
    market = Market(*grid)
    orders = random_book(random.Random(n), market, n, "wide")
    dealt = share_book(orders, market, parties)
    assert [book.orders for book in dealt] == [n] * parties
    assert [array.shape for array in dealt[0].arrays] == [(n,), (grid[0], n), (grid[1], n)]
    side, price, quantity = (
        recombine(arrays, threshold(parties)).tolist() for arrays in zip(*(book.arrays for book in dealt), strict=True)
    )
    assert side == [int(order.side is Side.BUY) for order in orders]
    assert price == bits([order.price for order in orders], grid[0])
    assert quantity == bits([order.quantity for order in orders], grid[1])
    assert all(GF.is_canonical(array) for book in dealt for array in book.arrays)


def test_a_single_share_is_uniform():
    orders = [Order(str(i), Side.BUY, 4095, 0) for i in range(4000)]
    for book in share_book(orders, Market(), 3):
        for array in book.arrays:
            assert_uniform(cells_of(array.reshape(-1), 64), 64)


def test_a_book_is_never_dealt_alike():
    orders = [Order(str(i), Side.BUY, 1, 1) for i in range(20)]
    first, second = (share_book(orders, Market(), 3) for _ in range(2))
    for one, two in zip(first, second, strict=True):
        assert not any(np.any(a == b) for a, b in zip(one.arrays, two.arrays, strict=True))
