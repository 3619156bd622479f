"""`mpc-market arbiter …`: what those run whom a user has named to decide a dispute."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parties.cli.exits import FAILED, exit_codes
from parties.files.output import check_folder, check_outputs, write_files
from parties.files.problems import Problems, printable

if TYPE_CHECKING:
    from parties.arbiter.case import Case
    from parties.arbiter.home import ArbiterHome
    from parties.files.running import RunningMarket

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="An arbiter: fetch what the parties disclose of a user who asks for it, and judge by signatures alone.",
)

HomePath = Annotated[str, typer.Option("--home", metavar="DIR", show_default=False, help="The arbiter's home.")]
MarketPath = Annotated[
    str, typer.Option("--market", metavar="MARKET.toml", show_default=False, help="The market file: the public keys.")
]


@app.command()
@exit_codes()
def keygen(
    home: HomePath,
    name: Annotated[str, typer.Option(metavar="NAME", show_default=False, help="How disputes will name the arbiter.")],
    out: Annotated[
        str, typer.Option(metavar="ARBITER.toml", show_default=False, help="Where to write what is public.")
    ],
) -> None:
    """Make a home for an arbiter: a private directory with fresh keys; and the file that users name it by.

    \b
    Example:
      mpc-market arbiter keygen --home arbiter --name "ombudsman" --out ombudsman.toml

    Exit code: 0 made; 1 there is a home already; 2 bad input.
    """
    from mpc_market.errors import InputError, InvalidSettingsError  # noqa: PLC0415
    from parties.arbiter.home import make_arbiter_home  # noqa: PLC0415
    from parties.files.disputes import arbiter_text  # noqa: PLC0415

    problems = Problems()
    check_outputs({"--out": out}, (home,), problems)
    problems.check()
    try:
        made = make_arbiter_home(Path(home), name)
    except InvalidSettingsError as error:
        raise InputError((f"--name: {error}",)) from None
    write_files({out: arbiter_text(made.public)}, public=True)
    typer.echo(f"{printable(out, 200)}: give it to whoever wants to name you; nothing in it is secret")


@app.command()
@exit_codes()
def fetch(
    dispute: Annotated[str, typer.Argument(metavar="DISPUTE.json", show_default=False, help="The user's evidence.")],
    home: HomePath,
    market: MarketPath,
    out: Annotated[
        str, typer.Option(metavar="DIR", show_default=False, help="Where to save it all; a private directory.")
    ],
) -> None:
    """Save what a dispute names: public records, and what each party discloses of that user, sealed to this arbiter.

    \b
    Example:
      mpc-market arbiter fetch m17.json --home arbiter --market market.toml --out case-m17

    Exit code: 0 all parties have disclosed everything there is; 1 something is missing: it is said what; 2 bad input.
    """
    import asyncio  # noqa: PLC0415
    import time  # noqa: PLC0415

    from parties.arbiter.case import write_case  # noqa: PLC0415
    from parties.arbiter.fetching import Fetching  # noqa: PLC0415
    from parties.arbiter.home import check_asked  # noqa: PLC0415
    from parties.files.disputes import read_dispute  # noqa: PLC0415

    problems = Problems()
    check_folder("--out", out, (home,), problems)
    own, running = _open(home, market, problems)
    given = read_dispute(Path(dispute), problems)
    problems.check()
    assert own is not None
    assert running is not None
    assert given is not None
    if wrong := check_asked(given.asked, running, own):
        problems.add(dispute, wrong)
        problems.check()

    case = asyncio.run(Fetching(running, own, given).run(int(time.time())))
    _check_known(case)
    write_case(Path(out), case)
    troubles = [answer for by_party in case.answers.values() for answer in by_party.values() if answer.trouble]
    for answer in troubles:
        typer.echo(f"mpc-market: {answer.period}: {printable(answer.trouble, 500)}", err=True)
    disclosures = sum(not answer.trouble for by_party in case.answers.values() for answer in by_party.values())
    typer.echo(f"{printable(out, 200)}: {len(case.records)} rounds, {disclosures} disclosures")
    raise typer.Exit(FAILED if troubles else 0)


@app.command()
@exit_codes()
def check(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", show_default=False, help="The directory that `arbiter fetch` has made.")
    ],
    home: HomePath,
    market: MarketPath,
    out: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the judgement to a file too.")
    ] = None,
) -> None:
    """Judge, offline: what is proved and what is not, why, and whose signature decides it.

    \b
    Example:
      mpc-market arbiter check case-m17 --home arbiter --market market.toml --json verdict.json

    Exit code: 0 judged; 1 somebody has shown something that does not hold, or there is no such round; 2 bad input.
    """
    from parties.arbiter.case import read_case  # noqa: PLC0415
    from parties.arbiter.judging import judge  # noqa: PLC0415
    from parties.arbiter.wording import as_json, lines  # noqa: PLC0415

    problems = Problems()
    check_outputs({"--json": out}, (folder, home, market), problems)
    own, running = _open(home, market, problems)
    case = read_case(Path(folder), problems)
    problems.check()
    assert own is not None
    assert running is not None
    assert case is not None
    _check_known(case)
    judgement = judge(case, running, own)
    for line in lines(judgement, running.settings):
        typer.echo(line)
    if out is not None:
        write_files({out: as_json(judgement, running.settings)})
    raise typer.Exit(FAILED if judgement.faults else 0)


def _check_known(case: "Case") -> None:
    """Raises: MarketError if no party has heard of any round that is contested, and the user shows nothing of one."""
    from mpc_market.errors import MarketError  # noqa: PLC0415
    from parties.files.values import moment_text  # noqa: PLC0415

    starts = case.dispute.asked.starts
    if not any(period.start in starts for period in (*case.records, *case.answers)) and not case.dispute.submissions:
        named = ", ".join(map(moment_text, starts[:3])) + ", …" * (len(starts) > 3)
        raise MarketError(f"no such round: no party knows one of {named}, so there is nothing to judge")


def _open(home: str, market: str, problems: Problems) -> "tuple[ArbiterHome | None, RunningMarket | None]":
    from parties.arbiter.home import read_arbiter_home  # noqa: PLC0415
    from parties.files.running_toml import read_running  # noqa: PLC0415

    return read_arbiter_home(Path(home), problems), read_running(market, problems)
