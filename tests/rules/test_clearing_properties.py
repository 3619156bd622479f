"""What holds for every book (market.md §3–§4, and the properties that traders care about)."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Clearing, Market, Order, Rationing, Side
from mpc_market.rules.ticket import ticket
from tests.books import KINDS, books, markets, random_book, seeds

Round = tuple[list[Order], Market, bytes]
Group = list[tuple[Order, int]]

examples = settings(max_examples=150, deadline=None)


@st.composite
def rounds(draw: st.DrawFn, grids: st.SearchStrategy[Market]) -> Round:
    market = draw(grids)
    return draw(books(market, max_size=12)), market, draw(seeds())


any_round = rounds(markets())


def supply(orders: Sequence[Order], price: int) -> int:
    return sum(order.quantity for order in orders if order.side is Side.SELL and order.price <= price)


def demand(orders: Sequence[Order], price: int) -> int:
    return sum(order.quantity for order in orders if order.side is Side.BUY and order.price >= price)


def volume(orders: Sequence[Order], clearing: Clearing, side: Side) -> int:
    return sum(lots for order, lots in zip(orders, clearing.accepted, strict=True) if order.side is side)


def advantage(order: Order, price: int) -> int:
    """How much better than its limit a price is for an order."""
    return order.price - price if order.side is Side.BUY else price - order.price


def groups(orders: Sequence[Order], accepted: Sequence[int]) -> dict[tuple[int, Side], Group]:
    """Orders with their accepted quantities, by price and side."""
    result = defaultdict(list)
    for order, lots in zip(orders, accepted, strict=True):
        result[order.price, order.side].append((order, lots))
    return result


def totals(group: Group) -> tuple[int, int]:
    """What a group is given, and what it asks for: A and G."""
    return sum(lots for _, lots in group), sum(order.quantity for order, _ in group)


@examples
@given(any_round)
def test_both_sides_are_equal_and_nobody_gets_more_than_asked(case):
    orders, market, seed = case
    clearing = clear(orders, market, seed)
    assert volume(orders, clearing, Side.SELL) == volume(orders, clearing, Side.BUY)
    assert all(0 <= lots <= order.quantity for order, lots in zip(orders, clearing.accepted, strict=True))


@examples
@given(any_round)
def test_there_is_a_price_exactly_if_something_trades(case):
    orders, market, seed = case
    clearing = clear(orders, market, seed)
    assert (clearing.price is None) == (sum(clearing.accepted) == 0)
    assert clearing.price is None or 0 <= clearing.price < 2**market.price_bits


@examples
@given(any_round)
def test_no_other_uniform_price_trades_more(case):
    orders, market, seed = case
    clearing = clear(orders, market, seed)
    traded = volume(orders, clearing, Side.BUY)
    # Supply and demand change only at the orders' prices, so that these stand for every price there is.
    best = max((min(supply(orders, order.price), demand(orders, order.price)) for order in orders), default=0)
    assert traded == best
    if clearing.price is not None:
        assert traded == min(supply(orders, clearing.price), demand(orders, clearing.price))


@examples
@given(rounds(st.builds(Market, st.integers(1, 5), st.integers(1, 4), st.sampled_from(Rationing))))
def test_the_price_is_the_middle_of_the_equilibrium_prices(case):
    orders, market, seed = case
    price = clear(orders, market, seed).price
    if price is None:
        return
    # An equilibrium price: those who must trade at it can be matched by those who may.
    equilibrium = [
        p
        for p in range(2**market.price_bits)
        if supply(orders, p - 1) <= demand(orders, p) and demand(orders, p + 1) <= supply(orders, p)
    ]
    assert price == (equilibrium[0] + equilibrium[-1]) // 2


@examples
@given(any_round)
def test_nobody_trades_at_a_loss(case):
    orders, market, seed = case
    clearing = clear(orders, market, seed)
    for order, lots in zip(orders, clearing.accepted, strict=True):
        assert lots == 0 or advantage(order, clearing.price) >= 0


@examples
@given(any_round)
def test_nobody_strictly_inside_the_price_is_left_unserved(case):
    orders, market, seed = case
    clearing = clear(orders, market, seed)
    if clearing.price is None:
        return
    for order, lots in zip(orders, clearing.accepted, strict=True):
        assert lots == order.quantity or advantage(order, clearing.price) <= 0


@examples
@given(any_round)
def test_at_most_one_group_is_rationed(case):
    orders, market, seed = case
    accepted = clear(orders, market, seed).accepted
    given_and_asked = [totals(group) for group in groups(orders, accepted).values()]
    assert sum(0 < given < asked for given, asked in given_and_asked) <= 1
    if market.rationing is Rationing.LOTTERY:
        served_in_part = sum(0 < lots < order.quantity for order, lots in zip(orders, accepted, strict=True))
        assert served_in_part <= 1


@examples
@given(any_round, st.randoms(use_true_random=False))
def test_the_sequence_of_the_file_does_not_matter(case, rng):
    orders, market, seed = case
    before = clear(orders, market, seed)
    by_id = dict(zip((order.order_id for order in orders), before.accepted, strict=True))
    shuffled = rng.sample(orders, len(orders))
    after = clear(shuffled, market, seed)
    assert after == Clearing(before.price, tuple(by_id[order.order_id] for order in shuffled))


@settings(max_examples=300, deadline=None)
@given(any_round, st.data())
def test_a_better_limit_never_lowers_the_quantity(case, data):
    """A buyer who bids more, or a seller who asks less, gets at least as many lots, under both rules.

    The requirement allows for one lot less under pro rata; that never happens. Let a buy of v lots be in a
    rationed group that is given A in all, so that it gets at most A, and raise it into a rationed group of
    others who ask for Z. This group is now given A' ≥ A + Z, and the buy's part v·A'/(v + Z) is at least A.
    Only if the part exceeds A by less than the rounding of q can base be A − 1; then the others are so close
    to being served in full that there is a left-over lot for everybody.
    """
    orders, market, seed = case
    if not orders:
        return
    i = data.draw(st.integers(0, len(orders) - 1))
    order = orders[i]
    better = range(order.price, 2**market.price_bits) if order.side is Side.BUY else range(order.price + 1)
    others = [other.price for other in orders if other.price in better]
    price = data.draw(st.sampled_from(others) | st.sampled_from(better))
    changed = [*orders[:i], replace(order, price=price), *orders[i + 1 :]]
    assert clear(changed, market, seed).accepted[i] >= clear(orders, market, seed).accepted[i]


@examples
@given(any_round, st.data())
def test_orders_of_quantity_0_change_nothing(case, data):
    orders, market, seed = case
    before = clear(orders, market, seed)
    with_idle, accepted = list(orders), list(before.accepted)
    for k in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(with_idle)))
        price = data.draw(st.sampled_from([order.price for order in orders] or [0]) | st.integers(0, 1))
        with_idle.insert(place, Order(f"idle {k}", data.draw(st.sampled_from(Side)), price, 0))
        accepted.insert(place, 0)
    assert clear(with_idle, market, seed) == Clearing(before.price, tuple(accepted))


@examples
@given(any_round)
def test_pro_rata_follows_its_formulas(case):
    check_pro_rata(*case)


@pytest.mark.parametrize("quantity_bits", [16, 20, 24])
@pytest.mark.parametrize("kind", KINDS)
def test_pro_rata_follows_its_formulas_on_every_kind_of_book(kind, quantity_bits):
    rng = random.Random(kind)
    for size in range(40):
        market = Market(rng.randint(1, 4), quantity_bits)
        check_pro_rata(random_book(rng, market, size, kind), market, rng.randbytes(32))


def check_pro_rata(orders: list[Order], market: Market, seed: bytes) -> None:
    """Against the totals that the lottery gives: q, base_i, the left-over lots, and who gets them (§4)."""
    lottery = clear(orders, replace(market, rationing=Rationing.LOTTERY), seed)
    pro_rata = clear(orders, replace(market, rationing=Rationing.PRO_RATA), seed)
    assert pro_rata.price == lottery.price

    shared = groups(orders, pro_rata.accepted)
    for key, group in groups(orders, lottery.accepted).items():
        given, asked = totals(group)
        if not 0 < given < asked:
            assert shared[key] == group
            continue
        scale = 2 ** (60 - market.quantity_bits)
        q = floor(scale * Fraction(given, asked))
        base = {order: floor(order.quantity * Fraction(q, scale)) for order, _ in group}
        for order, lots in base.items():
            assert 0 <= order.quantity * given // asked - lots <= 1
        claimants = [order for order in base if order.quantity > 0]
        claimants.sort(key=lambda order: ticket(seed, order.order_id))
        left_over = given - sum(base.values())
        assert 0 <= left_over <= len(claimants)
        favoured = claimants[:left_over]
        assert dict(shared[key]) == {order: lots + (order in favoured) for order, lots in base.items()}
