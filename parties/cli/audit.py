"""`mpc-market audit …`: what anybody can run who wants to know whether a market kept to its rules."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parties.cli.exits import FAILED, exit_codes
from parties.files.output import check_folder
from parties.files.problems import Problems, printable

if TYPE_CHECKING:
    from parties.audit.evidence import Evidence
    from parties.audit.fetching import Fetched
    from parties.files.running import RunningMarket

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="An auditor: save what a market has made public, and verify it offline.",
)

MarketPath = Annotated[
    str, typer.Option("--market", metavar="MARKET.toml", show_default=False, help="The market file: the public keys.")
]
Folder = Annotated[
    str, typer.Argument(metavar="DIR", show_default=False, help="The directory that `audit fetch` has made.")
]

EvidenceFiles = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE",
        show_default=False,
        help="What a meter shows of a submission, as JSON (`mpc-market meter evidence`). May be given again.",
    ),
]
HeaderFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", show_default=False, help="Instead: a submission's header, as bytes or in hex."),
]
ReceiptFiles = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", show_default=False, help="A receipt of a party for it. May be given again."),
]
DeliveryFiles = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE", show_default=False, help="A delivery of a party: it holds the path. May be given again."
    ),
]


@app.command()
@exit_codes()
def fetch(
    market: MarketPath,
    out: Annotated[
        str, typer.Option(metavar="DIR", show_default=False, help="Where to save them; made if it is not there.")
    ],
) -> None:
    """Save the chains of public records of all parties. What was saved before stays; what is new is added.

    One file per party, one record (JSON) per line; of a market that is settled also the chains of its settlements,
    corrections and closings, in directories of their own. A party that tells its past otherwise than before is found
    out.

    \b
    Example:
      mpc-market audit fetch --market market.toml --out records

    Exit code: 0 the chains of all parties are there; 1 not all of them; 2 bad input.
    """
    problems = Problems()
    check_folder("--out", out, (), problems)
    running = _read_market(market, problems)
    fine = True
    for stage, found in _fetch(running, Path(out)):
        for each in found:
            name = f"{stage} of " * bool(stage) + f"party {each.party}"
            said = f"{name} ({printable(running.parties[each.party].name, 64)})"
            typer.echo(f"{said}: {each.count} records, {each.new} of them new")
            if each.trouble:
                fine = False
                typer.echo(f"mpc-market: not all: {printable(each.trouble, 1000)}", err=True)
    raise typer.Exit(0 if fine else FAILED)


@app.command()
@exit_codes()
def verify(
    folder: Folder,
    market: MarketPath,
    *,
    evidence: EvidenceFiles = None,
    header: HeaderFile = None,
    receipt: ReceiptFiles = None,
    delivery: DeliveryFiles = None,
) -> None:
    """Verify saved chains, offline: signatures, hash chains, drawn lots, and that all parties tell the same.

    With what a meter has kept of a submission: whether its acknowledged order is in the set that was computed on, and
    the tickets of its orders. Says what is proved, and what is not.

    \b
    Examples:
      mpc-market audit verify records --market market.toml
      mpc-market audit verify records --market market.toml --evidence m17.json

    Exit code: 0 everything that can be checked holds; 1 something is wrong; 2 bad input.
    """
    from mpc_market.wire.identifiers import Stage  # noqa: PLC0415
    from parties.audit.orders import check_order  # noqa: PLC0415
    from parties.audit.verifying import verify_all  # noqa: PLC0415
    from parties.audit.wording import order_lines, report_lines, verdict_line  # noqa: PLC0415

    problems = Problems()
    given = _evidence(evidence or [], header, receipt or [], delivery or [], problems)
    running = _read_market(market, problems)
    for each in given:
        if each.period.market != running.id:
            problems.add("evidence", f"it is of market {each.period.market}, not {running.id}")
    problems.check()
    reports = verify_all(Path(folder), running)
    cleared = reports[Stage.CLEARING]
    orders = [
        check_order(each, cleared.audited(each.period.start), running.committee(each.period.start)) for each in given
    ]
    for stage, report in reports.items():
        for line in ("",) * bool(stage) + tuple(report_lines(report)):
            typer.echo(line)
    for order in orders:
        for line in ("", *order_lines(order)):
            typer.echo(line)
    typer.echo(verdict_line(list(reports.values()), orders))
    fine = all(report.holds for report in reports.values()) and all(order.holds for order in orders)
    raise typer.Exit(0 if fine else FAILED)


@app.command()
@exit_codes()
def ticket(
    folder: Folder,
    orders: Annotated[
        list[str],
        typer.Argument(metavar="ORDER_ID...", show_default=False, help="Ids of orders: METER/0, METER/1, …"),
    ],
    market: MarketPath,
    period: Annotated[
        str, typer.Option(metavar="UTC", show_default=False, help="Start of the period, such as 2026-11-21T12:00:00Z.")
    ],
) -> None:
    """Draw the lots of a round again: the tickets of some orders, earliest first. Offline.

    Equal claims at the clearing price are served in ticket order. The seed is public, so anybody can check whose
    ticket came first.

    \b
    Example:
      mpc-market audit ticket records m17/0 m18/0 --market market.toml --period 2026-11-21T12:00:00Z

    Exit code: 0 drawn; 1 there is no seed: the round is void, or its record does not hold; 2 bad input.
    """
    from mpc_market.errors import InvalidOrderError, MarketError  # noqa: PLC0415
    from parties.audit.tickets import tickets  # noqa: PLC0415
    from parties.audit.verifying import verify as verify_chains  # noqa: PLC0415
    from parties.audit.wording import ticket_line  # noqa: PLC0415
    from parties.client.periods import period_start  # noqa: PLC0415

    problems = Problems()
    running = _read_market(market, problems)
    try:
        start = period_start(period, running.period_seconds)
    except InvalidOrderError as error:
        problems.add("--period", str(error))
    for order in orders:
        if re.fullmatch(r"[^/]+/(0|[1-9][0-9]*)", order) is None:
            problems.add("ORDER_ID", f"'{printable(order, 80)}' is the id of no order: METER/0, METER/1, …")
    problems.check()
    audited = verify_chains(Path(folder), running).audited(start)
    if audited is None:
        raise MarketError(f"{period}: no record of this round that holds is in {printable(folder, 200)}")
    if audited.randomness is None:
        raise MarketError(f"{period}: the round is void, and no lots were drawn")
    typer.echo(f"ticket seed {audited.randomness.ticket_seed.hex()}")
    for each in tickets(audited.randomness.ticket_seed, orders):
        typer.echo(ticket_line(each))


def _read_market(path: str, problems: Problems) -> "RunningMarket":
    """Raises: InputError with the problems found so far and here."""
    from parties.files.running_toml import read_running  # noqa: PLC0415

    running = read_running(path, problems)
    problems.check()
    assert running is not None
    return running


def _fetch(running: "RunningMarket", out: Path) -> "list[tuple[str, list[Fetched]]]":
    """What came of each stage, by its name."""
    import asyncio  # noqa: PLC0415
    import time  # noqa: PLC0415

    from parties.audit.fetching import PublicApi  # noqa: PLC0415
    from parties.audit.fetching import fetch as fetch_chains  # noqa: PLC0415
    from parties.audit.saved import stage_folder, stages_of  # noqa: PLC0415
    from parties.client.api import pinned  # noqa: PLC0415

    async def run() -> "list[tuple[str, list[Fetched]]]":
        found = []
        for stage in stages_of(running):
            async with PublicApi(stage.of(running.id), pinned(running, int(time.time()))) as api:
                found.append((stage.value, await fetch_chains(api, stage_folder(out, stage))))
        return found

    return asyncio.run(run())


def _evidence(
    files: list[str], header: str | None, receipts: list[str], deliveries: list[str], problems: Problems
) -> "list[Evidence]":
    """What was named on the command line; what cannot be read is noted."""
    from parties.audit.evidence_files import read_evidence, read_messages  # noqa: PLC0415

    given = [read_evidence(path, problems) for path in files]
    given.append(read_messages(header, receipts, deliveries, problems))
    return [each for each in given if each is not None]
