"""`mpc-market party run`: run a compute party."""

from typing import Annotated

import typer

from mpc_market.errors import InputError
from parties.cli.exits import exit_codes
from parties.cli.party_keys import Home

Workers = Annotated[
    int | None,
    typer.Option(
        min=1, show_default=False, help="Rounds that compute at once, one process each.  [default: as many as cores]"
    ),
]

StandBy = Annotated[
    bool,
    typer.Option(
        "--stand-by", help="If another process runs this party on the same database, wait, and take over when it ends."
    ),
]

Intake = Annotated[
    bool,
    typer.Option(
        "--intake", help="Take orders beside the process that runs this party, on the same PostgreSQL database."
    ),
]


@exit_codes()
def run(home: Home, workers: Workers = None, stand_by: StandBy = False, intake: Intake = False) -> None:
    """Run a compute party: take orders, clear round after round, hand out results.

    One process serves all markets of the home: the one in party.toml, and those in markets/ID/ with market.toml and
    roll.bin of each. Logs are JSON lines on standard error. Rolls and market files are read again when they change.
    Stop it with SIGTERM or Ctrl-C: a round that is under way is finished or resumed by the next start.

    With --intake it is a replica, of which there may be many: it serves the public API, and leaves it to the one
    process without --intake to drive the rounds, speak with the other parties and compute.

    \b
    Example:
      mpc-market party run --home /var/lib/mpc-market/home
      mpc-market party run --home /var/lib/mpc-market/home --intake

    Exit code: 0 it was told to end; 1 it cannot start or go on; 2 something in the home is wrong.
    """
    from parties.service.run import run as run_service  # noqa: PLC0415

    if intake and (stand_by or workers is not None):
        raise InputError(("--intake: a replica neither stands by nor computes: leave --stand-by and --workers out",))
    run_service(home, workers, stand_by=stand_by, intake=intake)
