"""Products, dealings and openings: right for every m, wherever a block ends; uniform over the field of the market."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.field.mersenne import BLOCK, GF
from mpc_market.field.shamir import recombine, threshold
from mpc_market.network import memory_networks
from mpc_market.secure.shares import Shares, concatenate, dot, public, stack
from mpc_market.secure.threads import Threads
from tests.secure.runner import dealt_keys, recombined, residues, run_parties
from tests.secure.uniformity import assert_uniform, cells_of

P = GF.modulus
EDGES = [0, 1, 2, P - 1, P - 2, P // 2, P // 2 + 1, 2**31, 2**32 - 1, 2**60, 123_456_789_012_345_678]
SIZES = [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1]

every_m = pytest.mark.parametrize("parties", [3, 5, 7])
examples = settings(max_examples=40, deadline=None)
vectors = st.integers(0, 6).flatmap(
    lambda n: st.lists(st.lists(st.integers(-P, P), min_size=n, max_size=n), min_size=4, max_size=4)
)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng([7, *shape]).integers(0, P, shape, np.uint64)


def exact(array: np.ndarray) -> np.ndarray:
    return np.asarray(array).astype(object)


def assert_equal(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.shape == np.shape(expected)
    assert np.array_equal(actual, residues(expected))


async def multiply(session, x, y):
    (xy,) = await session.reshare(x * y)
    return xy


# --- products ---------------------------------------------------------------------------------------------


@every_m
def test_products_of_edges(parties):
    x, y = zip(*product(EDGES, repeat=2), strict=True)
    xy = recombined(run_parties(multiply, x, y, parties=parties))
    assert_equal(xy, [a * b for a, b in zip(x, y, strict=True)])


@every_m
@pytest.mark.parametrize("size", SIZES)
def test_products_at_block_boundaries(parties, size):
    x, y = numbers(size), numbers(size + 1)[1:]
    xy = recombined(run_parties(multiply, x, y, parties=parties))
    assert_equal(xy, exact(x) * exact(y))


@examples
@given(st.sampled_from([3, 5, 7]), vectors, st.sampled_from([1, -1]), st.sampled_from([1, -1]))
def test_sums_of_products_with_signs(parties, secrets, second, third):
    async def protocol(session, a, b, c, d):
        total = a * b
        for sign, term in ((second, c * d), (third, a * c)):
            total = total + term if sign > 0 else total - term
        (ab,) = await session.reshare(total)
        return ab

    expected = [a * b + second * c * d + third * a * c for a, b, c, d in zip(*secrets, strict=True)]
    assert_equal(recombined(run_parties(protocol, *secrets, parties=parties)), expected)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_long_sums_of_products_of_extremes(count):
    async def protocol(session, x):
        plus, minus = sum([x * x] * (count - 1), x * x), sum([-x * x] * (count - 1), -x * x)
        return await session.reshare(plus, minus, x * x - (plus + x * x))

    x = [P - 1, 0, 2**60, P // 2]
    for actual, factor in zip(recombined(run_parties(protocol, x)), (count, -count, -count), strict=True):
        assert_equal(actual, factor * exact(x) * exact(x))


SHAPES = [
    ((4,), (1,)), ((1,), (4,)), ((3, 1), (1, 4)), ((3, 4), (4,)), ((1,), (1,)), ((0,), (1,)), ((1,), (3, 4)),
    ((5, BLOCK), (5, 1)), ((1,), (BLOCK + 1,)),
]  # fmt: skip


@every_m
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products_broadcast(parties, left, right):
    x, y = numbers(*left), numbers(*right, 2)[..., 0]
    xy = recombined(run_parties(multiply, x, y, parties=parties))
    assert_equal(xy, exact(x) * exact(y))


@every_m
def test_several_products_share_one_round(parties):
    async def protocol(session, x, y, table):
        before = session.rounds
        results = await session.reshare(x * y, dot(x, table), x[:0] * y[:0], y * y, dot(x, y), x[:1] * table)
        assert session.rounds == before + 1
        return results

    x, y, table = numbers(6), numbers(7)[1:], numbers(6, 3)
    a, b, c = exact(x), exact(y), exact(table)
    expected = [a * b, a @ c, [], b * b, [a @ b], a[0] * c]
    results = recombined(run_parties(protocol, x, y, table, parties=parties))
    for actual, wanted in zip(results, expected, strict=True):
        assert_equal(actual, wanted)


@every_m
@pytest.mark.parametrize("size", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1])
@pytest.mark.parametrize("width", [None, 1, 3])
def test_inner_products(parties, size, width):
    async def protocol(session, x, y):
        (xy,) = await session.reshare(dot(x, y))
        return xy

    x, y = numbers(size), numbers(size, *((width,) if width else ()))
    xy = recombined(run_parties(protocol, x, y, parties=parties))
    assert_equal(xy, np.atleast_1d(exact(x) @ exact(y)))


@every_m
def test_products_of_products(parties):
    """The result of a product is a sharing of degree t again: so it may be multiplied again."""

    async def protocol(session, x):
        power = x
        for _ in range(5):
            power = await multiply(session, power, x)
        return power

    assert_equal(recombined(run_parties(protocol, EDGES, parties=parties)), [x**6 for x in EDGES])


@every_m
def test_an_unreshared_product_has_a_higher_degree(parties):
    """So the tests above would notice a product that was not reshared."""

    async def protocol(session, x):
        return Shares(GF.multiply(x.words, x.words))

    dealt = [s.words for s in run_parties(protocol, EDGES, parties=parties)]
    assert recombine(dealt, 2 * threshold(parties)).tolist() == [x * x % P for x in EDGES]
    with pytest.raises(ValueError, match="degree"):
        recombine(dealt, threshold(parties))


@every_m
@pytest.mark.parametrize("size", [1, 5, BLOCK + 1])
def test_the_cost_of_a_product(parties, size):
    """m − 1 − t words per element and party, whatever the length of an inner product."""
    networks, t = memory_networks(parties), threshold(parties)

    async def protocol(session, x):
        return await session.reshare(x * x, dot(x, x))

    run_parties(protocol, numbers(size), parties=parties, networks=networks)
    for network in networks:
        assert sorted(words for _, _, words in network.sent) == [size + 1] * (parties - 1 - t)


@pytest.mark.parametrize("size", [2 * 2**16 - 1, 2 * 2**16, 3 * 2**16 + BLOCK + 1])
def test_threads_share_a_long_vector(size):
    """Every party uses as many as it likes: what is drawn from a keystream does not depend on who draws it."""

    async def protocol(session, x, y):
        result = await session.reshare(x * y, y * y, x[:5] * y[:5])
        return result + await session.reshare(result[0] * y)

    x, y = numbers(size), numbers(size + 1)[1:]
    threads = [Threads(count) for count in (1, 2, 3)]
    xy, yy, few, xyy = recombined(run_parties(protocol, x, y, threads=threads))
    for one in threads:
        one.close()
    assert_equal(xy, exact(x) * exact(y))
    assert_equal(yy, exact(y) * exact(y))
    assert_equal(few, (exact(x) * exact(y))[:5])
    assert_equal(xyy, exact(x) * exact(y) * exact(y))


# --- what is local ----------------------------------------------------------------------------------------


@examples
@given(st.sampled_from([3, 5, 7]), vectors, st.integers(-(2**62), 2**62))
def test_what_is_linear_is_local(parties, secrets, factor):
    x, y = np.array(secrets[0], object), np.array(secrets[1], object)
    open_numbers = np.array([abs(i) % P for i in secrets[2]], np.uint64)
    networks = memory_networks(parties)

    async def protocol(session, a, b):
        return [
            a + b, a - b, -a, a + factor, factor - a, a - factor, open_numbers - a, a + open_numbers,
            a.times(factor), a.sum(), a.prefix_sums(), concatenate([a, b]), stack([a, b]), a[::-1],
            a + public(open_numbers),
        ]  # fmt: skip

    c = open_numbers.astype(object)
    expected = [
        x + y, x - y, -x, x + factor, factor - x, x - factor, c - x, x + c,
        factor * x, [sum(x)], np.cumsum(x), [*x, *y], [x, y], x[::-1], x + c,
    ]  # fmt: skip
    results = recombined(run_parties(protocol, x, y, parties=parties, networks=networks))
    for actual, wanted in zip(results, expected, strict=True):
        assert actual.reshape(-1).tolist() == [int(i) % P for i in np.ravel(np.asarray(wanted, object))]
    assert not any(network.sent for network in networks)


# --- dealing and opening ----------------------------------------------------------------------------------


@every_m
@pytest.mark.parametrize("size", [1, 4, BLOCK + 1])
def test_each_dealer_shares_what_it_alone_knows(parties, size):
    dealers = range(threshold(parties) + 1)

    async def protocol(session):
        own = numbers(size, session.party + 1)[:, 0] if session.party in dealers else None
        return await session.deal_own(dealers, size, own)

    dealt = recombined(run_parties(protocol, parties=parties))
    assert len(dealt) == len(dealers)
    for i, words in zip(dealers, dealt, strict=True):
        assert_equal(words, numbers(size, i + 1)[:, 0])


@every_m
@pytest.mark.parametrize("shape", [(1,), (0,), (2, 3), (BLOCK + 1,)])
def test_opening_shows_the_secret_to_all(parties, shape):
    async def protocol(session, x):
        return await session.open(x)

    x = numbers(*shape)
    assert_equal(recombined(run_parties(protocol, x, parties=parties)), exact(x))


@every_m
def test_the_cost_of_opening(parties):
    """t words per element: one for each share that is missing to t + 1."""
    networks = memory_networks(parties)

    async def protocol(session, x):
        return await session.open(x), session.rounds

    run_parties(protocol, numbers(5), parties=parties, networks=networks)
    assert [sorted(words for _, _, words in network.sent) for network in networks] == [
        [5] * threshold(parties)
    ] * parties


@every_m
def test_exchange_delivers_to_whom_it_is_sent(parties):
    async def protocol(session):
        others = [i for i in range(parties) if i != session.party]
        outgoing = {i: np.full(i + 1, 10 * session.party + i, np.uint64) for i in others}
        received = await session.exchange(outgoing, dict.fromkeys(others, session.party + 1))
        return {i: words.tolist() for i, words in received.items()}

    for me, received in enumerate(run_parties(protocol, parties=parties)):
        assert received == {i: [10 * i + me] * (me + 1) for i in range(parties) if i != me}


@every_m
def test_branches_run_side_by_side(parties):
    """Their rounds coincide, and neither labels nor keystreams of one meet those of another."""

    async def power(session, x, exponent):
        result = x
        for _ in range(exponent - 1):
            result = await multiply(session, result, x)
        return result

    async def protocol(session, x):
        nested = await session.together(
            lambda s: power(s, x, 2),
            lambda s: s.together(lambda b: power(b, x, 4), lambda b: power(b, x, 3)),
            lambda s: power(s, x, 5),
        )
        return [nested[0], *nested[1], nested[2], await multiply(session, x, x), session.rounds]

    *powers, rounds = recombined(run_parties(protocol, EDGES, parties=parties))
    for result, exponent in zip(powers, (2, 4, 3, 5, 2), strict=True):
        assert_equal(result, [x**exponent for x in EDGES])
    assert rounds == 4 + 1


# --- uniform, over the field of the market ----------------------------------------------------------------


@every_m
@pytest.mark.parametrize("secret", [0, P - 1])
def test_any_t_shares_of_a_product_are_uniform(parties, secret):
    """Chi-square over the joint distribution; exactly, over a small field: `test_reshare_enumerated`."""
    count, t = 60_000, threshold(parties)
    results = run_parties(multiply, [secret] * count, [1] * count, parties=parties)
    cells = {1: 256, 2: 16, 3: 6}[t]
    for some in combinations(range(parties), t):
        joint = np.zeros(count, np.intp)
        for party in some:
            joint = joint * cells + cells_of(results[party].words, cells)
        assert_uniform(joint, cells**t)
    assert_uniform(results[0].words % np.uint64(257), 257)


def test_a_product_reshared_twice_gets_other_shares():
    async def protocol(session, x):
        return await session.reshare(x * x, x * x) + await session.reshare(x * x)

    for held in run_parties(protocol, numbers(100), keys=dealt_keys(3)):
        first, second, third = (shares.words for shares in held)
        assert not np.any(first == second)
        assert not np.any(first == third)
