"""The picture of many markets at one set of parties: results over time after the common gate, by number of workers.

python -m benchmarks.markets_picture
"""

from pathlib import Path

from matplotlib.ticker import MaxNLocator

from benchmarks.drawing import GRID, INK, LOTTERY, MUTED, PRO_RATA, canvas
from benchmarks.machine import in_words
from benchmarks.record import RESULTS, load


def draw(results: Path = RESULTS) -> Path:
    """Draw the picture into `results/many_markets.png`."""
    figures = load("many_markets", results)
    path = results / "many_markets.png"
    with canvas(path, (9.6, 5.4), (0.085, 0.16, 0.88, 0.66)) as (figure, axes):
        axes.grid(color=GRID)
        axes.spines[["top", "right"]].set_visible(False)
        for row, colour in zip(figures["rows"], (PRO_RATA, LOTTERY), strict=False):
            counts = range(1, len(row["results_after"]) + 1)
            several = "s" if row["workers"] > 1 else ""
            name = f"{row['workers']} worker{several} per party, {row['cores']} core{several} for all"
            axes.step([0, *row["results_after"]], [0, *counts], where="post", color=colour, linewidth=2.5, label=name)
        axes.set_xlabel("seconds after the gate of all markets")
        axes.set_ylabel("markets with a result")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(left=0)
        axes.legend(frameon=False, loc="lower right")
        row = figures["rows"][0]
        title = f"{row['markets']} markets of {row['meters']} meters at three parties, all on one machine"
        figure.text(0.085, 0.92, title, fontsize=16, weight="bold", color=INK)
        figure.text(
            0.085, 0.865, f"{in_words(figures['machine'])}, commit {figures['commit']}", fontsize=8, color=MUTED
        )
    return path


if __name__ == "__main__":
    draw()
