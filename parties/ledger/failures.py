"""From what the database and its drivers report to a LedgerError.

Their own messages and chained exceptions may quote rows (PostgreSQL's "Failing row contains …"), so none of them
goes further than this module: only SQLite's error name or PostgreSQL's SQLSTATE does.
"""

import errno
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from parties.ledger.errors import CollisionError, LedgerError, LedgerFullError, UnstorableError

REPORTED = (
    SQLAlchemyError,
    sqlite3.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # at times, when a server goes just as its answer is awaited
    OSError,
    OverflowError,
)
"""All that a database, its driver or the system may report (time-outs are OSErrors)."""

_FULL = "there is no space left: nothing was stored, what was acknowledged before is safe"
_LOCKED = "another program holds it locked"
_DAMAGED = "it is damaged or no ledger at all: restore a backup"
_REFUSED = "it cannot be opened or written: check that it exists, its permissions and its owner"
_LOST = "no connection to the server"
_UNKNOWN_ROUND = "there is no such round"
_COLLISION = "another process has stored the same at this moment"

_SQLITE = {
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": "the disk failed, or a quota is used up",
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_READONLY": _REFUSED,
    "SQLITE_CANTOPEN": _REFUSED,
    "SQLITE_PERM": _REFUSED,
    "SQLITE_CONSTRAINT_FOREIGNKEY": _UNKNOWN_ROUND,
}
"""By the name of the error, or of its family: SQLITE_IOERR stands for SQLITE_IOERR_WRITE too."""

_POSTGRES = {
    "53100": _FULL,
    "53": "the server has no connection, memory or disk space left",
    "57": "the server is shutting down or starting up",
    "08": _LOST,
    "28": "the server refuses user or password",
    "3D": "the server has no such database",
    "42501": "the user may not do that in this database",
    "25006": "the server is read-only (a standby?)",
    "23503": _UNKNOWN_ROUND,
    "23505": _COLLISION,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
    "58": "the server's disk failed",
}
"""By SQLSTATE, or by its class (the first two characters)."""


@contextmanager
def reported(name: str) -> Iterator[None]:
    """Turn what is reported inside into a LedgerError about the ledger `name` (a path, or host and database)."""
    try:
        yield
    except REPORTED as error:
        # `from None`: the chain would quote rows.
        raise explained(name, error) from None


def explained(name: str, error: BaseException) -> LedgerError:
    """The LedgerError for what was reported."""
    origin = _origin(error)
    code, why = _code(origin)
    text = f"ledger {name}: {why or 'the database refuses'} ({code or type(origin).__name__})"
    if why == _FULL:
        return LedgerFullError(text)
    if why == _COLLISION:
        return CollisionError(text)
    unstorable = isinstance(error, IntegrityError | OverflowError) or (code or "").startswith("22")
    return UnstorableError(text) if unstorable else LedgerError(text)


def _origin(error: BaseException) -> BaseException:
    """What the driver reported."""
    if isinstance(error, PoolTimeoutError):
        return TimeoutError()
    if isinstance(error, DBAPIError) and isinstance(error.orig, BaseException):
        return error.orig
    return error


def _code(origin: BaseException) -> tuple[str | None, str | None]:
    """The code of an error, and what is known about it."""
    name = getattr(origin, "sqlite_errorname", None)
    if isinstance(name, str):
        family = "_".join(name.split("_")[:2])
        return name, _SQLITE.get(name) or _SQLITE.get(family)
    state = getattr(origin, "sqlstate", None)
    if isinstance(state, str):
        return state, _POSTGRES.get(state) or _POSTGRES.get(state[:2])
    if isinstance(origin, OSError):
        return type(origin).__name__, _system(origin)
    return None, None


def _system(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _FULL
    return _LOST if isinstance(error, ConnectionError | TimeoutError | socket.gaierror) else _REFUSED
