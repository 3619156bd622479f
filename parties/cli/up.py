"""`mpc-market up`: a whole market on this machine, for a look."""

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpc_market.errors import InputError, InvalidSettingsError
from parties.cli.exits import FAILED, exit_codes
from parties.launch.setups import SetUp

if TYPE_CHECKING:
    from parties.launch.community import Community
    from parties.launch.running import Run

PERIOD_MIN = 5
"""Seconds: shorter ones leave no time to compute on a machine that all parties share."""


@exit_codes()
def up(
    *,
    parties: Annotated[int, typer.Option(help="Compute parties: 3, 5 or 7.")] = 3,
    meters: Annotated[int, typer.Option(min=1, max=10_000, help="Smart meters.")] = 20,
    set_up: Annotated[
        SetUp,
        typer.Option(
            "--set-up", help="Who submits: each party's own meters or customers, representatives, every meter itself."
        ),
    ] = SetUp.INDIRECT_CUSTOMERS,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds in which they take part.")] = 3,
    period: Annotated[str, typer.Option(metavar="DURATION", help="Period: seconds such as 10s, or ISO 8601.")] = "10s",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep all files here, in a new directory.  [default: a temporary one]"),
    ] = None,
) -> None:
    """Bring up a whole market on this machine, let it run some rounds, and audit its records.

    Compute parties as services with their own keys and storage, TLS between all, meters that submit random orders,
    fetch their results and verify them: everything as it is run on separate hosts, in one directory. It protects
    nobody, since whoever administers this machine can read the shares of all parties.

    \b
    Examples:
      mpc-market up
      mpc-market up --set-up indirect-peers --meters 9
      mpc-market up --parties 5 --meters 100 --rounds 5 --period 20s --out try

    Exit code: 0 all results and records are verified; 1 not all; 2 bad input; 130 Ctrl-C.
    """
    seconds = _seconds(period)
    if parties not in (3, 5, 7):
        raise InputError((f"--parties: {parties}: a market has 3, 5 or 7 compute parties",))
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError((f"--out: {out} is there already: name a new or an empty directory",))
    place = tempfile.TemporaryDirectory(prefix="mpc-market-") if out is None else nullcontext(str(out))
    with place as directory:
        run = _run(Path(directory).absolute(), (parties, meters, rounds, seconds), set_up)
    raise typer.Exit(0 if run.verified and run.audit.holds else FAILED)


def _run(directory: Path, numbers: tuple[int, int, int, int], set_up: SetUp) -> "Run":
    parties, meters, rounds, seconds = numbers
    import asyncio  # noqa: PLC0415

    from parties.audit.wording import report_lines, verdict_line  # noqa: PLC0415
    from parties.launch.community import make_community  # noqa: PLC0415
    from parties.launch.running import run  # noqa: PLC0415
    from parties.launch.screen import live  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    community = make_community(directory, parties, meters, seconds)
    _tell(community, seconds)
    with live(community.running.settings) as show:
        done = asyncio.run(run(community, set_up, rounds, show, typer.echo))
    typer.echo("")
    for line in report_lines(done.audit):
        typer.echo(line)
    typer.echo(verdict_line(done.audit, ()))
    typer.echo(
        "all meters have verified their results" if done.verified else "NOT all meters could verify their results"
    )
    return done


def _tell(community: "Community", seconds: int) -> None:
    typer.echo(f"a market with {len(community.meters)} meters, a period of {seconds} s: {community.directory}")


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
