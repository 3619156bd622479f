"""The picture of settlement: seconds against users for one period, and the month, from `results/settlement.json`.

python -m benchmarks.settlement_picture
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks import quoted
from benchmarks.machine import in_words
from benchmarks.picture import GRID, LOTTERY, MUTED, SECONDS, STYLE
from benchmarks.record import RESULTS, Row, load

USERS = {1_000: "1,000", 10_000: "10,000", 100_000: "100,000"}


def draw(results: Path = RESULTS) -> Path:
    """Draw the picture into `results/settlement.png` (1920 × 1080 pixels)."""
    figures = load("settlement", results)
    with mpl.rc_context():
        mpl.rcdefaults()  # not what the user's own settings say
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(12.8, 7.2), dpi=150, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.075, 0.205, 0.885, 0.600))
        _frame(axes)
        _draw_ours(axes, periods(figures["rows"]))
        _words(figure, figures)
        path = results / "settlement.png"
        figure.savefig(path, format="png")
    return path


def periods(rows: Sequence[Row]) -> list[Row]:
    """The rows of one period, by number of users."""
    return sorted((row for row in rows if row.get("periods") == 1), key=lambda row: row["n"])


def month(rows: Sequence[Row]) -> Row:
    """The row of the month: the one with most periods."""
    return max((row for row in rows if "periods" in row), key=lambda row: row["periods"])


def _frame(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(700, 160_000)
    axes.set_ylim(0.02, 5)
    axes.set_xticks(list(USERS), list(USERS.values()))
    ticks = {value: name for value, name in SECONDS.items() if 0.1 <= value <= 1}
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.grid(axis="y", color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, pad=8)
    axes.set_xlabel("users in one period", color=MUTED, labelpad=6)


def _draw_ours(axes: Axes, rows: Sequence[Row]) -> None:
    points = [(row["n"], row["compute_seconds"]) for row in rows]
    axes.plot(*zip(*points, strict=True), color=LOTTERY, linewidth=2.6, marker="o", markersize=7)
    for users, seconds in points:
        text = f"{seconds:.2g} s"
        _label(axes, (users, seconds), text, (0, -20), ha="center", color=LOTTERY, fontweight="bold", fontsize=13)


def _label(axes: Axes, place: tuple[float, float], words: str, offset: tuple[int, int], **look: Any) -> None:
    look = {"va": "center", "fontsize": 11, "linespacing": 1.35, **look}
    look["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # the grid does not run through words
    axes.annotate(words, place, xytext=offset, textcoords="offset points", annotation_clip=False, **look)


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
        f"Quoted, and not drawn since it is not the same job: {quoted.BILLING.label} ({quoted.BILLING.source})."
    )
    figure.text(0.022, 0.950, headline(figures["rows"]), fontsize=24, fontweight="bold", va="center")
    figure.text(0.022, 0.890, story, fontsize=13, color=MUTED, va="center")
    figure.text(0.022, 0.055, notes, fontsize=10, color=MUTED, va="center", linespacing=1.5)


def headline(rows: Sequence[Row]) -> str:
    """What the picture says, from the figures: the month."""
    row = month(rows)
    seconds = row["compute_seconds"]
    took = f"{seconds / 60:.1f} minutes" if seconds >= 100 else f"{seconds:.0f} seconds"
    return f"A month of {row['n']:,} users settled and billed in {took}"


if __name__ == "__main__":
    print(draw().name)
