"""`mpc-market meter …`: what users and representatives run."""

from pathlib import Path
from typing import Annotated

import typer

from parties.cli.exits import FAILED, exit_codes
from parties.cli.meter_bill import bill
from parties.cli.meter_registers import listen, read
from parties.files.output import check_outputs, write_files
from parties.files.problems import Problems, printable

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="A smart meter, or a representative of many: order, take part in every period, verify results.",
)

HomePath = Annotated[str, typer.Option("--home", metavar="DIR", show_default=False, help="The meter's home.")]
MarketPath = Annotated[
    str | None,
    typer.Option("--market", metavar="MARKET.toml", help="The market file, instead of the one that the home names."),
]
Homes = Annotated[
    list[str] | None,
    typer.Argument(metavar="HOME", show_default=False, help="More homes, as the shell makes them of homes/*."),
]
ManyHomes = Annotated[
    list[str] | None,
    typer.Option(
        "--home",
        "--homes",
        metavar="DIR",
        show_default=False,
        help="The home of a meter, or a pattern such as 'homes/*'.",
    ),
]
Orders = Annotated[
    str | None,
    typer.Option(
        metavar="ORDERS.csv",
        help="Orders by period: CSV with the columns period (UTC start), side, price, quantity, and meter if there "
        "are several. It is read again when it changes.",
    ),
]


@app.command()
@exit_codes()
def keygen(
    home: HomePath,
    meter: Annotated[str, typer.Option(metavar="ID", show_default=False, help="The meter's id, such as its EAN.")],
    market: Annotated[str, typer.Option(metavar="MARKET.toml", show_default=False, help="The market file.")],
    maximum: Annotated[
        str,
        typer.Option(metavar="KWH", show_default=False, help="The largest order and the largest reading, as enrolled."),
    ],
) -> None:
    """Make a home for a meter: a private directory with fresh keys. Keys are never overwritten.

    \b
    Example:
      mpc-market meter keygen --home meters/m17 --meter 541448860000000018 --market market.toml --maximum 17.250

    For forecasts, add the tariff to DIR/meter.toml: retail, feed_in and fee (currency per kWh).
    Exit code: 0 made; 1 there is a home already; 2 bad input.
    """
    from mpc_market.errors import InvalidOrderError  # noqa: PLC0415
    from mpc_market.wire.errors import WireError  # noqa: PLC0415
    from mpc_market.wire.identifiers import check_id  # noqa: PLC0415
    from parties.meter.home import create_home  # noqa: PLC0415
    from parties.meter.sources import read_market  # noqa: PLC0415

    settings, problems = read_market(market), Problems()
    try:
        if settings.file.lots(maximum) == 0:
            problems.add("--maximum", "a meter with 0 kWh could neither trade nor send a reading")
    except InvalidOrderError as error:
        problems.add("--maximum", str(error))
    try:
        check_id("meter", meter)
    except WireError as error:
        problems.add("--meter", str(error))
    problems.check()
    made = create_home(Path(home), meter, market, maximum)
    typer.echo(f"{made.path}: keys of meter {printable(made.meter, 64)}; next: mpc-market meter enrol-request")


@app.command("enrol-request")
@exit_codes()
def enrol_request(
    home: HomePath,
    out: Annotated[str, typer.Option(metavar="FILE", show_default=False, help="Where to write the request.")],
    market: MarketPath = None,
) -> None:
    """Write the request that the registrar needs to enrol the meter: its id and public keys, signed.

    \b
    Example:
      mpc-market meter enrol-request --home meters/m17 --out m17.request

    Exit code: 0 written; 1 it could not be written; 2 bad input.
    """
    from parties.meter.sources import open_meters  # noqa: PLC0415

    path, settings, (meter,) = open_meters([Path(home)], market)
    problems = Problems()
    check_outputs({"--out": out}, (home, str(path)), problems)
    problems.check()
    write_files({out: [meter.home.enrol_request(settings.id)]}, public=True)
    typer.echo(f"{printable(out, 200)}: give it to the registrar of {settings.id}; nothing in it is secret")


