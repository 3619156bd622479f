"""The entry point of `mpc-market`."""

import io
import os
import sys
from typing import Annotated

import typer

from mpc_market import __version__
from parties.cli.arbiter import app as arbiter
from parties.cli.audit import app as audit
from parties.cli.clear import check, clear
from parties.cli.demo import demo
from parties.cli.grid import app as grid
from parties.cli.init import init
from parties.cli.meter import app as meter
from parties.cli.party import app as party
from parties.cli.registrar import app as registrar
from parties.cli.supplier import app as supplier
from parties.cli.up import up

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    # Plain help: rich would take half of the time that --help may take. Plain tracebacks: the pretty ones
    # print local variables, and those hold orders.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mpc-market {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """A local electricity market, cleared by compute parties of which none sees an order."""


app.command()(clear)
app.command()(check)
app.command()(demo)
app.command()(up)
app.command()(init)
app.add_typer(party, name="party")
app.add_typer(registrar, name="registrar")
app.add_typer(meter, name="meter")
app.add_typer(supplier, name="supplier")
app.add_typer(grid, name="grid")
app.add_typer(audit, name="audit")
app.add_typer(arbiter, name="arbiter")


def main() -> None:
    """Run the command line and exit: 0 success, 1 failure of the computation, 2 bad input, 130 Ctrl-C."""
    # Closed streams (`>&-`) swallow what is said, as a service would expect.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where the terminal has no letter for an id, an escape is better than no table.
        sys.stdout.reconfigure(errors="backslashreplace")
    app(prog_name="mpc-market")


if __name__ == "__main__":
    main()
