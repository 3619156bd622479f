"""Pro rata on shares: sells and buys at the price of the cut, against market.md §4 in plain Python."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.rules.model import Market, Rationing
from mpc_market.secure import chunks
from mpc_market.secure.material import Needs, make_material
from mpc_market.secure.rationing import OrdersAtPrice, add_needs, is_nonzero, ration
from tests.secure.runner import recombined, run_parties

every_m = pytest.mark.parametrize("parties", [3, 5, 7])
SIZES = [1, 2, 3, 4, 5, 8, 9, 10, 15, 16, 17, 25, 26]
SELL, BUY, OTHER = "sell", "buy", "other"
Line = tuple[str, int, int]
"""The side of an order at the price, or another price; its quantity, and what the lottery rule gives it."""


def rationed(lines: list[Line], bits: int, parties: int = 3) -> list[int]:
    market = Market(4, bits, Rationing.PRO_RATA)

    async def protocol(session, sells, buys, quantity, nonzero, accepted):
        needs = Needs(accepted.size, 0)
        add_needs(needs, market)
        material = await make_material(session, needs)
        return await ration(session, market, OrdersAtPrice(sells, buys, quantity, nonzero), accepted, material)

    columns = (
        [kind == SELL for kind, _, _ in lines],
        [kind == BUY for kind, _, _ in lines],
        [quantity for _, quantity, _ in lines],
        [quantity > 0 for _, quantity, _ in lines],
        [accepted for _, _, accepted in lines],
    )
    return recombined(run_parties(protocol, *columns, parties=parties)).tolist()


def expected(lines: list[Line], bits: int) -> list[int]:
    """q = ⌊2^F · A / G⌋, base_i = ⌊v_i · q / 2^F⌋, and the lots left over one each in ticket order."""
    result = [accepted for _, _, accepted in lines]
    for side in (SELL, BUY):
        own = [i for i, (kind, _, _) in enumerate(lines) if kind == side]
        wanted, given_ = sum(lines[i][1] for i in own), sum(lines[i][2] for i in own)
        if not 0 < given_ < wanted:
            continue
        q = (given_ << (60 - bits)) // wanted
        for i in own:
            result[i] = lines[i][1] * q >> (60 - bits)
        left_over = given_ - sum(result[i] for i in own)
        for i in [i for i in own if lines[i][1]][:left_over]:
            result[i] += 1
    return result


def book(kinds: list[str], quantities: list[int], sold: int, bought: int) -> list[Line]:
    """Served in the sequence of the tickets, sells and buys each up to what they are given in total."""
    left = {SELL: sold, BUY: bought, OTHER: 10**9}
    lines = []
    for kind, quantity in zip(kinds, quantities, strict=True):
        lines.append((kind, quantity, min(quantity, left[kind])))
        left[kind] -= lines[-1][2]
    return lines


def random_lines(rng: random.Random, n: int, bits: int) -> list[Line]:
    kinds = rng.choices((SELL, BUY, OTHER), weights=rng.choice(((1, 1, 1), (8, 1, 1), (1, 8, 0))), k=n)
    quantities = [rng.choice((0, 1, 2**bits - 1, rng.randrange(2**bits))) for _ in range(n)]
    totals = {k: sum(v for kind, v in zip(kinds, quantities, strict=True) if kind == k) for k in (SELL, BUY)}
    return book(kinds, quantities, rng.randint(0, totals[SELL]), rng.randint(0, totals[BUY]))


@every_m
def test_an_example(parties):
    """market.md §5: two sells of 3 share 4."""
    lines = book([SELL, SELL, BUY], [3, 3, 4], 4, 4)
    assert rationed(lines, 16, parties) == [2, 2, 4]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("bits", [1, 16, 24])
def test_sizes(n, bits):
    lines = random_lines(random.Random(100 * n + bits), n, bits)
    assert rationed(lines, bits) == expected(lines, bits)


@every_m
@pytest.mark.parametrize(("sold", "bought"), [(0, 0), (1, 0), (0, 1), (20, 15), (19, 14), (20, 1), (10, 5)])
def test_what_the_sides_are_given(parties, sold, bought):
    """Nothing, everything, one lot, and all but one."""
    kinds = [OTHER, SELL, BUY, SELL, OTHER, SELL, BUY, BUY]
    lines = book(kinds, [9, 12, 5, 0, 0, 8, 9, 1], sold, bought)
    if parties == 7 and sold != 19:
        return
    assert rationed(lines, 4, parties) == expected(lines, 4)


def test_no_order_at_the_price():
    lines = book([OTHER] * 5, [3, 0, 7, 1, 1], 0, 0)
    assert rationed(lines, 3) == [3, 0, 7, 1, 1]


@pytest.mark.parametrize("given_", [1, 2, 5, 8, 9])
def test_every_number_of_lots_left_over(given_):
    """Ten orders of one lot, and orders without any between them that must get none."""
    lines = book([SELL] * 14, [1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0], given_, 0)
    assert rationed(lines, 1) == expected(lines, 1)


def test_the_largest_book_that_the_rule_allows():
    """n · 4^bits = 2^60: y = v·q comes closest to 2^60, and the divisor is as long as it can be."""
    rng = random.Random(5)
    n, bits = 2**12, 24
    quantities = [2**bits - 1] * (n - 2) + [2**bits - 2, 1]
    lines = book([BUY] * n, quantities, 0, sum(quantities) - 1 - rng.randrange(2**bits))
    assert rationed(lines, bits) == expected(lines, bits)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 8, 9, 61])
def test_rounding_in_chunks(n, monkeypatch):
    """Of 4 orders."""
    monkeypatch.setattr(chunks, "CHUNK", 4)
    lines = random_lines(random.Random(n), n, 8)
    assert rationed(lines, 8) == expected(lines, 8)


def test_as_many_chunks_as_there_can_be(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 1)
    lines = random_lines(random.Random(1), 130, 8)
    assert rationed(lines, 8) == expected(lines, 8)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 24), st.data())
def test_any_orders(bits, data):
    kinds = data.draw(st.lists(st.sampled_from((SELL, BUY, OTHER)), min_size=1, max_size=8))
    whole = st.integers(0, 2**bits - 1)
    quantities = [data.draw(whole) for _ in kinds]
    totals = {k: sum(v for kind, v in zip(kinds, quantities, strict=True) if kind == k) for k in (SELL, BUY)}
    lines = book(kinds, quantities, data.draw(st.integers(0, totals[SELL])), data.draw(st.integers(0, totals[BUY])))
    assert rationed(lines, bits) == expected(lines, bits)


@every_m
@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8, 24])
def test_is_nonzero(parties, bits):
    async def protocol(session, quantity_bits):
        return await is_nonzero(session, quantity_bits)

    values = sorted({0, 1, 2**bits - 1, *(2**k for k in range(bits))})
    table = [[(v >> k) & 1 for v in values] for k in range(bits)]
    assert recombined(run_parties(protocol, table, parties=parties)).tolist() == [int(v > 0) for v in values]
