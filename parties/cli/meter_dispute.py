"""`mpc-market meter dispute`: contest an order, a reading or a bill before an arbiter."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import typer

from mpc_market.errors import InputError, InvalidOrderError, InvalidSettingsError
from parties.client.api import Api, pinned
from parties.client.periods import period_start
from parties.files.disputes import read_arbiter
from parties.files.output import check_outputs
from parties.files.problems import Problems, printable
from parties.files.values import moment_text
from parties.meter.disputing import prepare_dispute, send_dispute, starts_of_month
from parties.meter.market import Market
from parties.meter.sources import open_meters


def dispute_all(
    home: str, market_path: str | None, arbiter_path: str, periods: Sequence[str], month: str | None, out: str
) -> bool:
    """Sign and send a dispute, and write the evidence; whether all parties have taken it."""
    problems = Problems()
    arbiter = read_arbiter(arbiter_path, problems)
    problems.check()
    assert arbiter is not None
    found, market, (meter,) = open_meters([Path(home)], market_path)
    check_outputs({"--out": out}, (home, str(found), arbiter_path), problems)
    problems.check()
    now_ms = time.time_ns() // 1_000_000
    starts, month_start = _named(market, periods, month, now_ms)
    path = Path(out)
    dispute = prepare_dispute(meter, market, arbiter, starts, month_start, now_ms, path)
    if month is None:
        _warn(dispute.asked.starts, {own.header.period.start for own in dispute.submissions})

    async def run() -> dict[int, str]:
        async with Api(market.id, pinned(market.running, now_ms // 1000)) as api:
            return await send_dispute(api, market, dispute, path)

    troubles = asyncio.run(run())
    for party in sorted(troubles):
        typer.echo(f"mpc-market: not taken: {printable(troubles[party], 500)}", err=True)
    asked = dispute.asked
    typer.echo(
        f"dispute {asked.number}: {market.parties - len(troubles)} of {market.parties} parties have it; "
        f"{printable(out, 200)} is for {printable(arbiter.name, 64)} alone: it tells what was ordered and read"
    )
    return not troubles


def _warn(starts: Sequence[int], signed: set[int]) -> None:
    """A dispute about a period in which the meter has signed nothing is hardly meant; an estimate may be contested."""
    for start in starts:
        if start not in signed:
            typer.echo(
                f"mpc-market: {moment_text(start)}: this home has signed no order and no reading for that period: "
                "unless the parties have settled an estimate, there is nothing to judge",
                err=True,
            )


def _named(market: Market, periods: Sequence[str], month: str | None, now_ms: int) -> tuple[list[int], int | None]:
    """The periods, and the month. Raises: InputError."""
    try:
        starts = [period_start(period, market.rhythm.length) for period in periods]
        calendar = market.running.calendar
        if month is None:
            if not starts:
                raise InputError(("name what is contested: --period, or --month for a bill",))
            return starts, None
        if calendar is None:
            raise InputError((f"--month: market {market.id} only clears: it has no bills",))
        begins = calendar.months.read(month, calendar.last_closed(now_ms))
    except (InvalidOrderError, InvalidSettingsError) as error:
        raise InputError((str(error),)) from None
    return starts + starts_of_month(market, begins, now_ms), begins
