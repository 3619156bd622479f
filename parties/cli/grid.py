"""`mpc-market grid …`: what a grid operator runs, the DSO of a region or the TSO of an area."""

from pathlib import Path
from typing import Annotated

import typer

from parties.cli.exits import exit_codes
from parties.files.output import check_outputs, write_files
from parties.files.problems import Problems, printable

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="A grid operator: make its keys, fetch what is imported and exported in its region or area, in total.",
)

HomePath = Annotated[str, typer.Option("--home", metavar="DIR", show_default=False, help="The operator's home.")]


@app.command()
@exit_codes()
def keygen(
    home: HomePath,
    *,
    dso: Annotated[str | None, typer.Option(metavar="REGION", help="A DSO: the region, as in the enrolments.")] = None,
    tso: Annotated[str | None, typer.Option(metavar="AREA", help="A TSO: the area that regions lie in.")] = None,
    area: Annotated[str | None, typer.Option(metavar="AREA", help="The area that a DSO's region lies in.")] = None,
) -> None:
    """Make a home for a grid operator: a private directory with fresh keys. Keys are never overwritten.

    Prints the public keys as a table [[dso]] or [[tso]], for the registrar (`registrar grid add`). Nothing in it is
    secret.

    \b
    Examples:
      mpc-market grid keygen --home tso --tso grid > grid.toml
      mpc-market grid keygen --home north --dso north --area grid > north.toml

    Exit code: 0 made; 1 there is such a directory already; 2 bad input.
    """
    from mpc_market.errors import InvalidSettingsError  # noqa: PLC0415
    from mpc_market.wire.roll import RollArea, RollRegion  # noqa: PLC0415
    from parties.files.key_home import id_of  # noqa: PLC0415
    from parties.files.operators import Operator, operator_text  # noqa: PLC0415
    from parties.grid.home import make_grid_home  # noqa: PLC0415

    problems = Problems()
    if (dso is None) == (tso is None):
        problems.add("keygen", "say one of: --dso REGION with --area AREA, --tso AREA")
    elif (dso is None) != (area is None):
        problems.add("--area", "goes with --dso: the area that its region lies in")
    for option, what, value in (("--dso", "region", dso), ("--tso", "TSO's area", tso), ("--area", "TSO's area", area)):
        try:
            value is None or id_of(what)(value)
        except InvalidSettingsError as error:
            problems.add(option, str(error))
    problems.check()
    made = make_grid_home(Path(home), "tso" if dso is None else "dso", dso or tso or "")
    keys = made.identity.public, made.sealing.public
    row: Operator = RollArea(made.name, *keys) if dso is None else RollRegion(made.name, *keys, area or "")
    name = (
        f"the TSO of area {printable(made.name, 64)}"
        if dso is None
        else f"the DSO of region {printable(made.name, 64)}"
    )
    typer.echo(f"# public keys of {name}: hand them to the registrar")
    typer.echo(operator_text(row).strip())


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
        str | None, typer.Option(metavar="MONTH", help="Instead: what late and corrected readings changed in a month.")
    ] = None,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Write them as CSV as well.")] = None,
    json: Annotated[str | None, typer.Option(metavar="FILE", help="Write them as JSON as well.")] = None,
) -> None:
    """Fetch import and export (kWh): a DSO those of its region and of each supplier in it, a TSO those of each region.

    Every compute party sends its share, sealed to the operator; the shares of all are checked against each other.
    There are no totals over fewer users than minimum_group, and none from which a smaller one would follow. The totals
    of a period are over the readings that were there in time, and never change; what came later is in the totals of
    the month in which it was booked (--month). With a period a DSO is told what each supplier owes for its users in the
    region: the network_fee of its tariff for import and export, exact, in the market's currency.

    \b
    Examples:
      mpc-market grid totals --home north --market market.toml --period 2026-11-21T12:00:00Z
      mpc-market grid totals --home north --market market.toml --month 2026-11 --csv corrections.csv

    Exit code: 0 verified; 1 there are none, or a check failed: the message says which; 2 bad input.
    """
    from mpc_market.wire.sheet import Content  # noqa: PLC0415
    from parties.cli.settled import ask, read_settled, start_of  # noqa: PLC0415
    from parties.client.sheets import stage_of_content  # noqa: PLC0415
    from parties.grid.home import read_grid_home  # noqa: PLC0415
    from parties.grid.output import totals_csv, totals_json, totals_lines, totals_title  # noqa: PLC0415
    from parties.grid.totals import fetch_totals  # noqa: PLC0415

    problems = Problems()
    check_outputs({"--csv": csv, "--json": json}, (home, market), problems)
    running, own = read_settled(market, problems), read_grid_home(Path(home), problems)
    start = start_of(running, period, month, problems)
    problems.check()
    assert running is not None
    assert own is not None
    content = Content.CORRECTIONS if period is None else Content.TOTALS
    sheet = ask(running, stage_of_content(content), lambda api, staged: fetch_totals(api, staged, own, content, start))
    settings, when = running.settings, period or month or ""
    files = {}
    if csv is not None:
        files[csv] = [totals_csv(sheet, settings, running.id, when)]
    if json is not None:
        files[json] = [totals_json(sheet, settings, running.id, when)]
    write_files(files)
    typer.echo(f"{running.id}, {when}, {totals_title(sheet, settings)}")
    for line in totals_lines(sheet, settings):
        typer.echo(line)
    typer.echo(f"verified: the shares of all {len(running.parties)} parties fit together")
