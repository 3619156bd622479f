"""Backups, and what a restored ledger must not do.

A backup has forgotten what its party signed after it was made. If the party went on in a round that was under way,
it could sign another set, other verdicts or another outcome for it than before, and the same orders would be computed
on twice with different inputs, whose difference reveals orders (parties.md, T10). Therefore:

- A backup holds no sealing keys and no secrets of rounds: they are of use to a thief only (T12).
- A ledger restored from it **fences** every unfinished round that it knows, and every round that opened before the
  moment it was restored: in those this party signs nothing, ever; the others can only declare them void, or
  have already published a result. It takes part again in the first round that opens afterwards, and in those in which
  it turns out that it has said nothing (`Rounds.unfence`).
- Copying the database file by other means gives a ledger that does not know it was restored, and the same holds
  for PostgreSQL's own backups: then it must be fenced before anything else (`Ledger.fence`).
- The party that was restored must be the only one: make sure that the old one will not come back.

`restore` puts a backup where the ledger was; the party then starts as ever. What was stored since the backup is lost:
orders acknowledged in rounds that it fences, results not yet fetched, records of the chain, which other parties and
auditors have.
"""

import asyncio
import os
import sqlite3
import tempfile
import time
from pathlib import Path

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.database import Database
from parties.ledger.errors import LedgerError
from parties.ledger.failures import reported
from parties.ledger.locks import without_intake
from parties.ledger.migrate import migrate
from parties.ledger.place import Place, make_private
from parties.ledger.schema import ledger, rounds, sealing_keys, secrets


async def fence(connection: AsyncConnection, now_ms: int | None) -> int:
    """Fence what may have been signed in, and forget the secrets; how many rounds of those known.

    `now_ms` None: in the backup itself, whose restoring is still to come.
    Raises: InUseError if intake replicas run: they know sealing keys that are forgotten here.
    """
    await connection.run_sync(without_intake, "the ledger is to be fenced")
    await connection.execute(delete(sealing_keys))
    await connection.execute(delete(secrets))
    fenced = await connection.execute(update(rounds).where(~rounds.c.finished).values(fenced=True, collecting=False))
    if now_ms is None:
        await connection.execute(update(ledger).values(backup=True))
    else:
        # A clock that is behind must not let in a round that the ledger itself remembers.
        newest = await connection.scalar(select(func.max(rounds.c.opens_ms)))
        await connection.execute(update(ledger).values(backup=False, restored_ms=max(now_ms, newest or 0)))
    return int(fenced.rowcount)


async def fence_if_backup(connection: AsyncConnection) -> bool:
    """What a ledger does first when it is opened: notice that it was a backup until now."""
    if not await connection.scalar(select(ledger.c.backup)):
        return False
    await fence(connection, time.time_ns() // 1_000_000)
    return True


async def back_up(url: str, target: Path) -> None:
    """Copy a ledger to a new file that only its owner may read; its party may be using it meanwhile (SQLite only).

    The copy is the ledger as it was last committed, without sealing keys and secrets of rounds, and marked as a backup.
    Raises: LedgerError if there is no ledger yet, or something at `target`, or on PostgreSQL, whose own tools make
    backups.
    """
    source = Place.of(url).path
    if source is None:
        raise LedgerError("on PostgreSQL, backups are made with the server's tools")
    if not source.is_file():
        raise LedgerError(f"ledger {source}: there is no such file: the party has not been run yet, or it is lost")
    if target.exists():
        raise LedgerError(f"backup {target}: there is a file of this name already")
    await _copy_marked(source, target, f"backup of {source} to {target}", None)


async def restore(source: Path, url: str, party: int) -> None:
    """Put a backup where the ledger of a party is to be (SQLite only), marked: its first user fences it.

    A copy of the database file that was made by other means is taken as well, and marked as if it were a backup.
    Raises: LedgerError if there is a ledger already (it is never replaced), if `source` is no ledger of this party, or
    on PostgreSQL, whose own tools restore: then `Ledger.fence` is to be called.
    """
    target = Place.of(url).path
    if target is None:
        raise LedgerError("on PostgreSQL, backups are restored with the server's tools")
    pieces = [target.with_name(target.name + each) for each in ("", "-wal", "-shm")]
    if there := [path.name for path in pieces if path.exists()]:
        raise LedgerError(f"ledger {target}: {', '.join(there)} is there already: stop the party and move it away")
    if not source.is_file():
        raise LedgerError(f"backup {source}: there is no such file")
    await _copy_marked(source, target, f"backup {source}", party)


async def _copy_marked(source: Path, target: Path, name: str, party: int | None) -> None:
    """Copy a ledger to a new file, marked as a backup; `party`: whose it must be. Raises: LedgerError."""
    with reported(name), tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        # What lies at `target` is a backup at any moment, never a copy with secrets or without its mark.
        unfinished = Path(folder) / target.name
        await asyncio.to_thread(_copy, source, unfinished)
        async with Database.open(Place.of(f"sqlite:///{unfinished}")) as copied:
            await copied.write(lambda connection: connection.run_sync(migrate))
            if party is not None:
                await copied.write(lambda connection: _check_party(connection, name, party))
            await copied.write(lambda connection: fence(connection, None))
        await asyncio.to_thread(_finish, unfinished, target)


async def _check_party(connection: AsyncConnection, name: str, party: int) -> None:
    """Raises: LedgerError."""
    bound = await connection.scalar(select(ledger.c.party))
    if bound is None:
        raise LedgerError(f"{name}: it is no ledger that a party has used")
    if bound != party:
        raise LedgerError(f"{name}: it is the ledger of party {bound}, not of party {party}")


def _copy(source: Path, target: Path) -> None:
    make_private(target)
    connection = sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
    finally:
        connection.close()


def _finish(unfinished: Path, target: Path) -> None:
    """Make one file of a file and its log, on stable storage, and give it its name."""
    connection = sqlite3.connect(unfinished)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
    finally:
        connection.close()
    _synchronise(unfinished)
    unfinished.rename(target)
    _synchronise(target.parent)


def _synchronise(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
