"""The picture of the day: clearing price above, traded quantity below, the tariffs as lines. For a talk."""

import io
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from parties.demo import tariffs
from parties.demo.calendar import QUARTER_HOUR, local
from parties.demo.day import QuarterHour
from parties.demo.households import PLACE

INK, MUTED, FAINT, GRID = "#1d2733", "#66707c", "#f2f3f5", "#e3e6ea"
PRICE, BUYERS, BUYERS_TEXT = "#0b3c6f", "#d6e6f5", "#2563a3"
QUANTITY, SELLERS, SELLERS_TEXT = "#e2a72e", "#fcebc0", "#8a6410"

TARIFFS = (  # price in ticks, name, what it is to a household
    (tariffs.RETAIL, "retail price", "buyers pay it otherwise"),
    (tariffs.LOWEST_ASK, "feed-in + network fee", "sellers ask at least this"),
    (tariffs.FEED_IN, "feed-in", "sellers get it otherwise"),
)

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture everywhere
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}

QUARTER_HOURS = QUARTER_HOUR / timedelta(hours=1)
LABEL_WIDTH = 12  # quarter-hours that a label in an area needs
GAP_WIDTH = 8  # quarter-hours that the words in a gap need
LABEL_HEIGHT = 0.022  # EUR/kWh that its two lines need

Series = npt.NDArray[np.float64]


def draw_day(quarters: Sequence[QuarterHour], households: int, parties: int) -> bytes:
    """The day as a PNG of 1920 × 1080 pixels."""
    with mpl.rc_context():
        mpl.rcdefaults()  # not what the user's own settings say
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(12.8, 7.2), dpi=150, facecolor="white")
        FigureCanvasAgg(figure)
        above = figure.add_axes((0.062, 0.360, 0.738, 0.455))
        below = figure.add_axes((0.062, 0.105, 0.738, 0.195), sharex=above)
        _draw_gaps(above, quarters, "no trade")
        _draw_gaps(below, quarters, "")
        _draw_price(above, quarters)
        _draw_quantity(below, quarters)
        _draw_hours(above, below, quarters)
        _draw_words(figure, quarters, households, parties)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _edges(quarters: Sequence[QuarterHour]) -> Series:
    """The borders of the quarter-hours, in hours since local midnight as a stopwatch counts them."""
    return np.linspace(0, len(quarters) * QUARTER_HOURS, len(quarters) + 1)


def _draw_price(axes: Axes, quarters: Sequence[QuarterHour]) -> None:
    edges = _edges(quarters)
    price = np.array([np.nan if q.price is None else float(q.price * tariffs.TICK) for q in quarters])
    retail = float(tariffs.RETAIL * tariffs.TICK)
    lowest = float(tariffs.LOWEST_ASK * tariffs.TICK)

    axes.stairs(price, edges, baseline=np.where(np.isnan(price), np.nan, retail), fill=True, color=BUYERS)
    axes.stairs(price, edges, baseline=np.where(np.isnan(price), np.nan, lowest), fill=True, color=SELLERS)
    axes.stairs(price, edges, baseline=None, color=PRICE, linewidth=2.4)

    saving, gain = sum(q.buyers_saving for q in quarters), sum(q.sellers_gain for q in quarters)
    _label_area(axes, price, retail, f"buyers save\n€ {tariffs.euros_rounded(saving)}", BUYERS_TEXT)
    _label_area(axes, lowest, price, f"sellers gain\n€ {tariffs.euros_rounded(gain)}", SELLERS_TEXT)

    for ticks, name, meaning in TARIFFS:
        level = float(ticks * tariffs.TICK)
        axes.axhline(level, color=INK, linewidth=0.9, linestyle=(0, (6, 4)))
        _beside(axes, level, 7, f"{level:.2f}  {name}", fontsize=11.5)
        _beside(axes, level, -8, meaning, fontsize=10, color=MUTED)
    axes.set_ylim(0, 0.218)
    axes.set_yticks([0, 0.05, 0.10, 0.15, 0.20])
    _name(axes, "Clearing price, €/kWh", PRICE)


def _beside(axes: Axes, level: float, points: float, words: str, **look: Any) -> None:
    """Write to the right of the panel, this many points above a level."""
    axes.annotate(
        words,
        (1.012, level),
        xycoords=("axes fraction", "data"),
        xytext=(0, points),
        textcoords="offset points",
        va="center",
        **look,
    )


