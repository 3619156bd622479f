"""The picture of the settlement: what every household gains, and where it comes from. For a talk."""

import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from parties.demo import tariffs
from parties.demo.community import Community, Share
from parties.demo.picture import BUYERS_TEXT, GRID, INK, MUTED, QUANTITY, SELLERS_TEXT, STYLE
from parties.demo.settlement import Day

SELLER, BUYER, OTHERS = QUANTITY, "#6ba3d6", "#a9b1ba"
INCHES, PANEL = 12.8, (0.066, 0.125, 0.490, 0.640)
UNDER: Any = {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 2}}  # the grid does not run through words
CENTS_MAX = 10_000
FEW = 200  # bars with gaps between them
POINTS = INCHES * PANEL[2] * 72


def draw_settlement(days: Sequence[Day], community: Community, day: date, parties: int) -> bytes:
    """Who gains what, as a PNG of 1920 × 1080 pixels."""
    with mpl.rc_context():
        mpl.rcdefaults()  # not what the user's own settings say
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(INCHES, 7.2), dpi=150, facecolor="white")
        FigureCanvasAgg(figure)
        _draw_households(figure.add_axes(PANEL), days, community)
        _draw_everybody(figure.add_axes((0.735, 0.125, 0.243, 0.640)), community)
        _draw_words(figure, community, day, parties)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_households(axes: Axes, days: Sequence[Day], community: Community) -> None:
    """A bar for each household, the largest gain first."""
    ordered = sorted(days, key=lambda day: -day.gain)
    gains = np.array([day.gain / 100 for day in ordered])
    colours = [SELLER if day.sells else BUYER for day in ordered]
    width = (0.74 if len(gains) < FEW else 1.05) * POINTS / len(gains)
    axes.vlines(np.arange(len(gains)), 0, gains, colors=colours, linewidth=width, zorder=2)
    axes.axhline(0, color=INK, linewidth=0.9, zorder=3)
    axes.set_xlim(-0.7, len(gains) - 0.3)
    axes.set_xticks([])
    low, high = min(0.0, float(gains.min())), max(0.01, float(gains.max()))
    axes.set_ylim(1.1 * low - 0.03 * high, 1.08 * high)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    _name(axes, "What each household gains in this day, €")
    words = [(community.sellers, "sold to neighbours", SELLERS_TEXT), (community.buyers, "bought only", BUYERS_TEXT)]
    for line, (group, what, colour) in enumerate(words):
        text = f"{group.number:,} {what}: {_signed(group.change)} €{_percent(group)}"
        axes.text(
            0.985, 0.93 - 0.075 * line, text, transform=axes.transAxes, color=colour, ha="right", fontsize=13.5, **UNDER
        )
    worse = int((gains < 0).sum())
    text = f"{worse:,} of {len(gains):,} worse off: what was forecast did not come" if worse else "nobody is worse off"
    axes.text(0.985, 0.78, text, transform=axes.transAxes, color=MUTED, ha="right", fontsize=11, **UNDER)


def _draw_everybody(axes: Axes, community: Community) -> None:
    """Where it comes from: the change for all households, each supplier, the grid."""
    rows = [community.households, *community.suppliers, community.grid]
    changes = [row.change / 100 for row in rows]
    colours = [INK, *[OTHERS] * len(community.suppliers), OTHERS]
    places = np.arange(len(rows))[::-1]
    axes.barh(places, changes, height=0.56, color=colours, zorder=2)
    axes.axvline(0, color=INK, linewidth=0.9, zorder=3)
    widest = max(0.01, *map(abs, changes))
    axes.set_xlim(min(0.0, *changes) - 0.48 * widest, max(0.0, *changes) + 0.52 * widest)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(places, [_label(row) for row in rows])
    axes.set_xticks([])
    for place, row, change in zip(places, rows, changes, strict=True):
        beyond, side = (0.04 * widest, "left") if change >= 0 else (-0.04 * widest, "right")
        axes.text(change + beyond, place, _signed(row.change), ha=side, va="center", fontsize=13)
    _name(axes, "Where it comes from, €", -0.424)


def _label(row: Share) -> str:
    return f"{row.number:,} households" if row.who == "all households" else row.who


def _signed(cents: int) -> str:
    """In euros; of hundreds no cents."""
    text = tariffs.cents_signed(cents) if abs(cents) < CENTS_MAX else f"{round(cents / 100):+,}"
    return text.replace("-", "−")


def _percent(row: Share) -> str:
    return "" if row.percent is None else f" ({row.percent:+.0f} %)"


def _draw_words(figure: Figure, community: Community, day: date, parties: int) -> None:
    all_of_them = community.households
    headline = f"The neighbours gain € {_signed(all_of_them.change).lstrip('+')} in a day"
    paid = [_signed(-amount).lstrip("+") for amount in (all_of_them.with_market, all_of_them.without)]
    beside = (
        f"they pay € {paid[0]} instead of € {paid[1]}, "
        if max(all_of_them.without, all_of_them.with_market) < 0
        else ""
    )
    story = f"{day:%A} {day.day} {day:%B %Y}: {beside}settled by {parties} parties that see only shares of readings"
    notes = (
        "Synthetic households, each at its supplier's tariff. What was drawn and fed in differs from what was traded: "
        "the rest is the supplier's.\nA supplier's loss is before what it saves: it need not buy what neighbours sell "
        "each other. Network fees are the same."
    )
    figure.text(0.022, 0.955, headline, fontsize=24, fontweight="bold", va="center")
    figure.text(0.022, 0.900, story, fontsize=13, color=MUTED, va="center")
    figure.text(0.022, 0.048, notes, fontsize=10, color=MUTED, va="center", linespacing=1.5)


def _name(axes: Axes, words: str, x: float = 0.0) -> None:
    axes.set_title(words, loc="left", x=x, fontsize=12, color=INK, fontweight="bold", pad=12)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=8)
