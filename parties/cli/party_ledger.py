"""`mpc-market party backup`, `restore`: the ledger of a compute party."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpc_market.errors import InputError
from parties.cli.exits import exit_codes
from parties.cli.party_keys import Home
from parties.files.problems import Problems, printable

if TYPE_CHECKING:
    from parties.files.party_home import PartyHome

_SERVER = "postgresql:"


@exit_codes()
def backup(
    home: Home,
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="The backup; made, 0600.")],
) -> None:
    """Copy the ledger of a party to a new file: no backup is ever replaced. The party may be running meanwhile.

    The backup holds shares of orders and results, so keep it as private as the home; it holds no sealing keys and no
    secrets of rounds. Keys and party.toml of the home are not in it: they change rarely, copy them by themselves.
    On PostgreSQL, use the server's own tools (pg_dump).

    \b
    Example:
      mpc-market party backup --home /var/lib/mpc-market/home /backup/ledger-$(date +%F).db

    Exit code: 0 made; 1 it cannot be made; 2 bad input.
    """
    import asyncio  # noqa: PLC0415

    from parties.ledger import back_up  # noqa: PLC0415

    opened = _open(home)
    if opened.database.startswith(_SERVER):
        raise InputError(("backup: the ledger is on PostgreSQL: make backups with the server's own tools",))
    asyncio.run(back_up(opened.database, file))
    typer.echo(f"{printable(str(file), 200)}: the ledger of party {opened.number}, {file.stat().st_size:,} bytes")


@exit_codes()
def restore(
    home: Home,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", show_default=False, help="The backup; not on PostgreSQL.")
    ] = None,
) -> None:
    """Put a backup in the place of a ledger that is lost, before the party is started again.

    A backup has forgotten what the party signed later. So that it never signs two things, it takes no part in rounds
    that were open when it is started: they become void, and it goes on with the next one. Make sure that the old ledger
    is not used by another process, now or later. A ledger that is there is not replaced: move it away.

    Without FILE it is the ledger that is there, restored by a server's own tools perhaps, or else a new, empty one.
    Run it as the user whom the home belongs to.

    \b
    Example:
      mpc-market party restore --home /var/lib/mpc-market/home /backup/ledger-2026-11-26.db

    Exit code: 0 restored; 1 it cannot be restored: nothing has changed; 2 bad input.
    """
    import asyncio  # noqa: PLC0415

    from parties.ledger import restore as put_back  # noqa: PLC0415

    opened = _open(home, own=True)
    if file is not None and opened.database.startswith(_SERVER):
        raise InputError(("restore: on PostgreSQL, restore with the server's own tools, and name no FILE",))
    if file is None:
        fenced = asyncio.run(_fence(opened))
        typer.echo(f"party {opened.number}: the ledger knows of {fenced} rounds under way, and stands aside in them")
    else:
        asyncio.run(put_back(file, opened.database, opened.number))
        typer.echo(f"party {opened.number} has its ledger back as it was in {printable(str(file), 200)}")
    typer.echo("next: mpc-market party run; it takes part again in the first round that opens after that")


async def _fence(home: "PartyHome") -> int:
    from parties.ledger import Ledger  # noqa: PLC0415

    ledger = await Ledger.open(home.database, home.number)
    try:
        return await ledger.fence()
    finally:
        await ledger.close()


def _open(path: Path, *, own: bool = False) -> "PartyHome":
    """`own`: only as the user whom it belongs to. Raises: InputError."""
    import time  # noqa: PLC0415

    from parties.files.party_home import read_party_home  # noqa: PLC0415
    from parties.files.private import check_owner  # noqa: PLC0415

    problems = Problems()
    opened = read_party_home(path, int(time.time()), problems)
    if own and opened is not None:
        check_owner(opened.path, problems)
    problems.check()
    assert opened is not None
    return opened
