"""`mpc-market party …`: what the operator of a compute party runs."""

import typer

from parties.cli.party_keys import adopt, keygen, rotate
from parties.cli.party_ledger import backup, restore
from parties.cli.party_run import run

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="A compute party: keys, ledger, running it.")

app.command()(run)
app.command()(keygen)
app.command()(rotate)
app.command()(adopt)
app.command()(backup)
app.command()(restore)
