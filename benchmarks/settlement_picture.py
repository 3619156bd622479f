"""The picture of settlement: seconds against users for one period, and the month, from `results/settlement.json`.

python -m benchmarks.settlement_picture
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import quoted
from benchmarks.drawing import (
    LOTTERY,
    MUTED,
    SECONDS,
    TALK,
    canvas,
    label,
    logarithmic,
    plain_frame,
    quoted_point,
    words_around,
)
from benchmarks.machine import in_words
from benchmarks.record import RESULTS, Row, load

USERS = {1_000: "1,000", 10_000: "10,000", 100_000: "100,000"}


def draw(results: Path = RESULTS) -> Path:
    """Draw the picture into `results/settlement.png` (1920 × 1080 pixels)."""
    figures = load("settlement", results)
    path = results / "settlement.png"
    with canvas(path, TALK, (0.075, 0.205, 0.885, 0.600)) as (figure, axes):
        _frame(axes)
        _draw_quoted(axes)
        _draw_ours(axes, periods(figures["rows"]))
        _words(figure, figures)
    return path


def periods(rows: Sequence[Row]) -> list[Row]:
    """The rows of one period, by number of users."""
    return sorted((row for row in rows if row.get("periods") == 1), key=lambda row: row["n"])


def month(rows: Sequence[Row]) -> Row:
    """The row of the month: the one with most periods."""
    return max((row for row in rows if "periods" in row), key=lambda row: row["periods"])


def _frame(axes: Axes) -> None:
    logarithmic(axes, USERS, {value: name for value, name in SECONDS.items() if 0.1 <= value <= 10})
    axes.set_xlim(700, 160_000)
    axes.set_ylim(0.009, 20)
    plain_frame(axes, "users in one period")


def _draw_quoted(axes: Axes) -> None:
    point = quoted.BILLING
    quoted_point(axes, point)
    words = f"{point.label}\n{point.source.partition(':')[0]}"
    label(axes, (point.n, point.seconds), words, (12, 0), ha="left", color=MUTED)


def _draw_ours(axes: Axes, rows: Sequence[Row]) -> None:
    points = [(row["n"], row["compute_seconds"]) for row in rows]
    axes.plot(*zip(*points, strict=True), color=LOTTERY, linewidth=2.6, marker="o", markersize=7)
    for users, seconds in points:
        text = f"{seconds:.2g} s"
        label(
            axes,
            (users, seconds),
            text,
            (0, -20),
            ha="center",
            color=LOTTERY,
            fontweight="bold",
            fontsize=13,
            linespacing=1.35,
        )


def _words(figure: Figure, figures: dict[str, Any]) -> None:
    row = month(figures["rows"])
    readings = row["n"] * row["periods"]
    story = (
        f"{readings:,} readings in {row['jobs']} jobs, then {row['n']:,} bills, by three parties on one machine. "
        "Below: one period"
    )
    notes = (
        "Time from the last share handed over to the last party's answer, all randomness included; compared with the "
        f"plaintext rule.\n{in_words(figures['machine'])}. Load before: {figures['load_before']:g}.\n"
        "The hollow point is quoted, not re-measured: another machine, and another rule, so not the same job "
        f"({quoted.BILLING.source})."
    )
    words_around(figure, headline(figures["rows"]), story, notes, top=0.950, foot=0.055)


def headline(rows: Sequence[Row]) -> str:
    """What the picture says, from the figures: the month."""
    row = month(rows)
    seconds = row["compute_seconds"]
    took = f"{seconds / 60:.1f} minutes" if seconds >= 100 else f"{seconds:.0f} seconds"
    return f"A month of {row['n']:,} users settled and billed in {took}"


if __name__ == "__main__":
    print(draw().name)
