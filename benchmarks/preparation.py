"""What does preparing before the gate save, and what does it cost? Seconds, CPU seconds and bytes, nothing hidden.

python -m benchmarks.preparation
"""

from collections.abc import Iterator
from functools import partial

from benchmarks.measure import Case, measure
from benchmarks.record import Record
from mpc_market.rules.model import Rationing
from mpc_market.secure.clearing import Method

NAME = "preparation"
QUESTION = "From gate to price with and without preparation: what is saved after the gate, and spent before it?"

REPETITIONS = {1_000: 7, 10_000: 5, 100_000: 3}


def cases() -> Iterator[tuple[Case, int]]:
    """Each case without preparation, then with it; the largest book by lottery only."""
    for n, times in REPETITIONS.items():
        for rationing in Rationing if n < max(REPETITIONS) else (Rationing.LOTTERY,):
            for method in Method:
                for prepared in (False, True):
                    yield Case(3, n, rationing, method, prepared), times


def main(*, resume: bool = False) -> None:
    """Measure everything and write `results/preparation.json`."""
    record = Record(NAME, QUESTION, resume=resume)
    for case, times in cases():
        record.measure(str(case), partial(measure, case, times))
    record.finish()


if __name__ == "__main__":
    main()
