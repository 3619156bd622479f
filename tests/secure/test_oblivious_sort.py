"""The oblivious radix sort against Python's stable sort, and what it opens."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import ProtocolError
from mpc_market.field.mersenne import BLOCK
from mpc_market.network import memory_networks
from mpc_market.secure.digits import indicators
from mpc_market.secure.sort import open_permutation, sort, stable_destinations
from tests.secure.listening import listening
from tests.secure.runner import recombined, run_parties
from tests.secure.uniformity import assert_uniform, ranks

every_m = pytest.mark.parametrize("parties", [3, 5, 7])


def bits_of(numbers: list[int], bits: int) -> list[list[int]]:
    return [[(x >> k) & 1 for x in numbers] for k in range(bits)]


def sorter(first: list[int]):
    async def protocol(session, key, *payload):
        book = await sort(session, key, payload, np.array(first, np.intp))
        return book.columns, [await book.restore(session, column) for column in book.columns]

    return protocol


def check(keys: list[int], bits: int, first: list[int], parties: int = 3) -> None:
    """Sorted by key, equal keys in the sequence `first`; restored, every column is as it came."""
    n = len(keys)
    payload = [list(range(n)), [3 * i + 7 for i in range(n)]]
    results = run_parties(sorter(first), bits_of(keys, bits), *payload, parties=parties)
    columns, restored = recombined(results)
    expected = sorted(first, key=lambda i: keys[i])
    assert [column.tolist() for column in columns] == [[column[i] for i in expected] for column in payload]
    assert [column.tolist() for column in restored] == payload


@every_m
@pytest.mark.parametrize("n", [1, 2, 3, 9, 30])
@pytest.mark.parametrize("bits", [1, 4, 13])
def test_every_m(parties, n, bits):
    if parties == 7 and bits > 4 and n not in (3, 30):
        return
    rng = random.Random(f"{n} {bits}")
    keys = [rng.choice((0, 2**bits - 1, rng.randrange(2**bits))) for _ in range(n)]
    check(keys, bits, rng.sample(range(n), n), parties)


@pytest.mark.parametrize("bits", range(1, 22))
def test_every_number_of_bits(bits):
    rng = random.Random(bits)
    keys = [rng.randrange(2**bits) for _ in range(6)] + [0, 2**bits - 1] * 3
    check(keys, bits, rng.sample(range(12), 12))


@pytest.mark.parametrize("n", [*range(1, 19), 100])
def test_sizes(n):
    rng = random.Random(n)
    check([rng.randrange(4) for _ in range(n)], 4, rng.sample(range(n), n))


@pytest.mark.parametrize("n", [BLOCK // 8, BLOCK // 4, BLOCK // 3, BLOCK // 2, BLOCK])
@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_block_boundaries(n, beside):
    n += beside
    rng = random.Random(n)
    check([rng.randrange(2**7) for _ in range(n)], 7, rng.sample(range(n), n))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.data())
def test_any_keys(bits, data):
    keys = data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=15))
    check(keys, bits, data.draw(st.permutations(range(len(keys)))))


# --- its parts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_indicators(width):
    async def protocol(session, digit):
        return await indicators(session, digit)

    values = list(range(2**width)) * 2
    ones = recombined(run_parties(protocol, bits_of(values, width)))
    assert ones.tolist() == [[int(value == a) for value in values] for a in range(2**width)]


@pytest.mark.parametrize("width", [1, 2, 3])
def test_stable_destinations(width):
    async def protocol(session, ones):
        return await stable_destinations(session, ones)

    rng = random.Random(width)
    for n in (1, 2, 7, 20):
        values = [rng.randrange(2**width) for _ in range(n)]
        ones = [[int(value == a) for value in values] for a in range(2**width)]
        order = sorted(range(n), key=lambda i, values=values: values[i])
        destinations = recombined(run_parties(protocol, ones)).tolist()
        assert [destinations.index(k) for k in range(n)] == order


# --- what is opened ---------------------------------------------------------------------------------------


async def opened(session, destination):
    return await open_permutation(session, destination)


@every_m
def test_a_permutation_is_opened(parties):
    assert recombined(run_parties(opened, [2, 0, 3, 1], parties=parties)).tolist() == [2, 0, 3, 1]


@every_m
@pytest.mark.parametrize(
    "destination", [[1], [-1], [0, 0], [1, 2], [0, 1, 1], [0, 1, 3], [0, 1, -1], [2**60, 1, 2], [0, 2, 2, 1]]
)
def test_anything_else_is_an_error(parties, destination):
    with pytest.raises(ProtocolError, match=f"the {len(destination)} shuffled destinations are not a permutation"):
        run_parties(opened, destination, parties=parties)


def test_a_key_that_is_not_made_of_bits_is_an_error():
    """What a meter can do until its bits are checked: the sort ends with an error and not with a wrong book."""
    with pytest.raises(ProtocolError):
        run_parties(sorter([0, 1, 2]), [[0, 1, 2], [1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 1, 1]], [1, 2, 3])


@pytest.mark.parametrize("keys", [[0, 0, 0], [5, 2, 7]])
def test_what_is_opened_is_uniform_whatever_the_keys(keys):
    """The two permutations that a sort of four bits opens are independent and uniform; nothing else is opened."""
    count = 200

    with listening() as openings:
        for _ in range(count):
            run_parties(sorter([0, 1, 2]), bits_of(keys, 4), [1, 2, 3])
    pairs = np.array(openings.words).reshape(count, 2, 3).astype(np.intp)
    first, second = ranks(pairs[:, 0]), ranks(pairs[:, 1])
    assert_uniform(first * 6 + second, 36)


@every_m
def test_the_cost_of_a_sort(parties):
    """Rounds and words depend on n, the bits of the key and the number of columns, and on nothing else."""
    traffic = set()
    for keys in ([0] * 6, [3, 1, 4, 1, 5, 9], [15] * 6):
        networks = memory_networks(parties)
        run_parties(sorter(list(range(6))), bits_of(keys, 4), [1] * 6, parties=parties, networks=networks)
        traffic.add(tuple(tuple(network.sent) for network in networks))
    assert len(traffic) == 1
