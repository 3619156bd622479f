"""Thousands of random books through the engine, and everything worth knowing about each run.

A `Job` names a book and how it is cleared, and makes it again; a `Report` says whether the outcome is that of the
plaintext rule, and what the run sent and opened. Two processes share the work.

    python -m tests.secure.campaign 20000        # ten times as many books as `make test` clears
"""

import multiprocessing
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from itertools import cycle, product

import numpy as np

from mpc_market.field.shamir import recombine, threshold
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Clearing, Market, Order, Rationing
from mpc_market.secure.clearing import Method
from tests.books import KINDS, random_book
from tests.secure.listening import listening
from tests.secure.uniformity import cells_of
from tests.simulation import run_in_memory

GRIDS = ((1, 1), (2, 3), (5, 4), (12, 16), (20, 24), (3, 12), (8, 20))
"""Price bits and quantity bits; in number prime to the sizes and the kinds, so that all combinations occur."""

SIZES = (*range(11), *range(15, 18), *range(24, 27), *range(35, 38), *range(48, 51), *range(63, 66), *range(99, 102))
"""Around square numbers, where the blocks of a cut change their shape."""

LARGE_SIZES = (134, 135, 1365, 1366, 1638, 1639, 2048, 2049, 2730, 2731, 4095, 4096, 4097, 8191, 8192, 8193)
"""Around BLOCK = 8192 and its parts: where 61 bits, 6, 5, 4, 3, 2 columns or 1 of n words fill a block."""

COUNTS = (
    # parties, books under the lottery rule, pro rata; for each method
    (3, 740, 150),
    (5, 85, 15),
    (7, 6, 2),
)
CELLS = 256
_SMALL = 2**21  # a uniform word is as small as a price once in 2^40 words


@dataclass(frozen=True)
class Job:
    """One book and how it is cleared."""

    parties: int
    market: Market
    method: Method
    size: int
    kind: str
    number: int

    def book(self) -> tuple[list[Order], bytes | None]:
        """The orders, and the seed; every fifth round agrees on a seed itself."""
        rng = random.Random(f"{self.number} {self.kind} {self.size}")
        orders = random_book(rng, self.market, self.size, self.kind)
        return orders, None if self.number % 5 == 0 else rng.randbytes(32)


@dataclass(frozen=True)
class Report:
    """What is known of one run.

    `problems`: what is wrong with it, nothing as a rule. `traffic`: a digest of (peer, label, words) of every message
    of every party. `opened`: for each opening "permutation", "price", or how many masked words; `masked` counts these
    words by their size, `remainders` by their value mod 257.
    """

    job: Job
    problems: tuple[str, ...]
    rounds: int
    traffic: bytes
    opened: tuple[str | int, ...]
    masked: np.ndarray
    remainders: np.ndarray


def plan(factor: float = 1) -> Iterator[Job]:
    """The books of a campaign: kinds, grids and sizes in all sorts of combinations."""
    number = 0
    for (parties, lotteries, pro_rata), method in product(COUNTS, Method):
        for rationing, count in ((Rationing.LOTTERY, lotteries), (Rationing.PRO_RATA, pro_rata)):
            grids, sizes, kinds = cycle(GRIDS), cycle(SIZES), cycle(KINDS)
            for _ in range(round(count * factor)):
                number += 1
                market = Market(*next(grids), rationing)
                yield Job(parties, market, method, next(sizes), next(kinds), number)
    for method, size in product(Method, LARGE_SIZES):
        number += 1
        rationing = Rationing.LOTTERY if size > 200 and size % 7 else Rationing.PRO_RATA
        yield Job(3, Market(3, 16, rationing), method, size, KINDS[number % len(KINDS)], number)


def run(job: Job) -> Report:
    """Clear one book and look at everything."""
    orders, seed = job.book()
    with listening() as openings:
        results, networks = run_in_memory(orders, job.market, seed, job.parties, job.method)
    problems = []
    accepted = recombine([result.accepted for result in results], threshold(job.parties))
    outcome = Clearing(results[0].price, tuple(map(int, accepted)))
    if outcome != clear(orders, job.market, results[0].seed):
        problems.append("differs from the plaintext rule")
    if len({(r.price, r.seed, r.communication_rounds) for r in results}) > 1 or seed not in (None, results[0].seed):
        problems.append("the parties differ in the price, the seed or the number of rounds")
    for network in networks:
        if len({(peer, label) for peer, label, _ in network.sent}) < len(network.sent):
            problems.append(f"party {network.party} has used a label twice")
    opened, masked = _openings(openings.words, job.size, outcome.price, problems)
    traffic = blake2b(repr([network.sent for network in networks]).encode()).digest()
    counts = np.bincount(cells_of(masked, CELLS), minlength=CELLS)
    remainders = np.bincount((masked % np.uint64(257)).astype(np.intp), minlength=257)
    rounds = results[0].communication_rounds
    return Report(job, tuple(problems), rounds, traffic, opened, counts, remainders)


def _openings(
    openings: Sequence[np.ndarray], n: int, price: int | None, problems: list[str]
) -> tuple[tuple[str | int, ...], np.ndarray]:
    """What each opening is; the last one of small numbers must be the price, the others permutations."""
    small = [k for k, words in enumerate(openings) if words.max(initial=0) < _SMALL]
    kinds: list[str | int] = [words.size for words in openings]
    for k in small[:-1]:
        kinds[k] = "permutation"
        if not np.array_equal(np.sort(openings[k]), np.arange(n)):
            problems.append(f"opening {k} is neither a permutation nor masked")
    if small:
        kinds[small[-1]] = "price"
        if openings[small[-1]].tolist() != [0 if price is None else price + 1]:
            problems.append("the last word that is opened is not the price")
    rest = [words.reshape(-1) for k, words in enumerate(openings) if k not in small]
    masked = np.concatenate([np.empty(0, np.uint64), *rest])
    if np.unique(masked).size < masked.size:
        problems.append("a masked word is opened twice")
    return tuple(kinds), masked


def main(books: int) -> int:
    """Clear about this many books; prints what is wrong."""
    standard = sum(1 for _ in plan())
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        reports = list(processes.map(run, plan(books / standard), chunksize=10))
    wrong = [report for report in reports if report.problems]
    for report in wrong:
        print(report.job, *report.problems, sep="\n    ")
    print(f"{len(reports)} books, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
