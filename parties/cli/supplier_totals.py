"""Fetching a supplier's totals: from options to those of a period, or of a month, as they are shown and written."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mpc_market.wire.identifiers import Stage
from parties.cli.settled import read_settled, start_of
from parties.client.api import Api, pinned
from parties.files.problems import Problems
from parties.files.running import RunningMarket
from parties.files.running_toml import read_running
from parties.supplier.home import SupplierHome, read_supplier_home
from parties.supplier.month_output import month_totals_csv, month_totals_json, month_totals_lines
from parties.supplier.months import add_up
from parties.supplier.output import totals_csv, totals_json, totals_lines
from parties.supplier.periods import fetch_period

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown:
    """The same totals in three forms."""

    lines: list[str] = field(repr=False)
    csv: str = field(repr=False)
    json: str = field(repr=False)


def open_supplier(
    home: str, market: str, problems: Problems, *, settled: bool = False
) -> tuple[SupplierHome, RunningMarket]:
    """`settled`: whether the market has to be. Raises: InputError with the problems found so far and here."""
    running, own = (
        (read_settled if settled else read_running)(market, problems),
        read_supplier_home(Path(home), problems),
    )
    problems.check()
    assert own is not None
    assert running is not None
    return own, running


def read_when(
    home: str, market: str, period: str | None, month: str | None, problems: Problems
) -> tuple[SupplierHome, RunningMarket, int]:
    """And the start of the period or month. Raises: InputError with the problems found so far and here."""
    own, running = open_supplier(home, market, problems, settled=month is not None)
    start = start_of(running, period, month, problems)
    problems.check()
    return own, running, start


def period_totals(own: SupplierHome, running: RunningMarket, start: int) -> Shown:
    """Raises: as `fetch_period`."""
    found = _ask(running, lambda apis: fetch_period(apis, running, own, start))
    return Shown([*totals_lines(found, running)], totals_csv(found, running), totals_json(found, running))


def month_totals(own: SupplierHome, running: RunningMarket, start: int) -> Shown:
    """Of a market that is settled. Raises: as `add_up`."""
    calendar = running.calendar
    assert calendar is not None
    found, name = _ask(running, lambda apis: add_up(apis, running, own, start)), calendar.months.text(start)
    return Shown(
        [*month_totals_lines(found, name, running)],
        month_totals_csv(found, name, running),
        month_totals_json(found, name, running),
    )


def _ask(running: RunningMarket, work: Callable[[tuple[Api, Api]], Awaitable[T]]) -> T:
    """Ask the parties about the clearing and the settlement of periods: `work` is given the API of each."""

    async def run() -> T:
        now = int(time.time())
        async with (
            Api(running.id, pinned(running, now)) as clearing,
            Api(Stage.SETTLEMENT.of(running.id), pinned(running, now)) as settlement,
        ):
            return await work((clearing, settlement))

    return asyncio.run(run())
