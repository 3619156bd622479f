"""The picture of gate-to-results latency against meters, from `results/latency.json` and `results/load.json`.

python -m benchmarks.latency_picture
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.drawing import LOTTERY, MUTED, PRO_RATA, TALK, canvas, plain_frame, words_around
from benchmarks.machine import in_words
from benchmarks.record import RESULTS, Row, load

LAST, HALF, OUTCOME = PRO_RATA, LOTTERY, MUTED

Figures = Sequence[tuple[int, float]]
CURVES: dict[str, tuple[str, Callable[[Row], float]]] = {
    "the last meter has verified its result": (LAST, lambda row: row["results_seconds"]["max"]),
    "half of the meters have": (HALF, lambda row: row["results_seconds"]["p50"]),
    "all parties have signed the outcome": (OUTCOME, lambda row: row["outcome_seconds"]),
}


def draw(results: Path = RESULTS) -> Path:
    """Draw the picture into `results/latency.png` (1920 × 1080 pixels)."""
    latency = load("latency", results)
    rows = all_rows(results)
    path = results / "latency.png"
    with canvas(path, TALK, (0.065, 0.150, 0.640, 0.670)) as (figure, axes):
        _frame(axes, rows)
        for words, (colour, value) in CURVES.items():
            points = curve(rows, value)
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=2.4, marker="o", markersize=5)
            look: Any = {"color": colour, "fontweight": "bold", "fontsize": 11.5, "va": "center"}
            axes.annotate(words, points[-1], xytext=(13, 0), textcoords="offset points", annotation_clip=False, **look)
        axes.set_ylim(0, None)  # after the curves: it ends the scaling to them
        _words(figure, latency, rows)
    return path


def all_rows(results: Path = RESULTS) -> list[Row]:
    """The rounds of both questions in which the next round's orders came in meanwhile."""
    rows: list[Row] = load("latency", results)["rows"]
    try:
        return rows + load("load", results)["rows"][:-1]
    except FileNotFoundError:
        return rows


def curve(rows: Sequence[Row], value: Callable[[Row], float]) -> list[tuple[int, float]]:
    """The median of a figure over the rounds, by the number of meters."""
    return [
        (meters, statistics.median(value(row) for row in rows if row["meters"] == meters))
        for meters in sorted({row["meters"] for row in rows})
    ]


def headline(rows: Sequence[Row]) -> str:
    """What the picture says, from the figures."""
    meters, seconds = curve(rows, lambda row: row["results_seconds"]["max"])[-1]
    return f"{meters:,} meters have verified their results {seconds:.2g} s after the gate"


def _frame(axes: Axes, rows: Sequence[Row]) -> None:
    most = max(row["meters"] for row in rows)
    axes.set_xlim(0, most * 1.02)
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g} s"))
    plain_frame(axes, "meters in the market")


def _words(figure: Figure, latency: dict[str, Any], rows: Sequence[Row]) -> None:
    story = "From the gate to the results: three compute parties and all meters on one machine"
    notes = (
        "Services with TLS and durable storage; the next round's orders come in at the same time. Meters are run by "
        "two representatives,\neach meter with a store of its own on the same disk. "
        f"Measured on {in_words(latency['machine'])}."
    )
    words_around(figure, headline(rows), story, notes)


if __name__ == "__main__":
    print(draw().name)
