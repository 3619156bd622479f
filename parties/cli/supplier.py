"""`mpc-market supplier …`: what a supplier runs."""

from pathlib import Path
from typing import Annotated

import typer

from parties.cli.exits import exit_codes
from parties.cli.metavars import MONTH_HELP
from parties.files.output import check_outputs, write_files
from parties.files.problems import Problems, printable

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="A supplier: make its keys, publish its tariffs, fetch totals of its own users, and their bills.",
)

HomePath = Annotated[str, typer.Option("--home", metavar="DIR", show_default=False, help="The supplier's home.")]


@app.command()
@exit_codes()
def keygen(
    home: HomePath,
    supplier: Annotated[
        str, typer.Option(metavar="ID", show_default=False, help="The supplier's id, as meters are enrolled with it.")
    ],
) -> None:
    """Make a home for a supplier: a private directory with fresh keys. Keys are never overwritten.

    Prints the public keys as a table [[supplier]]: for the market file of a new market, or for the registrar of a
    running one. Nothing in it is secret.

    \b
    Example:
      mpc-market supplier keygen --home green --supplier green-energy > green.toml

    Exit code: 0 made; 1 there is such a directory already; 2 bad input.
    """
    from mpc_market.errors import InvalidSettingsError  # noqa: PLC0415
    from parties.files.running_toml import supplier_text  # noqa: PLC0415
    from parties.supplier.home import make_supplier_home  # noqa: PLC0415

    problems = Problems()
    try:
        made = make_supplier_home(Path(home), supplier)
    except InvalidSettingsError as error:
        problems.add("--supplier", str(error))
    problems.check()
    typer.echo(f"# public keys of supplier {printable(supplier, 64)}: hand them to the registrar")
    typer.echo(supplier_text(made.public).strip())


@app.command()
@exit_codes()
def totals(
    home: HomePath,
    market: Annotated[str, typer.Option(metavar="MARKET.toml", show_default=False, help="The market file.")],
    *,
    period: Annotated[
        str | None, typer.Option(metavar="UTC", help="Start of a period, such as 2026-11-21T12:00:00Z.")
    ] = None,
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", help=f"Instead: all periods of a month, added up. {MONTH_HELP}")
    ] = None,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Write them as CSV as well: one row.")] = None,
    json: Annotated[str | None, typer.Option(metavar="FILE", help="Write them as JSON as well.")] = None,
) -> None:
    """Fetch what the supplier's users bought and sold in a period (kWh, in total), and how many they are; where the
    market is settled also what they imported and exported, and what the supplier owes for it: the clearing price for
    what they bought less what they sold, to other suppliers (owed_to_suppliers; negative: they owe it), and the
    network_fee of its tariff for import and export, to the grid. Both are exact, in the market's currency.

    Every compute party sends its share, sealed to the supplier: the shares of all of them are needed, and are checked
    against each other. There are no totals over fewer users than minimum_group of the market. Import and export are
    over the readings that were there in time; what came later is in the corrections of the month (`bills`).

    With --month the totals of its periods are fetched one by one, and added up here: the parties reveal none of a
    month. Periods that have none are left out, counted, and named in the JSON: void, over too few users, not over yet,
    or longer ago than parties keep them.

    \b
    Examples:
      mpc-market supplier totals --home green --market market.toml --period 2026-11-21T12:00:00Z --csv totals.csv
      mpc-market supplier totals --home green --market market.toml --month 2026-11 --json november.json

    Exit code: 0 verified; 1 there are none, or a check failed: the message says which; 2 bad input.
    """
    from parties.cli.supplier_totals import month_totals, period_totals, read_when  # noqa: PLC0415

    problems = Problems()
    check_outputs({"--csv": csv, "--json": json}, (home, market), problems)
    own, running, start = read_when(home, market, period, month, problems)
    found = period_totals(own, running, start) if month is None else month_totals(own, running, start)
    files = {csv: found.csv, json: found.json}
    write_files({file: [text] for file, text in files.items() if file is not None})
    for line in found.lines:
        typer.echo(line)


