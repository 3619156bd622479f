"""What the commands about settlement share: from options to periods and months, and asking the parties."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mpc_market.errors import InvalidOrderError, InvalidSettingsError
from mpc_market.wire.identifiers import Stage
from parties.client.api import Api, pinned
from parties.client.periods import period_start
from parties.files.problems import Problems
from parties.files.running import RunningMarket
from parties.files.running_toml import read_running

T = TypeVar("T")


def only_clears(path: str, problems: Problems) -> None:
    """Note that a market is not settled."""
    problems.add(path, "this market only clears: a market that is settled has a table [settlement]")


def read_settled(path: str, problems: Problems) -> RunningMarket | None:
    """The market file of a market that is settled; None if there is any problem."""
    running = read_running(path, problems)
    if running is not None and running.calendar is None:
        only_clears(path, problems)
        return None
    return running


def month_of(running: RunningMarket | None, month: str, problems: Problems) -> int:
    """The start of a billing month; 0 if there is a problem with it, or no market to judge it by."""
    calendar = None if running is None else running.calendar
    if calendar is None:
        return 0
    try:
        return calendar.months.read(month, calendar.last_closed(time.time_ns() // 1_000_000))
    except InvalidSettingsError as error:
        problems.add("--month", str(error))
        return 0


def start_of(running: RunningMarket | None, period: str | None, month: str | None, problems: Problems) -> int:
    """The start of the period or of the month: one of the two is given. 0 if there is a problem with it."""
    if (period is None) == (month is None):
        problems.add("--period", "say one of: --period UTC, --month MONTH")
        return 0
    return month_of(running, month or "", problems) if period is None else period_of(running, period, problems)


def period_of(running: RunningMarket | None, text: str, problems: Problems, option: str = "--period") -> int:
    """The start of a period; 0 if there is a problem with it, or no market to judge it by."""
    try:
        return 0 if running is None else period_start(text, running.period_seconds)
    except InvalidOrderError as error:
        problems.add(option, str(error))
        return 0


def ask(running: RunningMarket, stage: Stage, work: Callable[[Api, RunningMarket], Awaitable[T]]) -> T:
    """Ask the parties about rounds of a stage. `work` is given the API, and the market in that stage."""
    staged = running.staged(stage)

    async def run() -> T:
        async with Api(staged.id, pinned(running, int(time.time()))) as api:
            return await work(api, staged)

    return asyncio.run(run())
