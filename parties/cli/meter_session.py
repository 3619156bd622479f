"""The commands of a meter that speak with the compute parties: opened, run, closed."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from mpc_market.errors import InputError, InvalidOrderError, InvalidReadingError
from mpc_market.wire.layout import Reading
from parties.cli.meter_screen import show_finding
from parties.cli.settled import period_of
from parties.client.api import Api, pinned
from parties.client.periods import period_start
from parties.clock import SystemClock
from parties.files.problems import Problems, printable
from parties.files.values import moment_text
from parties.meter.errors import HomeError
from parties.meter.market import Market, Meter
from parties.meter.metered import FromFile as MeteredFromFile
from parties.meter.metered import FromRegisters, Metered, ReadingFile
from parties.meter.reading_watch import Readings
from parties.meter.readings import send_reading, stage_of
from parties.meter.results import State, collect
from parties.meter.rounds import Rounds
from parties.meter.sources import MarketSource, find_homes, open_meters
from parties.meter.submitting import Submitted, submit
from parties.meter.watching import Watch
from parties.meter.wishes import Forecast, FromFile, Nothing, Wishes, WishFile, limits_of, read_wish

_PATIENT_SECONDS = 2.0
"""After this long a user is told what is waited for."""


def submit_once(home: str, market_path: str | None, order: tuple[str, str, str], period: str | None) -> bool:
    """Submit one order (side, price, quantity as texts); whether all parties have confirmed it."""
    path, market, (meter,) = open_meters([Path(home)], market_path)
    clock = SystemClock()
    try:
        wish = read_wish(*order, market.file, meter.maximum)
        start = _next_start(market, clock) if period is None else period_start(period, market.rhythm.length)
    except InvalidOrderError as error:
        raise InputError((str(error),)) from None
    _check_open(start, market, clock.now_ms())
    source = MarketSource(path, market, clock)

    async def run() -> bool:
        async with source.rounds.api:
            done = await submit(meter, source.rounds, start, [wish], replace=True)
        return _told(done, start, "submission")

    return asyncio.run(run())


def read_once(home: str, market_path: str | None, imported: str, exported: str, period: str) -> bool:
    """Send one reading (kWh as texts); whether all parties have confirmed it."""
    _, market, (meter,) = open_meters([Path(home)], market_path)
    clock = SystemClock()
    problems, lots = Problems(), []
    start = period_of(market.running, period, problems)
    for option, text in (("--import", imported), ("--export", exported)):
        try:
            lots.append(market.file.lots(text))
        except InvalidOrderError as error:
            problems.add(option, str(error))
    problems.check()
    reading = Reading(*lots)
    try:
        market = market.at(stage_of(market, start, clock.now_ms()))
    except InvalidOrderError as error:
        raise InputError((str(error),)) from None

    async def run() -> bool:
        async with Api(market.id, pinned(market.running, clock.now_ms() // 1000)) as api:
            done = await send_reading(meter, Rounds(api, market, clock), start, reading)
        return _told(done, start, "reading")

    try:
        return asyncio.run(run())
    except InvalidReadingError as error:
        raise InputError((str(error),)) from None


def _told(done: Submitted, start: int, what: str) -> bool:
    """Tell which parties have confirmed a submission of an order or a reading; whether all have."""
    for trouble in done.troubles.values():
        typer.echo(f"mpc-market: no receipt: {printable(trouble, 500)}", err=True)
    said = "accepted" if done.accepted else "NOT accepted"
    receipts = f"receipts of {len(done.receipts)} of {done.parties} parties"
    typer.echo(f"{moment_text(start)}: {what} {done.number} {said}: {receipts}")
    return done.accepted


def show_result(home: str, market_path: str | None, period: str) -> bool:
    """Fetch and show the result of a period; whether it is verified or void."""
    path, market, (meter,) = open_meters([Path(home)], market_path)
    clock = SystemClock()
    try:
        start = period_start(period, market.rhythm.length)
    except InvalidOrderError as error:
        raise InputError((f"--period: {error}",)) from None
    opens, gate = (moment_text(ms // 1000) for ms in (market.rhythm.opens(start), market.rhythm.gate(start)))
    if clock.now_ms() < market.rhythm.opens(start):
        takes = f"it takes orders from {opens} to {gate}, ask after that"
        raise InputError((f"--period: {moment_text(start)} has no result yet: {takes}",))
    source = MarketSource(path, market, clock)

    async def run() -> bool:
        async with source.rounds.api:
            collecting = asyncio.ensure_future(collect(meter, source.rounds, start))
            gate_to_come = clock.now_ms() < market.rhythm.gate(start)
            await asyncio.wait({collecting}, timeout=0 if gate_to_come else _PATIENT_SECONDS)
            if not collecting.done():
                _tell_waiting(source.rounds, start, clock.now_ms())
            finding = await collecting
        show_finding(finding, market)
        return finding.state in (State.VERIFIED, State.VOID)

    return asyncio.run(run())


def _tell_waiting(rounds: Rounds, start: int, now_ms: int) -> None:
    """Say what is waited for, and until when: a user should not look at nothing for a day."""
    gate = rounds.market.rhythm.gate(start)
    until = gate + rounds.patience_ms
    told = [f"{moment_text(start)}: the result is not there yet"]
    if now_ms < gate:
        told.append(f"its gate closes at {moment_text(gate // 1000)}")
    if rounds.heard:
        told.append(rounds.heard)
    told.append(f"waiting until {moment_text(until // 1000)}" if now_ms < until else "asking every party once more")
    typer.echo(f"mpc-market: {printable('; '.join(told), 1000)} (Ctrl-C ends this)", err=True)


def watch_all(
    homes: Sequence[str],
    market_path: str | None,
    files: tuple[str | None, str | None],
    rounds: int | None,
    *,
    forecast: bool,
) -> bool:
    """Take part in every period for all meters; whether all was accepted and verified.

    `files`: that of orders and that of readings, if there are any.
    """
    orders, readings = files
    if orders is not None and forecast:
        raise InputError(("--forecast: the orders come from --orders already: give one of the two",))
    path, market, meters = open_meters(find_homes(homes), market_path)
    if readings is not None and market.running.calendar is None:
        raise InputError((f"--readings: market {market.id} only clears: it takes no readings",))
    maxima = {meter.id: meter.maximum for meter in meters}
    wished = None if orders is None else WishFile(orders, market.file, maxima)
    metered = None if readings is None else ReadingFile(readings, market.file, maxima)
    source = MarketSource(path, market, SystemClock())
    watched = [source, *(file for file in (wished, metered) if file is not None)]
    wishes = _wishes(meters, market, wished, forecast=forecast)
    watch = Watch(source.rounds, meters, wishes, _say, watched, _readings(source, meters, market, metered))

    async def run() -> bool:
        async with source:
            return await watch.run(rounds)

    return asyncio.run(run())


def _readings(
    source: MarketSource, meters: Sequence[Meter], market: Market, file: ReadingFile | None
) -> Readings | None:
    """What sends the readings, if the market settles: those of a file, or of the registers in the meters' stores."""
    if not source.stages:
        return None
    sources: dict[str, Metered] = {
        meter.id: FromRegisters(meter.store, market.file) if file is None else MeteredFromFile(file, meter.id)
        for meter in meters
    }
    return Readings(source.stages, meters, sources, _say)


