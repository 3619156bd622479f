"""`mpc-market demo`: a day in an energy community, cleared by compute parties on this machine."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from mpc_market.errors import InputError
from parties.cli.exits import exit_codes
from parties.demo.output import check_directory
from parties.files.problems import Problems

EXTRA = frozenset({"demandlib", "pvlib", "pandas", "matplotlib"})
YEARS = range(2000, 2101)  # in these the calendar and the position of the sun are known well


@exit_codes()
def demo(
    households: Annotated[
        int, typer.Option(min=2, max=10_000, help="Number of households; two in five have solar panels.")
    ] = 60,
    day: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            show_default="2025-06-21",
            help="The day in Belgian local time: 96 quarter-hours, 92 or 100 when the clocks change.",
        ),
    ] = datetime(2025, 6, 21),
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Directory for the CSV files and pictures; made if it is not there."),
    ] = Path("demo"),
) -> None:
    """Play a day in an energy community, every quarter-hour cleared and settled by three compute parties.

    Synthetic households (standard load profiles, solar panels under a clear sky in Leuven; the same ones
    every time) sell their surplus and buy what they are short of, in lots of 1 Wh. Buyers bid between the
    network fee, 0.03 EUR/kWh, and the retail price, 0.20 EUR/kWh; sellers ask at least feed-in price plus
    network fee, 0.04 + 0.03 EUR/kWh.

    Prints price (EUR/kWh) and traded quantity (kWh) hour by hour, and what sellers gained and buyers saved
    (EUR) beside dealing with the cheapest supplier only.

    Then the day is settled: meters read what was really drawn and fed in, which is never quite what was
    forecast and ordered; deviations go to each household's own supplier, one of three with tariffs of its
    own. Prints what households, suppliers and the grid receive and pay (EUR), without and with the market.
    Nothing is shown unless it agrees with the plaintext rule, to the cent.

    Writes day.csv, day.png, households.csv, settlement.csv and settlement.png to DIR, all or none.

    \b
    Examples:
      mpc-market demo
      mpc-market demo --households 100 --day 2025-12-21 --out winter

    Exit code: 0 cleared; 1 the computation failed; 2 bad input; 130 Ctrl-C.
    """
    _check_options(day.date(), out)
    with _quiet_third_parties():
        _check_extra()
        from parties.demo.play import play  # noqa: PLC0415  (seconds of imports that --help does without)

        play(households, day.date(), out)


def _check_options(day: date, out: Path) -> None:
    """Raises: InputError."""
    problems = Problems()
    if day.year not in YEARS:
        problems.add("--day", f"{day} is not in the years {YEARS[0]} to {YEARS[-1]}")
    check_directory(out, problems)
    problems.check()


def _check_extra() -> None:
    """Raises: InputError if a package that only the demo needs is not installed."""
    missing = sorted(package for package in EXTRA if not find_spec(package))
    if missing:
        message = f"the demo needs {', '.join(missing)}, not installed: pip install 'mpc-market[demo]'"
        raise InputError((message,))


@contextmanager
def _quiet_third_parties() -> Iterator[None]:
    """Warnings of the demo's many packages are for their authors; matplotlib logs when it caches fonts."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
