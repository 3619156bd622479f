"""`mpc-market meter bill`: a user's month, by line."""

from pathlib import Path
from typing import Annotated

import typer

from parties.cli.exits import exit_codes
from parties.cli.metavars import MONTH_HELP
from parties.files.output import check_outputs, write_files
from parties.files.problems import Problems


@exit_codes()
def bill(
    home: Annotated[str, typer.Option("--home", metavar="DIR", show_default=False, help="The meter's home.")],
    month: Annotated[str, typer.Option(metavar="MONTH", show_default=False, help=MONTH_HELP)],
    *,
    market: Annotated[
        str | None, typer.Option(metavar="MARKET.toml", help="The market file, instead of the one that the home names.")
    ] = None,
    html: Annotated[str | None, typer.Option(metavar="FILE", help="Write a statement to read and to print.")] = None,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Write the lines as CSV.")] = None,
    json: Annotated[str | None, typer.Option(metavar="FILE", help="Write them as JSON.")] = None,
) -> None:
    """Fetch the bill of a closed month: what was traded, drawn and fed in, at which prices, and what is due.

    Only the meter can open the lines: the supplier is told the amount due and nothing else. The amount due is computed
    by the parties on shares; that it is the total of the lines is checked. Shows also what the local market has saved
    against import at the retail price and export at the feed-in price.

    \b
    Example:
      mpc-market meter bill --home meters/m17 --month 2026-11 --html november.html

    Exit code: 0 verified; 1 there is none, or a check failed: the message says which; 2 bad input.
    """
    from mpc_market.wire.identifiers import Stage  # noqa: PLC0415
    from parties.cli.settled import ask, month_of, only_clears  # noqa: PLC0415
    from parties.meter.bills import fetch_bill  # noqa: PLC0415
    from parties.meter.sources import open_meters  # noqa: PLC0415
    from parties.statement.bill import user_bill  # noqa: PLC0415
    from parties.statement.bill_output import bill_csv, bill_json, bill_lines  # noqa: PLC0415
    from parties.statement.bill_page import bill_page  # noqa: PLC0415

    problems = Problems()
    path, opened, (meter,) = open_meters([Path(home)], market)
    check_outputs({"--html": html, "--csv": csv, "--json": json}, (home, str(path)), problems)
    running, calendar = opened.running, opened.running.calendar
    if calendar is None:
        only_clears(path, problems)
    start = month_of(running, month, problems)
    problems.check()
    assert calendar is not None
    sheets = ask(running, Stage.CLOSING, lambda api, staged: fetch_bill(api, staged, meter.home, start))
    made = user_bill(meter.id, start, *sheets, running.settings, calendar, len(running.parties))
    written = ((html, bill_page), (csv, bill_csv), (json, bill_json))
    write_files({file: [text(made)] for file, text in written if file is not None})
    for line in bill_lines(made):
        typer.echo(line)
