"""The whole demo: make the street, clear its day, leave the files, show the table."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from parties.demo.calendar import local, quarter_hours
from parties.demo.day import QuarterHour, clear_day
from parties.demo.households import Household, make_households
from parties.demo.output import day_files, write_day
from parties.demo.picture import draw_day
from parties.demo.spreadsheet import day_csv
from parties.demo.table import hour_table
from parties.local import Figures, LocalParties

PARTIES = 3


def play(households: int, day: date, out: Path) -> None:
    """Clear a day, write its files to the directory `out`, and print the table.

    Raises: ProtocolError, OutputError; then nothing is written.
    """
    periods = quarter_hours(day)
    with _progress() as progress:
        task = progress.add_task("making the households", total=len(periods))
        street = make_households(households, day, periods)
        quarters, figures = asyncio.run(_clear(street, periods, progress, task))
        progress.update(task, description="drawing the picture")
        write_day(out, day_csv(quarters), draw_day(quarters, households, PARTIES))
    Console(highlight=False).print(hour_table(quarters))
    sys.stdout.write(f"\n{_figures_text(figures)}\n")
    for file in day_files(out):
        sys.stdout.write(f"{file}\n")


async def _clear(
    street: Sequence[Household], periods: Sequence[datetime], progress: Progress, task: TaskID
) -> tuple[list[QuarterHour], list[Figures]]:
    quarters, figures = [], []
    progress.update(task, description="starting the parties")
    async with LocalParties(PARTIES) as parties:
        async for quarter, its_figures in clear_day(parties, street, periods):
            quarters.append(quarter)
            figures.append(its_figures)
            progress.update(task, advance=1, description=f"cleared {local(quarter.start):%H:%M}")
    return quarters, figures


def _progress() -> Progress:
    """A bar on standard error that goes away when it is done; nothing where there is no terminal."""
    console = Console(stderr=True)
    words = TextColumn("{task.description:<21}")
    columns = (words, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _figures_text(figures: Sequence[Figures]) -> str:
    seconds = [each.seconds["compute"] for each in figures]
    megabytes = sum(sum(each.bytes_sent) for each in figures) / 1e6
    return (
        f"{len(figures)} quarter-hours cleared by {PARTIES} compute parties on secret shares: "
        f"{median(seconds):.3f} s each (median), {sum(seconds):.1f} s in all, {megabytes:.1f} MB sent"
    )
