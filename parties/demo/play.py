"""The whole demo: make the street, clear its day, settle it, leave the files, show the tables."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from parties.demo import tariffs
from parties.demo.calendar import local, quarter_hours
from parties.demo.community import Community, make_community
from parties.demo.day import QuarterHour, clear_day
from parties.demo.households import Household, make_households
from parties.demo.output import demo_files, write_demo
from parties.demo.picture import draw_day
from parties.demo.settlement import Day, Work, settle_day
from parties.demo.settlement_picture import draw_settlement
from parties.demo.spreadsheet import day_csv, households_csv, settlement_csv
from parties.demo.table import community_table, hour_table
from parties.local import LocalParties, Outcome

PARTIES = 3


def play(households: int, day: date, out: Path) -> None:
    """Clear and settle a day, write its files to the directory `out`, and print the tables.

    Raises: ProtocolError, OutputError; then nothing is written.
    """
    periods = quarter_hours(day)
    with _progress() as progress:
        task = progress.add_task("making the households", total=len(periods))
        street = make_households(households, day, periods)
        quarters, outcomes, days, work = asyncio.run(_clear_and_settle(street, periods, progress, task))
        progress.update(task, description="drawing the pictures")
        community = make_community(days)
        pictures = draw_day(quarters, households, PARTIES), draw_settlement(days, community, day, PARTIES)
        tables = day_csv(quarters), households_csv(days), settlement_csv(community)
        write_demo(out, (tables[0], pictures[0], *tables[1:], pictures[1]))
    console = Console(highlight=False)
    console.print(hour_table(quarters))
    sys.stdout.write(f"\n{_clearing_text(outcomes)}\n\n")
    console.print(community_table(community))
    sys.stdout.write(f"\n{_two_gains_text(quarters, community)}\n\n{_settlement_text(work)}\n")
    for file in demo_files(out):
        sys.stdout.write(f"{file}\n")


async def _clear_and_settle(
    street: Sequence[Household], periods: Sequence[datetime], progress: Progress, task: TaskID
) -> tuple[list[QuarterHour], list[Outcome], list[Day], Work]:
    quarters, outcomes = [], []
    progress.update(task, description="starting the parties")
    async with LocalParties(PARTIES) as parties:
        async for quarter, outcome in clear_day(parties, street, periods):
            quarters.append(quarter)
            outcomes.append(outcome)
            progress.update(task, advance=1, description=f"cleared {local(quarter.start):%H:%M}")
        progress.update(task, description="settling the day")
        days, work = await settle_day(parties, street, periods, outcomes)
    return quarters, outcomes, days, work


def _progress() -> Progress:
    """A bar on standard error that goes away when it is done; nothing where there is no terminal."""
    console = Console(stderr=True)
    words = TextColumn("{task.description:<21}")
    columns = (words, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _clearing_text(outcomes: Sequence[Outcome]) -> str:
    figures = [outcome.figures for outcome in outcomes]
    seconds = [each.seconds["compute"] for each in figures]
    megabytes = sum(sum(each.bytes_sent) for each in figures) / 1e6
    return (
        f"{len(figures)} quarter-hours cleared by {PARTIES} compute parties on secret shares: "
        f"{median(seconds):.3f} s each (median), {sum(seconds):.1f} s in all, {megabytes:.1f} MB sent"
    )


def _two_gains_text(quarters: Sequence[QuarterHour], community: Community) -> str:
    traded = tariffs.euros_rounded(sum(quarter.sellers_gain + quarter.buyers_saving for quarter in quarters))
    return (
        f"traded: {traded} EUR better than at the cheapest supplier; settled: "
        f"{tariffs.cents_signed(community.households.change)} EUR, since orders were forecasts:\n"
        "what was not delivered or not used as ordered is settled at the tariff of each household's own supplier"
    )


def _settlement_text(work: Work) -> str:
    return (
        f"{work.rows:,} meter readings settled and billed by the same parties on secret shares: "
        f"{work.settle_seconds + work.close_seconds:.1f} s, {work.bytes_sent / 1e6:.1f} MB sent\n"
        "bills, volumes and totals agree with the plaintext rule, to the cent and to the watt-hour"
    )