def _label_area(axes: Axes, low: Series | float, high: Series | float, words: str, colour: str) -> None:
    """Write into the area between two lines, where it stays highest for long; nowhere if it is thin."""
    height = np.nan_to_num(np.subtract(high, low), nan=0.0)
    windows = np.lib.stride_tricks.sliding_window_view(height, LABEL_WIDTH).min(axis=1)
    if windows.max() < LABEL_HEIGHT:
        return
    # Of places as good as the best, the middle one: it does not hug a corner.
    good = np.flatnonzero(windows >= windows.max() - 0.002)
    start = int(good[len(good) // 2])
    inside = slice(start, start + LABEL_WIDTH)
    bottom = np.max(np.broadcast_to(low, height.shape)[inside])
    top = np.min(np.broadcast_to(high, height.shape)[inside])
    axes.text(
        (start + LABEL_WIDTH / 2) * QUARTER_HOURS,
        (bottom + top) / 2,
        words,
        color=colour,
        ha="center",
        va="center",
        linespacing=1.35,
    )


def _draw_quantity(axes: Axes, quarters: Sequence[QuarterHour]) -> None:
    traded = np.array([float(q.traded * tariffs.LOT) for q in quarters])
    axes.stairs(traded, _edges(quarters), fill=True, color=QUANTITY)
    axes.set_ylim(0, max(1.0, 1.12 * traded.max()))
    axes.locator_params(axis="y", nbins=3)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    _name(axes, "Traded, kWh per quarter-hour", SELLERS_TEXT)


def _draw_gaps(axes: Axes, quarters: Sequence[QuarterHour], words: str) -> None:
    """Shade what had no trade; there is no price there, and none is drawn."""
    edges = _edges(quarters)
    for empty, run in groupby(range(len(quarters)), key=lambda index: quarters[index].price is None):
        if not empty:
            continue
        indices = list(run)
        start, end = float(edges[indices[0]]), float(edges[indices[-1] + 1])
        axes.axvspan(start, end, color=FAINT, linewidth=0, zorder=0)
        if len(indices) >= GAP_WIDTH:
            place = axes.get_xaxis_transform()  # x in hours, y from 0 (bottom) to 1 (top)
            axes.text((start + end) / 2, 0.5, words, transform=place, color=MUTED, ha="center", va="center")


def _draw_hours(above: Axes, below: Axes, quarters: Sequence[QuarterHour]) -> None:
    """Label every third hour of the clock on the wall, also on days when the clocks change."""
    places, names = [], []
    for place, quarter in zip(_edges(quarters), quarters, strict=False):
        moment = local(quarter.start)
        if moment.minute == 0 and moment.hour % 3 == 0:
            places.append(float(place))
            names.append(f"{moment:%H:%M}")
    below.set_xlim(0, float(_edges(quarters)[-1]))
    below.set_xticks([*places, float(_edges(quarters)[-1])], [*names, "24:00"])
    above.tick_params(axis="x", labelbottom=False)


def _draw_words(figure: Figure, quarters: Sequence[QuarterHour], households: int, parties: int) -> None:
    day = local(quarters[0].start)
    headline = _headline(sum(q.traded for q in quarters))
    story = (
        f"{day:%A} {day.day} {day:%B %Y}: {households:,} households, {len(quarters)} quarter-hours, "
        f"each cleared by {parties} parties that see only shares of the orders"
    )
    notes = (
        f"Synthetic households (BDEW profile H0) under a clear sky in {PLACE}. Hours are local time. "
        "Savings and gains: of the day, beside the cheapest supplier's tariff."
    )
    figure.text(0.022, 0.955, headline, fontsize=24, fontweight="bold", va="center")
    figure.text(0.022, 0.900, story, fontsize=13, color=MUTED, va="center")
    figure.text(0.022, 0.030, notes, fontsize=10, color=MUTED, va="center")


def _headline(traded: int) -> str:
    if traded == 0:
        return "No trade between neighbours"
    kwh = traded * tariffs.LOT
    return f"Neighbours trade {kwh:,.{0 if kwh >= 10 else 1}f} kWh of sunshine"


def _name(axes: Axes, words: str, colour: str) -> None:
    """Say what a panel shows, in the colour that shows it, and take away what shows nothing."""
    axes.set_title(words, loc="left", fontsize=12, color=colour, fontweight="bold", pad=10)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=7)
    axes.tick_params(axis="x", length=4)