@app.command()
@exit_codes()
def submit(
    home: HomePath,
    side: Annotated[str, typer.Option(metavar="buy|sell", show_default=False, help="Which side.")],
    price: Annotated[
        str,
        typer.Option(metavar="PRICE", show_default=False, help="The limit, currency per kWh."),
    ],
    quantity: Annotated[
        str, typer.Option(metavar="KWH", show_default=False, help="Up to how much. 0 takes an order back.")
    ],
    period: Annotated[
        str | None,
        typer.Option(
            metavar="UTC",
            help="Start of the period, such as 2026-11-21T12:00:00Z. Without it: the one that takes orders now.",
        ),
    ] = None,
    market: MarketPath = None,
) -> None:
    """Submit one order, and wait until all parties have confirmed it. It replaces what was submitted before.

    \b
    Example:
      mpc-market meter submit --home meters/m17 --side sell --price 0.0835 --quantity 1.250

    Exit code: 0 accepted: the receipts of all parties are there; 1 not accepted; 2 bad input.
    """
    from parties.cli.meter_session import submit_once  # noqa: PLC0415

    raise typer.Exit(0 if submit_once(home, market, (side, price, quantity), period) else FAILED)


@app.command()
@exit_codes()
def result(
    home: HomePath,
    period: Annotated[str, typer.Option(metavar="UTC", show_default=False, help="Start of the period.")],
    market: MarketPath = None,
) -> None:
    """Fetch the result of a period from all parties, verify it, and show it.

    If it is not there yet, it is waited for until a day after the gate of the period; standard error says so. A period
    that takes no orders yet is refused.

    \b
    Example:
      mpc-market meter result --home meters/m17 --period 2026-11-21T12:00:00Z

    Exit code: 0 verified, or the round is void; 1 not verified, or a check failed; 2 bad input.
    """
    from parties.cli.meter_session import show_result  # noqa: PLC0415

    raise typer.Exit(0 if show_result(home, market, period) else FAILED)


@app.command()
@exit_codes()
def watch(
    homes: Homes = None,
    home: ManyHomes = None,
    *,
    orders: Orders = None,
    forecast: Annotated[
        bool,
        typer.Option(
            "--forecast",
            help="Order what the meter is expected to take or give: the weighted mean of the same period of the last "
            "14 days; buy at up to the retail price, sell at no less than feed-in price + fee. See `listen`, `read`.",
        ),
    ] = False,
    readings: Annotated[
        str | None,
        typer.Option(
            metavar="READINGS.csv",
            help="What was metered: CSV with the columns period (UTC start), import, export (kWh), and meter if there "
            "are several; read again when it changes. Without it: what `listen` and `read` have stored of registers.",
        ),
    ] = None,
    rounds: Annotated[int | None, typer.Option(metavar="N", min=1, help="This many rounds, not for ever.")] = None,
    market: MarketPath = None,
) -> None:
    """Take part in every period, for one meter or for many, and verify every result; send the readings of each period.

    Without --orders or --forecast the quantity is 0: who submits in every period tells nobody anything by submitting.
    Where the market settles, a reading is sent once its period is over: to its settlement; if it is known only after
    the reading deadline, or has changed since, to its correction. A period without one is reported, never guessed.
    Everything is stored before it is sent: after a crash or a lost connection, start it again. What it prints holds no
    price limit and no quantity; `history` shows those.

    \b
    Examples:
      mpc-market meter watch --home meters/m17 --orders orders.csv
      mpc-market meter watch --home meters/m17 --forecast
      mpc-market meter watch --homes 'meters/*' --orders orders.csv --readings readings.csv

    Exit code: 0 all accepted and verified (with --rounds); 1 not all; 2 bad input; 130 Ctrl-C.
    """
    from parties.cli.meter_session import watch_all  # noqa: PLC0415

    fine = watch_all([*(home or []), *(homes or [])], market, (orders, readings), rounds, forecast=forecast)
    raise typer.Exit(0 if fine else FAILED)


@app.command()
@exit_codes()
def check(
    orders: Annotated[str, typer.Argument(metavar="ORDERS.csv", show_default=False, help="As for `watch`.")],
    home: ManyHomes = None,
    market: MarketPath = None,
) -> None:
    """Say what `watch` would refuse of a file of orders; send nothing.

    Exit code: 0 nothing to refuse; 2 bad input.
    """
    from parties.meter.sources import find_homes, open_meters  # noqa: PLC0415
    from parties.meter.wishes import WishFile  # noqa: PLC0415

    _, settings, meters = open_meters(find_homes(home or []), market)
    listed = WishFile(orders, settings.file, {meter.id: meter.maximum for meter in meters})
    typer.echo(f"{printable(orders, 200)}: {listed.count} orders, nothing to refuse")


