"""`mpc-market up`: a whole market on this machine, for a look."""

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpc_market.errors import InputError, InvalidSettingsError
from parties.cli.exits import FAILED, exit_codes
from parties.files.problems import counted
from parties.launch.setups import SetUp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parties.launch.community import Community
    from parties.launch.running import Run
    from parties.meter.home import Home

PERIOD_MIN = 5
"""Seconds: shorter ones leave no time to compute on a machine that all parties share."""


@exit_codes()
def up(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", show_default=False, help="A market directory: one with a community.toml."),
    ] = None,
    *,
    rounds: Annotated[int, typer.Option(metavar="N", min=1, help="Rounds in which they take part.")] = 3,
    parties: Annotated[
        int | None, typer.Option(show_default=False, help="Compute parties: 3, 5 or 7.  [default: 3]")
    ] = None,
    meters: Annotated[
        int | None, typer.Option(min=1, max=10_000, show_default=False, help="Smart meters.  [default: 20]")
    ] = None,
    set_up: Annotated[
        SetUp | None,
        typer.Option(
            "--set-up",
            show_default=False,
            help="Who submits: each party's own meters or customers, representatives, every meter itself.  "
            "[default: indirect-customers]",
        ),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", show_default=False, help="Period: seconds such as 10s, or ISO 8601.  [default: 10s]"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep all files here, in a new directory.  [default: a temporary one]"),
    ] = None,
) -> None:
    """Bring up a whole market on this machine, let it run some rounds, and audit its records.

    Compute parties as services with their own keys and storage, TLS between all, meters that submit random orders,
    fetch their results and verify them: everything as it is run on separate hosts, in one directory. It protects
    nobody, since whoever administers this machine can read the shares of all parties.

    With DIR it is the market that DIR/community.toml describes: who runs the parties, who submits for which meters, and
    whether it settles; then the meters send readings too, and settlements are waited for. Keys are made in DIR when it
    is used first, and it goes on with them when it is used again.

    \b
    Examples:
      mpc-market up
      mpc-market up --set-up indirect-peers --meters 9
      mpc-market up examples/S3-indirect-customers
      mpc-market up --parties 5 --meters 100 --rounds 5 --period 20s --out try

    Exit code: 0 all results and records are verified; 1 not all; 2 bad input; 130 Ctrl-C.
    """
    if directory is not None:
        said = {"parties": parties, "meters": meters, "set-up": set_up, "period": period, "out": out}
        run = _run_directory(directory, [f"--{name}" for name, value in said.items() if value is not None], rounds)
    else:
        numbers = 3 if parties is None else parties, 20 if meters is None else meters, _seconds(period or "10s")
        run = _run_drawn(numbers, set_up or SetUp.INDIRECT_CUSTOMERS, rounds, out)
    raise typer.Exit(0 if run.verified and all(audit.holds for audit in run.audits) else FAILED)


def _run_directory(directory: Path, more: list[str], rounds: int) -> "Run":
    """The market of a directory. `more`: options that say what the directory says. Raises: InputError."""
    from parties.launch.directory import open_directory  # noqa: PLC0415

    if more:
        raise InputError((f"{', '.join(more)}: with a DIR, its community.toml says that",))
    community, clients = open_directory(directory.absolute())
    return _run(community, clients, rounds)


def _run_drawn(numbers: tuple[int, int, int], set_up: SetUp, rounds: int, out: Path | None) -> "Run":
    """A market of this many parties, meters and seconds. Raises: InputError."""
    from parties.launch.community import make_community  # noqa: PLC0415
    from parties.launch.setups import clients  # noqa: PLC0415

    parties, meters, seconds = numbers
    if parties not in (3, 5, 7):
        raise InputError((f"--parties: {parties}: a market has 3, 5 or 7 compute parties",))
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError((f"--out: {out} is there already: name a new or an empty directory",))
    place = tempfile.TemporaryDirectory(prefix="mpc-market-") if out is None else nullcontext(str(out))
    with place as name:
        directory = Path(name).absolute()
        directory.mkdir(parents=True, exist_ok=True)
        community = make_community(directory, parties, meters, seconds)
        return _run(community, clients(set_up, community.meters, parties), rounds)


def _run(community: "Community", clients: "Mapping[str, Sequence[Home]]", rounds: int) -> "Run":
    import asyncio  # noqa: PLC0415

    from parties.audit.wording import report_lines, verdict_line  # noqa: PLC0415
    from parties.launch.running import run  # noqa: PLC0415
    from parties.launch.screen import live  # noqa: PLC0415

    meters, seconds = len(community.meters), community.running.period_seconds
    typer.echo(f"a market with {meters} meters, a period of {seconds} s: {community.directory}")
    with live(community.running.settings) as show:
        done = asyncio.run(run(community, clients, rounds, show, typer.echo))
    typer.echo("")
    for audit in done.audits:
        if audit.told() or not audit.holds:  # no month was closed, say
            for line in report_lines(audit):
                typer.echo(line)
    typer.echo(verdict_line(done.audits, ()))
    void = sum(seen.state == "void" for seen in done.rounds.values())
    if void:
        typer.echo(
            f"{counted(void, 'round')} void: not computed within the deadline; try --period 30s; "
            "--out DIR keeps the logs"
        )
    if community.running.calendar is not None:
        settled = sum(seen.settled == "result" for seen in done.rounds.values())
        typer.echo(f"{settled} of {counted(len(done.rounds), 'period')} settled")
    typer.echo(
        "all meters have verified their results" if done.verified else "NOT all meters could verify their results"
    )
    return done


def _seconds(text: str) -> int:
    """A duration of whole seconds. Raises: InputError."""
    from parties.files.values import duration  # noqa: PLC0415

    try:
        iso = f"PT{text[:-1]}S" if text[-1:] == "s" else text
        seconds = int(duration(iso).total_seconds())
    except InvalidSettingsError:
        raise InputError((f"--period: '{text}' is no duration such as 10s or PT1M",)) from None
    if seconds < PERIOD_MIN:
        raise InputError((f"--period: {seconds} s is too short: at least {PERIOD_MIN} s",))
    return seconds
