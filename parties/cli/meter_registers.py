"""`mpc-market meter listen` and `read`: what the meter counts, into its store."""

from pathlib import Path
from typing import Annotated

import typer

from parties.cli.exits import exit_codes
from parties.files.problems import Problems, printable

HomePath = Annotated[str, typer.Option("--home", metavar="DIR", show_default=False, help="The meter's home.")]
MarketPath = Annotated[
    str | None,
    typer.Option("--market", metavar="MARKET.toml", help="The market file, instead of the one that the home names."),
]


@exit_codes()
def listen(
    device: Annotated[
        str, typer.Argument(metavar="DEVICE", show_default=False, help="The serial device of the P1 cable.")
    ],
    home: HomePath,
    market: MarketPath = None,
) -> None:
    """Listen to the meter's P1 port (DSMR 4 and 5, e-MUCS) and keep its registers, until it is stopped: for readings
    and forecasts.

    Runs beside `watch`, so that nothing is missed while one of the two is started again. A corrupt telegram
    is left out and reported. One whose clock is not later than before is left out too; six of them in a row show that
    the clock was ahead before: they are used and reported.

    \b
    Example:
      mpc-market meter listen /dev/ttyUSB0 --home meters/m17

    Exit code: 1 the store cannot be written; 2 bad input; 130 Ctrl-C.
    """
    import asyncio  # noqa: PLC0415

    from parties.meter.metering import follow  # noqa: PLC0415
    from parties.meter.sources import open_meters  # noqa: PLC0415

    _, settings, (meter,) = open_meters([Path(home)], market)
    asyncio.run(follow(device, meter.store, settings.rhythm.length, lambda line: typer.echo(printable(line, 1000))))


@exit_codes()
def read(
    telegrams: Annotated[
        str,
        typer.Argument(metavar="TELEGRAMS", show_default=False, help="A file of telegrams as the meter sent them."),
    ],
    home: HomePath,
    market: MarketPath = None,
) -> None:
    """Read a file of P1 telegrams (DSMR 4 and 5, e-MUCS) into the meter's store, for readings and forecasts.

    Nothing is stored if a telegram is corrupt. Telegrams that are not later than one before are left out, and counted.

    Exit code: 0 read; 2 bad input, each problem with its line.
    """
    from parties.meter.metering import ran_back_text, read_file  # noqa: PLC0415
    from parties.meter.sources import open_meters  # noqa: PLC0415

    _, settings, (meter,) = open_meters([Path(home)], market)
    problems = Problems()
    done = read_file(telegrams, meter.store, settings.rhythm.length, problems)
    problems.check()
    name = printable(telegrams, 200)
    for moments in done.ran_back:
        typer.echo(f"{name}: {ran_back_text(*moments)}")
    if done.left_out:
        typer.echo(f"{name}: {done.left_out} telegrams left out: they are not later than one before")
    typer.echo(f"{name}: {done.telegrams} telegrams, registers at {done.new} more ends of periods")
