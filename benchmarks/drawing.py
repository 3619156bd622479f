"""What all pictures of the benchmarks have in common: the look, the canvas, words on it. No figures."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.quoted import Point

INK, MUTED, GRID = "#1d2733", "#66707c", "#e9ebee"
LOTTERY, PRO_RATA, STOCK, QUOTED = "#0b3c6f", "#2e86c1", "#c0392b", "#8a929c"

SECONDS = {0.01: "10 ms", 0.1: "0.1 s", 1: "1 s", 10: "10 s", 60: "1 min", 300: "5 min"}

TALK = (12.8, 7.2)
"""Inches: 1920 × 1080 pixels."""

_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture everywhere
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def canvas(
    path: Path, size: tuple[float, float], place: tuple[float, float, float, float]
) -> Iterator[tuple[Figure, Axes]]:
    """A figure of `size` inches with axes at `place` in it, written to `path` at the end."""
    with mpl.rc_context():
        mpl.rcdefaults()  # not what the user's own settings say
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=size, dpi=150, facecolor="white")
        FigureCanvasAgg(figure)
        yield figure, figure.add_axes(place)
        figure.savefig(path, format="png")


def plain_frame(axes: Axes, across: str) -> None:
    """No frame but the line below, a light grid for the heights, and what the axis along it says."""
    axes.grid(axis="y", color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, pad=8)
    axes.set_xlabel(across, color=MUTED, labelpad=6)


def logarithmic(axes: Axes, across: dict[int, str], seconds: dict[float, str]) -> None:
    """Both axes, with these ticks and no others."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(list(across), list(across.values()))
    axes.set_yticks(list(seconds), list(seconds.values()))
    axes.minorticks_off()


def label(axes: Axes, place: tuple[float, float], words: str, offset: tuple[int, int], **look: Any) -> None:
    """Words beside a point, `offset` points away from it."""
    look = {"va": "center", "fontsize": 10.5, "linespacing": 1.3, **look}
    look["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # the grid does not run through words
    axes.annotate(words, place, xytext=offset, textcoords="offset points", annotation_clip=False, **look)


QUOTED_LOOK: Any = {"color": QUOTED, "markersize": 7, "markerfacecolor": "white", "markeredgewidth": 1.5}
"""Hollow: a figure of others, not re-measured."""


def quoted_point(axes: Axes, point: Point) -> None:
    """A figure of others; it points down where it was "in less than"."""
    axes.plot(point.n, point.seconds, marker="v" if point.bound else "o", **QUOTED_LOOK)


def words_around(
    figure: Figure, headline: str, story: str, notes: str, top: float = 0.948, foot: float = 0.034
) -> None:
    """What the picture says, above it; how that was found, below. `top`, `foot`: heights of the first and the last."""
    figure.text(0.022, top, headline, fontsize=24, fontweight="bold", va="center")
    figure.text(0.022, 0.890, story, fontsize=13, color=MUTED, va="center")
    figure.text(0.022, foot, notes, fontsize=10, color=MUTED, va="center", linespacing=1.5)