def _wishes(meters: Sequence[Meter], market: Market, file: WishFile | None, *, forecast: bool) -> Mapping[str, Wishes]:
    if file is not None:
        return {meter.id: FromFile(file, meter.id) for meter in meters}
    if forecast:
        try:
            return {
                meter.id: Forecast(meter.store, market.file, limits_of(meter.home, market.file), meter.maximum)
                for meter in meters
            }
        except HomeError as error:
            raise InputError((str(error),)) from None
    return {meter.id: Nothing() for meter in meters}


def _next_start(market: Market, clock: SystemClock) -> int:
    """The period that takes orders now; if its gate is about to close, waits for the next one to open."""
    rhythm, now_ms = market.rhythm, clock.now_ms()
    start = rhythm.next_gate(now_ms)
    if not rhythm.closes_soon(start, now_ms):
        return start
    typer.echo(f"{moment_text(start)}: its gate closes in a moment: the order is for the next period")
    time.sleep((rhythm.gate(start) - now_ms) / 1000)
    return start + rhythm.length


def _check_open(start: int, market: Market, now_ms: int) -> None:
    """Raises: InputError if the round of a period does not take orders now."""
    takes = moment_text(market.rhythm.next_gate(now_ms))
    if now_ms >= market.rhythm.gate(start):
        raise InputError((f"--period: the gate of {moment_text(start)} has closed; orders are taken for {takes}",))
    if now_ms < market.rhythm.opens(start):
        raise InputError(
            (f"--period: {moment_text(start)} is not open yet; orders are taken for {takes}; `watch` waits",)
        )


def _say(line: str) -> None:
    typer.echo(printable(line, 1000))
