"""How long after the gate do meters have their results? The second part of `make load`.

python -m benchmarks.latency             ten minutes; writes `results/latency.json`, then the picture

The parties take the next round's orders at the same time, as they always do; so the last round of each market, after
which none comes, is left out. For 2,000 meters the picture has the rounds of `benchmarks.load`.
"""

from benchmarks import latency_picture
from benchmarks.load import in_words
from benchmarks.record import Record, say
from benchmarks.running_market import MarketCase, measure

NAME = "latency"
QUESTION = "How long after the gate do meters have their results, by the number of meters?"

CASES = tuple(
    MarketCase(meters, rounds, period)
    for meters, rounds, period in ((20, 4, 20), (100, 4, 20), (200, 3, 30), (500, 3, 45), (1_000, 3, 75))
)


def ask(case: MarketCase, record: Record) -> None:
    """A row for each round but the last."""
    name = f"{case.meters} meters"
    if any(row["meters"] == case.meters for row in record.rows):
        say(f"{NAME}: {name}: already measured")
        return
    for number, row in enumerate(measure(case)[:-1], start=1):
        say(in_words(row))
        record.measure(f"{name}, round {number}", lambda row=row: row)


def main() -> None:
    """Measure everything, write, draw."""
    record = Record(NAME, QUESTION, resume=True)
    for case in CASES:
        ask(case, record)
    record.finish()
    say(f"picture: {latency_picture.draw().name}")


if __name__ == "__main__":
    main()