@app.command()
@exit_codes()
def reading(
    home: HomePath,
    imported: Annotated[str, typer.Option("--import", metavar="KWH", show_default=False, help="Energy imported.")],
    exported: Annotated[str, typer.Option("--export", metavar="KWH", show_default=False, help="Energy exported.")],
    period: Annotated[str, typer.Option(metavar="UTC", show_default=False, help="Start of the period, now over.")],
    market: MarketPath = None,
) -> None:
    """Send what was metered in a period to all parties, for its settlement; later as a correction.

    Another reading for the same period replaces the one before. The same one again changes nothing.

    \b
    Example:
      mpc-market meter reading --home m17 --import 0.412 --export 0 --period 2026-11-21T12:00:00Z

    Exit code: 0 receipts of all parties are there; 1 not of all; 2 bad input.
    """
    from parties.cli.meter_session import read_once  # noqa: PLC0415

    if not read_once(home, market, imported, exported, period):
        raise typer.Exit(1)


@app.command()
@exit_codes()
def evidence(
    home: HomePath,
    period: Annotated[str, typer.Option(metavar="UTC", show_default=False, help="Start of the period.")],
    out: Annotated[str, typer.Option(metavar="FILE", show_default=False, help="Where to write it.")],
    market: MarketPath = None,
) -> None:
    """Write what shows that an order was accepted, and what was delivered for it: for `mpc-market audit`.

    Header, receipts and deliveries as they were signed. Nothing in it tells what was ordered or accepted.

    \b
    Example:
      mpc-market meter evidence --home meters/m17 --period 2026-11-21T12:00:00Z --out m17.json

    Exit code: 0 written; 1 nothing is known of that period, or it could not be written; 2 bad input.
    """
    from mpc_market.errors import InputError, InvalidOrderError  # noqa: PLC0415
    from parties.client.periods import period_start  # noqa: PLC0415
    from parties.files.values import moment_text  # noqa: PLC0415
    from parties.meter.evidence import evidence_of  # noqa: PLC0415
    from parties.meter.sources import open_meters  # noqa: PLC0415

    path, settings, (meter,) = open_meters([Path(home)], market)
    problems = Problems()
    check_outputs({"--out": out}, (home, str(path)), problems)
    problems.check()
    try:
        start = period_start(period, settings.rhythm.length)
    except InvalidOrderError as error:
        raise InputError((f"--period: {error}",)) from None
    write_files({out: evidence_of(meter.store, start)})
    typer.echo(f"{printable(out, 200)}: what the parties signed for {moment_text(start)}")


@app.command()
@exit_codes()
def dispute(
    home: HomePath,
    arbiter: Annotated[
        str,
        typer.Option(metavar="ARBITER.toml", show_default=False, help="Who is to decide: the arbiter's public file."),
    ],
    out: Annotated[
        str,
        typer.Option(metavar="FILE", show_default=False, help="Where to write the evidence, for the arbiter alone."),
    ],
    period: Annotated[
        list[str] | None,
        typer.Option(metavar="UTC", show_default=False, help="A period that is contested. May be given again."),
    ] = None,
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", show_default=False, help="A bill that is contested, such as 2026-11.")
    ] = None,
    market: MarketPath = None,
) -> None:
    """Contest: the parties disclose this meter's shares of the periods, and nothing else, to the arbiter alone.

    Signs the request, writes it to FILE with everything that this meter has signed and been given for these periods,
    and sends it to all parties. The same command again sends the same request to those that do not have it yet.

    \b
    Examples:
      mpc-market meter dispute --home m17 --period 2026-11-21T12:00:00Z --arbiter ombudsman.toml --out m17.json
      mpc-market meter dispute --home m17 --month 2026-11 --arbiter ombudsman.toml --out m17.json

    Exit code: 0 all parties have it; 1 not all; 2 bad input.
    """
    from parties.cli.meter_dispute import dispute_all  # noqa: PLC0415

    raise typer.Exit(0 if dispute_all(home, market, arbiter, period or [], month, out) else FAILED)


@app.command()
@exit_codes()
def history(
    home: HomePath,
    last: Annotated[int, typer.Option(metavar="N", min=1, help="How many periods.")] = 20,
    out: Annotated[str | None, typer.Option(metavar="HISTORY.csv", help="Write them to a file instead.")] = None,
    market: MarketPath = None,
) -> None:
    """Show what was ordered and accepted in the last periods, and whether it was verified. Asks nobody.

    \b
    Example:
      mpc-market meter history --home meters/m17 --last 96 --out history.csv

    Exit code: 0 shown; 2 bad input.
    """
    from parties.cli.meter_screen import history_csv, show_history  # noqa: PLC0415
    from parties.meter.sources import open_meters  # noqa: PLC0415

    path, settings, (meter,) = open_meters([Path(home)], market)
    problems = Problems()
    check_outputs({"--out": out}, (home, str(path)), problems)
    problems.check()
    entries = meter.store.history(last)
    if out is None:
        show_history(entries, settings)
    else:
        write_files({out: history_csv(entries, settings)})


for command in (listen, read, bill):
    app.command()(command)
