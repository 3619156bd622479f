"""Shuffles: undone they change nothing, their composition is uniform, and no t parties know it."""

from functools import reduce
from itertools import combinations

import numpy as np
import pytest

from mpc_market.field.mersenne import BLOCK
from mpc_market.field.shamir import threshold
from mpc_market.network import memory_networks
from mpc_market.secure.keys import holder_sets
from mpc_market.secure.session import Session
from mpc_market.secure.shares import concatenate
from mpc_market.secure.shuffle import Shuffle, inverse
from tests.secure.runner import dealt_keys, recombined, run_parties
from tests.secure.uniformity import assert_uniform, ranks

every_m = pytest.mark.parametrize("parties", [3, 5, 7])
SHAPES = [(1, 1), (2, 3), (7, 1), (100, 4), (BLOCK // 4, 4), (BLOCK // 4 + 1, 4), (BLOCK + 1, 1)]


def table(rows: int, width: int) -> np.ndarray:
    """Rows that are all different."""
    return np.arange(rows * width, dtype=np.uint64).reshape(rows, width) * np.uint64(1_000_003)


def sequence_of(shuffled: np.ndarray, original: np.ndarray) -> list[int]:
    """Which row of the original each shuffled row is; fails if a row is torn, lost or doubled."""
    place = {tuple(row): i for i, row in enumerate(original.tolist())}
    sequence = [place[tuple(row)] for row in shuffled.tolist()]
    assert sorted(sequence) == list(range(len(original)))
    return sequence


@every_m
@pytest.mark.parametrize("shape", SHAPES)
def test_shuffled_and_restored(parties, shape):
    async def protocol(session, x):
        shuffle = Shuffle(session, len(x), "name")
        shuffled = await shuffle.shuffle(session, x)
        return shuffled, await shuffle.restore(session, shuffled)

    original = table(*shape)
    shuffled, restored = recombined(run_parties(protocol, original, parties=parties))
    assert np.array_equal(restored, original)
    sequence = sequence_of(shuffled, original)
    if len(original) >= 100:
        assert sum(i == k for i, k in enumerate(sequence)) < 20, "next to nothing has moved"


@every_m
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (100, 4), (BLOCK // 4 + 1, 2)])
def test_restore_and_shuffle_in_one(parties, shape):
    """The same as one after the other, and the new columns travel with the old."""

    async def protocol(session, x, y):
        first, second = Shuffle(session, len(x), "first"), Shuffle(session, len(x), "second")
        shuffled = await first.shuffle(session, x)
        before = session.rounds
        merged = await first.restore_and_shuffle(session, shuffled, y, second)
        assert session.rounds - before == 2 * len(holder_sets(parties)) - 1
        return (
            merged,
            await second.shuffle(session, x),
            await second.shuffle(session, y),
            await second.restore(session, merged),
        )

    x, y = table(*shape), table(shape[0], 2) + np.uint64(7)
    merged, old, new, restored = recombined(run_parties(protocol, x, y, parties=parties))
    assert np.array_equal(merged, np.concatenate([old, new], axis=1))
    assert np.array_equal(restored, np.concatenate([x, y], axis=1))


@every_m
def test_another_shuffle_is_another_permutation(parties):
    """By name, by branch and by attempt."""

    async def protocol(session, x):
        shuffled = [await Shuffle(session, len(x), name).shuffle(session, x) for name in ("one", "two")]
        return [*shuffled, await Shuffle(session.branch(), len(x), "one").shuffle(session, x)]

    original = table(30, 1)
    results = [recombined(run_parties(protocol, original, parties=parties)) for _ in range(2)]
    sequences = {tuple(sequence_of(shuffled, original)) for result in results for shuffled in result}
    assert len(sequences) == 6


def part(session: Session, n: int, name: str) -> dict[tuple[int, ...], np.ndarray]:
    """The permutations of a shuffle that one party knows, by holders."""
    shuffle = Shuffle(session, n, name)
    known = {holders: shuffle.forward(holders) for holders in holder_sets(session.parties)}
    return {holders: index for holders, index in known.items() if index is not None}


def parts(parties: int, n: int, names: range) -> list[list[dict[tuple[int, ...], np.ndarray]]]:
    """What each party knows of shuffles by these names."""
    ends = zip(memory_networks(parties), dealt_keys(parties), strict=True)
    return [[part(session, n, str(name)) for name in names] for session in (Session(*end) for end in ends)]


@every_m
def test_the_composition_is_uniform(parties):
    """Of all passes together, and of any single one whose holders are no coalition's members."""
    count, n = {3: 1500, 5: 600, 7: 240}[parties], 4
    known = parts(parties, n, range(count))
    by_holders = {
        holders: np.array([known[holders[0]][name][holders] for name in range(count)])
        for holders in holder_sets(parties)
    }
    for permutations in by_holders.values():
        assert_uniform(ranks(permutations), 24)
    # y = x[index], pass after pass
    composed = [reduce(lambda a, b: a[b], (by_holders[g][k] for g in holder_sets(parties))) for k in range(count)]
    assert_uniform(ranks(np.array(composed)), 24)


def test_what_is_shuffled_comes_out_uniformly():
    """The composition as it acts on shares, over fresh names; m = 3."""
    count, n = 600, 3

    async def protocol(session, x):
        shuffled = [await Shuffle(session, n, str(name)).shuffle(session, x) for name in range(count)]
        return concatenate(shuffled)

    original = table(n, 1)
    shuffled = recombined(run_parties(protocol, original)).reshape(count, n, 1)
    assert_uniform(ranks(np.array([sequence_of(one, original) for one in shuffled])), 6)


@every_m
def test_every_t_parties_leave_out_a_set_of_holders(parties):
    """Its permutation alone hides the composition; nobody but the holders knows it."""
    t = threshold(parties)
    assert all(len(holders) == t + 1 for holders in holder_sets(parties))
    for curious in combinations(range(parties), t):
        assert any(not set(curious) & set(holders) for holders in holder_sets(parties))
    known = [shuffles[0] for shuffles in parts(parties, 20, range(1))]
    for party in range(parties):
        assert set(known[party]) == {holders for holders in holder_sets(parties) if party in holders}
    for holders in holder_sets(parties):
        assert len({tuple(known[party][holders]) for party in holders}) == 1
    everything = {tuple(index) for one in known for index in one.values()}
    assert len(everything) == len(holder_sets(parties)), "two sets of holders have the same permutation"


@every_m
def test_the_cost_of_a_shuffle(parties):
    """C(m, t) rounds there, and as many back; every holder sends to the other holders only."""
    networks, t = memory_networks(parties), threshold(parties)

    async def protocol(session, x):
        shuffle = Shuffle(session, len(x), "name")
        shuffled = await shuffle.shuffle(session, x)
        there = session.rounds
        await shuffle.restore(session, shuffled)
        return there, session.rounds

    assert recombined(run_parties(protocol, table(10, 3), parties=parties, networks=networks)) == [
        len(holder_sets(parties)),
        2 * len(holder_sets(parties)),
    ]
    sent = [words for network in networks for _, _, words in network.sent]
    assert sent == [30] * (2 * len(holder_sets(parties)) * (t + 1) * t)


def test_inverse():
    permutation = np.random.default_rng(1).permutation(50)
    assert inverse(permutation)[permutation].tolist() == list(range(50))
    assert permutation[inverse(permutation)].tolist() == list(range(50))
    assert inverse(permutation[:0].astype(np.intp)).size == 0
