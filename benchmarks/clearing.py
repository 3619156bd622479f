"""How does a clearing scale with the number of participants, beside stock MPyC's sort of the prices?

python -m benchmarks.clearing            everything, then the picture
python -m benchmarks.clearing 1000       only up to this many orders; prints, writes nothing
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from benchmarks import picture, stock
from benchmarks.measure import Case, measure
from benchmarks.record import Record, headline, say
from mpc_market.rules.model import Rationing
from mpc_market.secure.clearing import Method

NAME, STOCK = "clearing", "stock"
QUESTION = "How does a clearing scale with the number of orders?"
STOCK_QUESTION = "How long does stock MPyC take to sort the prices (mpc.np_sort, SecInt(32)), and nothing else?"

THREE_PARTIES = {100: 9, 1_000: 9, 10_000: 5, 100_000: 3}
"""Repetitions by number of orders, for three parties: both rules, both methods."""

MORE_PARTIES = {5: {1_000: 5, 10_000: 3}, 7: {1_000: 3, 10_000: 1}}
"""For five and seven parties; what takes longest is measured once."""

MILLION = 1_000_000
"""Once for each method by lottery, and once pro rata."""

WITH_TLS = {3: {100: 5, 1_000: 5, 10_000: 3, 100_000: 1}, 5: {1_000: 3}, 7: {1_000: 1}}
"""Repetitions by parties and orders where the parties speak TLS with each other, as they do between hosts."""

STOCK_SORTS = ((3, 100, 5), (3, 300, 3), (3, 1_000, 3), (3, 2_000, 1), (3, 3_000, 1), (5, 100, 3))
"""Parties, prices and repetitions for stock MPyC: up to about a minute."""

STOCK_BITS = 32  # what SecInt() means; 16 bits take as long


def cases() -> Iterator[tuple[Case, int]]:
    """What is measured, and how often."""
    yield from _all_rules({3: THREE_PARTIES, **MORE_PARTIES})
    for method in Method:
        yield Case(3, MILLION, Rationing.LOTTERY, method), 1
    yield Case(3, MILLION, Rationing.PRO_RATA, Method.SELECT), 1
    for case, times in _all_rules(WITH_TLS):
        yield replace(case, tls=True), times
    yield Case(3, MILLION, Rationing.LOTTERY, Method.SELECT, tls=True), 1


def _all_rules(repetitions: Mapping[int, Mapping[int, int]]) -> Iterator[tuple[Case, int]]:
    for m, by_size in repetitions.items():
        for n, times in by_size.items():
            for rationing in Rationing:
                for method in Method:
                    yield Case(m, n, rationing, method), times


def main(*, resume: bool = False) -> None:
    """Measure everything; write `results/clearing.json`, `results/stock.json` and the picture."""
    sorting = Record(STOCK, STOCK_QUESTION, resume=resume)
    for m, n, times in STOCK_SORTS:
        sorting.measure(f"stock m={m} n={n}", partial(stock.measure, m, n, STOCK_BITS, times))
    sorting.finish()
    record = Record(NAME, QUESTION, resume=resume)
    for case, times in cases():
        record.measure(str(case), partial(measure, case, times))
    record.finish()
    say(f"picture: {picture.draw().name}")


def look(n_max: int) -> None:
    """A quick look: three parties, up to this many orders; nothing is written."""
    for case, times in cases():
        if case.m == 3 and case.n <= n_max:
            row = measure(case, times)
            say(f"{case}: {headline(row)}, {row['communication_rounds']} rounds, {max(row['bytes_sent']):,} bytes")


if __name__ == "__main__":
    look(int(sys.argv[1])) if len(sys.argv) > 1 else main()