@app.command()
@exit_codes()
def bills(
    home: HomePath,
    market: Annotated[str, typer.Option(metavar="MARKET.toml", show_default=False, help="The market file.")],
    month: Annotated[str, typer.Option(metavar="MONTH", show_default=False, help=MONTH_HELP)],
    *,
    html: Annotated[str | None, typer.Option(metavar="FILE", help="Write a statement to read and to print.")] = None,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Write the amounts as CSV.")] = None,
    json: Annotated[str | None, typer.Option(metavar="FILE", help="Write all of it as JSON.")] = None,
) -> None:
    """Fetch what each customer owes for a closed month: one amount, rounded to the cent, and no volumes.

    Flags amounts that rest on estimates, and shows what late and corrected readings have changed in total, over at
    least minimum_group customers. What is behind an amount is the customer's: `meter bill` shows it to the customer.

    \b
    Example:
      mpc-market supplier bills --home green --market market.toml --month 2026-11 --html november.html

    Exit code: 0 verified; 1 there are none, or a check failed: the message says which; 2 bad input.
    """
    from mpc_market.wire.identifiers import Stage  # noqa: PLC0415
    from parties.cli.settled import ask, month_of, read_settled  # noqa: PLC0415
    from parties.statement.month import supplier_month  # noqa: PLC0415
    from parties.statement.month_output import month_csv, month_json, month_lines  # noqa: PLC0415
    from parties.statement.month_page import month_page  # noqa: PLC0415
    from parties.supplier.home import read_supplier_home  # noqa: PLC0415
    from parties.supplier.sheets import fetch_month  # noqa: PLC0415

    problems = Problems()
    check_outputs({"--html": html, "--csv": csv, "--json": json}, (home, market), problems)
    running, own = read_settled(market, problems), read_supplier_home(Path(home), problems)
    start = month_of(running, month, problems)
    problems.check()
    assert running is not None
    assert running.calendar is not None
    assert own is not None
    sheets = ask(running, Stage.CLOSING, lambda api, staged: fetch_month(api, staged, own, start))
    made = supplier_month(own.supplier, start, *sheets, running.settings, running.calendar, len(running.parties))
    written = ((html, month_page), (csv, month_csv), (json, month_json))
    write_files({file: [text(made)] for file, text in written if file is not None})
    for line in month_lines(made):
        typer.echo(line)


@app.command("publish-tariff")
@exit_codes()
def publish_tariff(
    home: HomePath,
    market: Annotated[str, typer.Option(metavar="MARKET.toml", show_default=False, help="The market file.")],
    number: Annotated[int, typer.Option(metavar="N", min=1, show_default=False, help="Higher than any before.")],
    begins: Annotated[str, typer.Option("--from", metavar="UTC", show_default=False, help="First period it is for.")],
    retail: Annotated[str, typer.Option(metavar="PRICE", show_default=False, help="Currency per kWh, with the fee.")],
    feed_in: Annotated[str, typer.Option(metavar="PRICE", show_default=False, help="Currency per kWh.")],
    fee: Annotated[str, typer.Option(metavar="PRICE", show_default=False, help="The network fee: currency per kWh.")],
    until: Annotated[str | None, typer.Option(metavar="UTC", help="The first period it is no longer for.")] = None,
) -> None:
    """Sign a tariff and publish it to every compute party. It must reach all of them before its first period begins.

    Of several tariffs that hold for a period, the one with the highest number counts. Safe to repeat.

    A tariff begins and ends with a day in the market's time zone, and within a billing month all tariffs of a supplier
    on the same day: the amount of a month shows nothing shorter. No price is negative, and retail, which includes the
    fee, is not below feed-in.

    \b
    Example:
      mpc-market supplier publish-tariff --home green --market market.toml --number 1 --from 2026-11-30T23:00:00Z \\
        --retail 0.3000 --feed-in 0.0500 --fee 0.0300

    Exit code: 0 all parties have it; 1 not all: the message says why; 2 bad input.
    """
    from parties.cli.supplier_tariff import publish, read_tariff  # noqa: PLC0415
    from parties.cli.supplier_totals import open_supplier  # noqa: PLC0415

    problems = Problems()
    own, running = open_supplier(home, market, problems)
    tariff = read_tariff(own, running, number, (begins, until), (retail, feed_in, fee))
    if not publish(own, running, tariff):
        raise typer.Exit(1)
