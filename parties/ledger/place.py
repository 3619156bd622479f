"""Where a ledger is kept: the URL understood, the SQLite file made private, the process made its only user.

Two processes that act for one party with one ledger could sign two things for one round; with two copies of a
ledger they will (see `backup`). The first is prevented here and in `database`.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from parties.ledger.errors import InUseError, LedgerError
from parties.ledger.failures import reported

PATIENCE_S = 5.0
"""How long a predecessor may take to go: the time a server needs to notice that a killed client is gone. Whoever
stands by waits longer.
"""

_PRIVATE = 0o600


@dataclass(frozen=True)
class Place:
    """`path` of an SQLite file, or `url` of a PostgreSQL database (it may hold a password). `name` is for people."""

    name: str
    path: Path | None
    url: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> "Place":
        """What a URL means.

        Raises: LedgerError if it is neither of SQLite nor of PostgreSQL. The message does not repeat it.
        """
        wanted = "a ledger is sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise LedgerError(f"{wanted}; this is not a URL") from None
        if url.drivername == "sqlite" and url.database and not url.database.startswith((":memory:", "file:")):
            return cls(url.database, Path(url.database), "")
        if url.drivername in ("postgresql", "postgres") and url.database:
            return cls(f"{url.host or 'local server'}/{url.database}", None, text)
        raise LedgerError(f"{wanted}, not {url.drivername}")


@contextlib.asynccontextmanager
async def claimed(path: Path, patience_s: float) -> AsyncIterator[None]:
    """Hold the lock beside an SQLite file: its process is the only one that has this ledger open.

    Raises: InUseError if another process keeps it.
    """
    with reported(str(path)):
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, _PRIVATE)
    try:
        with reported(str(path)):
            await _lock(lock, path, patience_s)
        yield
    finally:
        os.close(lock)


async def _lock(lock: int, path: Path, patience_s: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + patience_s
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if loop.time() > end:
                raise InUseError(f"ledger {path}: another process has it open") from None
        await asyncio.sleep(0.05)


def make_private(path: Path) -> None:
    """Create the file if it is not there; let nobody but its owner read it and what SQLite keeps beside it.

    SQLite gives -wal and -shm the mode of the file itself; old ones may have had another.
    Raises: LedgerError.
    """
    with reported(str(path)):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE))
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).chmod(_PRIVATE)
