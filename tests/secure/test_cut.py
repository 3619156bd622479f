"""Where a running total crosses a budget: against plain Python, at every place and for sizes around square numbers."""

import random
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.secure.compare import sign_ranges
from mpc_market.secure.cut import Query, block_shape, find_cuts, masks_needed
from mpc_market.secure.randombits import random_masks
from tests.secure.runner import recombined, run_parties

SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15, 16, 17, 24, 25, 26, 99, 100, 101]

every_m = pytest.mark.parametrize("parties", [3, 5, 7])


async def cut(session, prefix, thresholds, column):
    """One query per threshold over the same prefix sums, all in the same rounds; what the market makes of a cut."""
    count, n = thresholds.size, prefix.size
    masks = await random_masks(session, count * masks_needed(n), sign_ranges(61))
    before = session.rounds
    queries = [Query(prefix, thresholds[k : k + 1], [column]) for k in range(count)]
    cuts = await find_cuts(session, queries, masks)
    assert session.rounds - before <= 15
    results = []
    for found in cuts:
        plain, part = found.indicator()
        inside, reshared = await session.reshare(found.items * found.selected[0], part)
        (spread,) = await session.reshare(found.spread(column, inside))
        results.append([plain + reshared, spread, found.block, found.item, found.selected[0], found.before])
    return results


def check(prefix: list[int], thresholds: list[int], column: list[int], parties: int = 3) -> None:
    n = len(prefix)
    blocks, length = block_shape(n)
    results = recombined(run_parties(cut, prefix, thresholds, column, parties=parties))
    for budget, (below, spread, block, item, selected, before) in zip(thresholds, results, strict=True):
        expected = [int(total <= budget) for total in prefix]
        assert below.tolist() == expected
        assert spread.tolist() == [c if u else 0 for c, u in zip(column, expected, strict=True)]
        place = expected.index(0) if 0 in expected else None
        if place is None:
            assert not block.any()
            assert not selected.any()
            continue
        assert block.tolist() == [int(k == place // length) for k in range(blocks)]
        assert item.tolist() == [int(k == place % length) for k in range(length)]
        start = place // length * length
        part = column[start : start + length]
        assert selected.tolist() == part + [0] * (length - len(part))
        assert before.tolist() == [prefix[start - 1] if start else 0]


@pytest.mark.parametrize("n", SIZES)
def test_every_place(n):
    """The cut before, at, between and after all elements."""
    rng = random.Random(n)
    prefix = [3 * (k + 1) for k in range(n)]
    places = range(n) if n < 30 else [0, 1, 9, 10, 11, n // 2, n - 11, n - 10, n - 2, n - 1]
    thresholds = [0, 1, *(3 * (k + 1) + d for k in places for d in (-1, 0, 1))]
    check(prefix, sorted(set(thresholds)), [rng.randrange(1000) for _ in range(n)])


@pytest.mark.parametrize("n", SIZES)
def test_stretches_of_equal_totals(n):
    rng = random.Random(n)
    steps = [rng.choice((0, 0, 0, 1, 5)) for _ in range(n)]
    prefix = list(accumulate(steps))
    check(prefix, sorted({-1, 0, 1, prefix[-1] // 2, prefix[-1] - 1, prefix[-1], prefix[-1] + 1}), steps)


@every_m
@pytest.mark.parametrize("n", [1, 2, 4, 5, 10])
def test_every_m(parties, n):
    prefix = list(accumulate(range(1, n + 1)))
    check(prefix, [-1, 0, prefix[n // 2], prefix[-1]], list(range(10, 10 + n)), parties)


def test_differences_up_to_the_largest_that_the_rule_allows():
    top = 2**60 - 1
    prefix = [0, 1, 2**59, top - 1, top]
    check(prefix, [0, 1, 2, 2**59 - 1, 2**59, top - 1, top], [7, 8, 9, 10, 11])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2**40) | st.integers(0, 3), min_size=1, max_size=20), st.data())
def test_any_cut(steps, data):
    prefix = list(accumulate(steps))
    near = st.sampled_from(prefix).flatmap(lambda x: st.integers(x - 1, x + 1))
    thresholds = data.draw(st.lists(near | st.integers(-1, 2**45), min_size=1, max_size=3))
    check(prefix, thresholds, steps)


def test_queries_of_several_lengths_share_their_rounds():
    async def protocol(session, long, short, budget):
        masks = await random_masks(session, masks_needed(long.size) + masks_needed(short.size), sign_ranges(61))
        before = session.rounds
        cuts = await find_cuts(session, [Query(long, budget), Query(short, budget)], masks)
        assert session.rounds - before <= 15
        indicators = [found.indicator() for found in cuts]
        reshared = await session.reshare(*(part for _, part in indicators))
        return [plain + part for (plain, _), part in zip(indicators, reshared, strict=True)]

    long, short = recombined(run_parties(protocol, range(20), range(0, 9, 3), [7]))
    assert long.tolist() == [1] * 8 + [0] * 12
    assert short.tolist() == [1, 1, 1]


def test_blocks_cover_the_vector_and_are_about_its_root():
    for n in (*range(1, 1000), 9_999, 10_000, 10_001, 10**6):
        blocks, length = block_shape(n)
        assert (blocks - 1) * length < n <= blocks * length
        assert max(blocks, length) <= np.sqrt(n) + 1
        assert masks_needed(n) == blocks + length
