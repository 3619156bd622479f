"""Do three parties on one machine serve 2,000 meters, period after period? What `make load` runs first.

python -m benchmarks.load                    five periods of two minutes; writes `results/load.json`
python -m benchmarks.load 200 3 30           a quick look: meters, rounds, seconds; prints, writes nothing
"""

import sys
from collections.abc import Sequence

from benchmarks.record import Record, Row, say
from benchmarks.running_market import MarketCase, measure

NAME = "load"
QUESTION = "Are 2,000 meters' orders taken in, validated, cleared and delivered in two minutes, five times in a row?"

CASE = MarketCase(meters=2_000, rounds=5, period=120)


def ask(case: MarketCase, record: Record) -> None:
    """One row for each round."""
    for number, row in enumerate(measure(case), start=1):
        _add(record, f"round {number}", row)


def _add(record: Record, name: str, row: Row) -> None:
    record.measure(name, lambda: row)


def in_words(row: Row) -> str:
    """What a row says."""
    return (
        f"{row['meters']} meters: {row['verified']} verified; orders in {row['intake_seconds']:.1f} s, "
        f"receipts p99 {row['receipt_seconds']['p99']:.2f} s, outcome {row['outcome_seconds']:.1f} s after the gate, "
        f"last result {row['results_seconds']['max']:.1f} s"
    )


def all_served(rows: Sequence[Row]) -> bool:
    """Whether in every round every meter's order was accepted by all parties, and its result verified in the period."""
    return all(
        row["meters"] == row["accepted"] == row["verified"] and row["results_seconds"]["max"] <= row["period_seconds"]
        for row in rows
    )


def main() -> int:
    """Measure and write, or look; the exit status: 1 if not all meters were served."""
    if len(sys.argv) > 1:
        rows = measure(MarketCase(*map(int, sys.argv[1:])))
        for row in rows:
            say(in_words(row))
        return 0 if all_served(rows) else 1
    record = Record(NAME, QUESTION)
    ask(CASE, record)
    for row in record.rows:
        say(in_words(row))
    record.finish()
    served = all_served(record.rows)
    say("all meters were served in every period" if served else "NOT all meters were served in every period")
    return 0 if served else 1


if __name__ == "__main__":
    sys.exit(main())
