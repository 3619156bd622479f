"""Over 2,000 random books: the engine agrees with the plaintext rule, its traffic tells nothing, it opens what it may.

One run of the campaign serves all tests of this module (about a minute on two cores).
"""

from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pytest

from mpc_market.rules.model import Market, Rationing
from mpc_market.secure import clearing, divide, prices
from mpc_market.secure.clearing import Method
from mpc_market.secure.cut import block_shape
from mpc_market.secure.digits import DIGIT_BITS
from tests.books import KINDS
from tests.secure.campaign import CELLS, GRIDS, LARGE_SIZES, SIZES, Job, Report, plan, run
from tests.secure.uniformity import assert_counts_uniform


@pytest.fixture(scope="module")
def reports(processes) -> list[Report]:
    return list(processes.map(run, plan(), chunksize=10))


def test_secure_equals_plaintext(reports):
    """To the last lot, for every book; and no party has anything else to complain about."""
    assert [(report.job, report.problems) for report in reports if report.problems] == []


def test_how_many_books(reports):
    """The books of the issue are there: thousands, every m, rule, method, kind, grid and size."""
    jobs = [report.job for report in reports]
    assert len(jobs) >= 2_000
    by_parties = Counter(job.parties for job in jobs)
    assert by_parties[3] >= 1_800
    assert by_parties[5] >= 200
    assert by_parties[7] >= 16
    assert {(job.parties, job.method, job.market.rationing) for job in jobs} == {
        (parties, method, rationing) for parties in (3, 5, 7) for method in Method for rationing in Rationing
    }
    assert {job.size for job in jobs} == {*SIZES, *LARGE_SIZES}
    grids_and_kinds = {((job.market.price_bits, job.market.quantity_bits), job.kind) for job in jobs}
    assert grids_and_kinds >= set(product(GRIDS, KINDS))
    assert {(1, 1), (20, 24)} <= set(GRIDS)


def test_rounds_and_traffic_depend_on_public_numbers_only(reports):
    """(peer, label, words) of every message of every party is the same for all books of one size and setting."""
    runs = defaultdict(list)
    for report in reports:
        job = report.job
        seed_is_given = job.book()[1] is not None
        runs[job.parties, job.market, job.method, job.size, seed_is_given].append(report)
    assert sum(len(alike) > 1 for alike in runs.values()) > 100, "too few books of one size to compare"
    for alike in runs.values():
        assert len({(report.traffic, report.rounds, report.opened) for report in alike}) == 1, alike[0].job


def test_what_is_opened(reports):
    """Permutations, masked values and one word for the price: as many as the protocol says, and nothing else."""
    for report in reports:
        job, opened = report.job, report.opened
        if job.size == 0:
            assert opened == ()
            continue
        assert opened.count("price") == 1
        assert opened.count("permutation") == permutations(job)
        assert sum(words for words in opened if isinstance(words, int)) == masked_words(job)


def permutations(job: Job) -> int:
    """One for each digit of (side, price) but the first, whose sequence is public, and one for the payload."""
    return -(-(job.market.price_bits + 1) // DIGIT_BITS) if job.method is Method.SORT else 0


def masked_words(job: Job) -> int:
    """One word per comparison."""
    n, market = job.size, job.market
    # two cuts, or all digits but one each of two prices and a cut of sells and buys
    count = 2 * cut(n) if job.method is Method.SORT else 2 * digits(market) + cut(2 * n)
    # the parity of a + b, and whether something trades: one sign, or two
    count += 2 if job.method is Method.SORT else 3
    if market.rationing is Rationing.PRO_RATA:
        groups = 3 * cut(n) if job.method is Method.SORT else 0
        total_bits = (n * (2**market.quantity_bits - 1)).bit_length()
        quotients = 2 * divide.masks_needed(60 - market.quantity_bits, total_bits)
        count += groups + quotients + 2 * cut(n) + n
    return count


def cut(n: int) -> int:
    """Comparisons in one cut: at the ends of blocks, and inside one."""
    return sum(block_shape(n))


def digits(market: Market) -> int:
    """Values of the price's digits but one each; digits of at most three bits, of nearly equal width."""
    count = -(-market.price_bits // DIGIT_BITS)
    widths = [market.price_bits // count + (k < market.price_bits % count) for k in range(count)]
    return sum(2**width - 1 for width in widths)


def test_what_is_masked_is_uniform(reports):
    """Whatever the books: by size and modulo a prime, all together and for each kind of book."""
    assert_counts_uniform(np.sum([report.masked for report in reports], axis=0))
    assert_counts_uniform(np.sum([report.remainders for report in reports], axis=0))
    assert len(reports[0].masked) == CELLS
    for kind in KINDS:
        assert_counts_uniform(np.sum([report.masked for report in reports if report.job.kind == kind], axis=0))


def test_a_report_notices(monkeypatch):
    """Each of the facts above could have come out otherwise."""
    job = Job(3, Market(4, 4, Rationing.LOTTERY), Method.SORT, 9, "balanced", 1)
    assert run(job).problems == ()

    async def one_tick_too_high(session, ends, masks):
        price = await prices.open_price(session, ends, masks)
        return None if price is None else price + 1

    monkeypatch.setattr(clearing, "open_price", one_tick_too_high)
    problems = run(job).problems
    assert problems == ("differs from the plaintext rule", "the last word that is opened is not the price")
    monkeypatch.undo()

    async def opening_a_quantity(session, ends, masks):
        await session.open(ends.trades_if_positive[0])
        return await prices.open_price(session, ends, masks)

    monkeypatch.setattr(clearing, "open_price", opening_a_quantity)
    report = run(job)
    assert len(report.problems) == 1
    assert "neither a permutation nor masked" in report.problems[0]
    assert report.opened.count("permutation") == permutations(job) + 1
