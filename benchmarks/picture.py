"""The picture of latency against participants, from `results/clearing.json` and `results/stock.json`. For a talk.

python -m benchmarks.picture
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
    PRO_RATA,
    QUOTED_LOOK,
    SECONDS,
    STOCK,
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

ORDERS = {100: "100", 1_000: "1,000", 10_000: "10,000", 100_000: "100,000", 1_000_000: "1,000,000"}

Points = Sequence[tuple[int, float]]


def draw(results: Path = RESULTS) -> Path:
    """Draw the picture into `results/clearing.png` (1920 × 1080 pixels)."""
    clearing, stock = load("clearing", results), load("stock", results)
    path = results / "clearing.png"
    with canvas(path, TALK, (0.065, 0.150, 0.745, 0.670)) as (figure, axes):
        _frame(axes)
        _draw_quoted(axes)
        _draw_stock(axes, curve(stock["rows"], m=3))
        _draw_ours(axes, clearing["rows"])
        _words(figure, clearing, stock["rows"])
    return path


def curve(rows: Sequence[Row], *, tls: bool = False, **settings: object) -> list[tuple[int, float]]:
    """Seconds of computing against n of the rows with these settings."""
    rows = [row for row in rows if row.get("tls", False) is tls]
    chosen = [row for row in rows if all(row.get(key) == value for key, value in settings.items())]
    return sorted((row["n"], row["compute_seconds"]) for row in chosen)


def _frame(axes: Axes) -> None:
    logarithmic(axes, ORDERS, SECONDS)
    axes.set_xlim(75, 1_350_000)
    axes.set_ylim(0.01, 560)
    plain_frame(axes, "orders in the market")


def _label(axes: Axes, place: tuple[float, float], words: str, offset: tuple[int, int], **look: Any) -> None:
    label(axes, place, words, offset, zorder=1, **look)  # below the curves


def _draw_ours(axes: Axes, rows: Sequence[Row]) -> None:
    for rationing, colour in (("lottery", LOTTERY), ("pro-rata", PRO_RATA)):
        for method, dashes in (("sort", "-"), ("select", (0, (4, 2)))):
            points = curve(rows, m=3, rationing=rationing, method=method)
            axes.plot(
                *zip(*points, strict=True), color=colour, linestyle=dashes, linewidth=2.4, marker="o", markersize=5
            )
    bold: Any = {"fontweight": "bold", "fontsize": 11.5}
    for method in ("sort", "select"):
        last = curve(rows, m=3, rationing="lottery", method=method)[-1]
        _label(axes, last, f"lottery, {method}", (13, 0), color=LOTTERY, **bold)
    n, seconds = curve(rows, m=3, rationing="pro-rata", method="sort")[-2:][0]
    words = "pro rata, sort and (dashed) select"
    _label(axes, (n, seconds), words, (-8, 15), ha="right", color=PRO_RATA, **bold)


def _draw_stock(axes: Axes, points: Points) -> None:
    axes.plot(*zip(*points, strict=True), color=STOCK, linewidth=2.4, marker="o", markersize=5)
    n, seconds = points[len(points) // 2]
    _label(
        axes, (n, seconds), "stock MPyC, measured here:\nits sort alone, no market", (-14, 8), ha="right", color=STOCK
    )


def _draw_quoted(axes: Axes) -> None:
    for points in (quoted.MP_SPDZ_SORT, quoted.MP_SPDZ_BISECTION):
        axes.plot(*zip(*points, strict=True), linewidth=1.2, linestyle=(0, (1, 2)), marker="o", **QUOTED_LOOK)
    n, seconds = quoted.MP_SPDZ_BISECTION[1]
    _label(
        axes, (n, seconds), "MP-SPDZ: with its own sort,\nbelow it by bisection of the price", (12, -20), color=MUTED
    )
    for point in quoted.PUBLISHED:
        quoted_point(axes, point)
        words = f"{point.label}\n{point.source.partition(':')[0]}"
        left = point.bound
        side: Any = {"ha": "right" if left else "left", "color": MUTED}
        _label(axes, (point.n, point.seconds), words, (-12 if left else 12, 0), **side)


def _words(figure: Figure, clearing: dict[str, Any], stock: Sequence[Row]) -> None:
    story = f"Three parties on one machine, 12-bit prices{beside_stock(clearing['rows'], stock)}"
    notes = (
        "Time from the last share handed over to the checked result. "
        "Hollow points are quoted, not re-measured: other machines, other code.\n"
        f"Measured on {in_words(clearing['machine'])}."
    )
    words_around(figure, headline(clearing["rows"]), story, notes)


def headline(rows: Sequence[Row]) -> str:
    """What the picture says, from the figures: the largest book, by the faster method."""
    lottery = curve(rows, m=3, rationing="lottery")
    n_max = max(n for n, _ in lottery)
    fastest = min(seconds for n, seconds in lottery if n == n_max)
    size = "A million" if n_max == 1_000_000 else f"{n_max:,}"
    return f"{size} secret orders cleared in {fastest:.2g} s"


def beside_stock(rows: Sequence[Row], stock: Sequence[Row]) -> str:
    """How many times as fast as stock MPyC's sort alone, at the largest book that both have; rounded down."""
    ours = dict(curve(rows, m=3, rationing="lottery", method="sort"))
    theirs = dict(curve(stock, m=3))
    if not ours.keys() & theirs.keys():
        return ""
    n = max(ours.keys() & theirs.keys())
    factor = int(theirs[n] / ours[n])
    size = 10 ** max(0, len(str(factor)) - 1)
    return f"; {n:,} of them over {factor // size * size:,} times as fast as stock MPyC sorts their prices"


if __name__ == "__main__":
    print(draw().name)
