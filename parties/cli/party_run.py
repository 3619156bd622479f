"""`mpc-market party run`: run a compute party."""

from parties.cli.exits import exit_codes
from parties.cli.party_keys import Home


@exit_codes()
def run(home: Home) -> None:
    """Run a compute party: take orders, clear round after round, hand out results.

    Logs are JSON lines on standard error. The roll and the market file are read again when they change. Stop it with
    SIGTERM or Ctrl-C: a round that is under way is finished or resumed by the next start.

    \b
    Example:
      mpc-market party run --home /var/lib/mpc-market

    Exit code: 0 it was told to end; 1 it cannot start or go on; 2 something in the home is wrong.
    """
    from parties.service.run import run as run_service  # noqa: PLC0415

    run_service(home)
