"""What is reported by databases, in the words of the ledger: by code, and never with the words of the database."""

import errno
import sqlite3

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from parties.ledger import LedgerError, LedgerFullError, UnstorableError
from parties.ledger.failures import explained, reported


def sqlite_error(name: str) -> DBAPIError:
    origin = sqlite3.OperationalError("with a secret")
    origin.sqlite_errorname = name
    return DBAPIError("INSERT a secret", {}, origin)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (sqlite_error("SQLITE_FULL"), LedgerFullError, "no space left"),
        (sqlite_error("SQLITE_IOERR_FSYNC"), LedgerError, "the disk failed"),
        (sqlite_error("SQLITE_BUSY_SNAPSHOT"), LedgerError, "locked"),
        (sqlite_error("SQLITE_CORRUPT_INDEX"), LedgerError, "damaged"),
        (sqlite_error("SQLITE_READONLY_DBMOVED"), LedgerError, "cannot be opened or written"),
        (sqlite_error("SQLITE_SOMETHING_NEW"), LedgerError, r"the database refuses \(SQLITE_SOMETHING_NEW\)"),
        (asyncpg.DiskFullError("with a secret"), LedgerFullError, "no space left"),
        (asyncpg.TooManyConnectionsError("with a secret"), LedgerError, "no connection, memory or disk"),
        (asyncpg.AdminShutdownError("with a secret"), LedgerError, "shutting down"),
        (asyncpg.ReadOnlySQLTransactionError("with a secret"), LedgerError, "read-only"),
        (asyncpg.StringDataRightTruncationError("with a secret"), UnstorableError, "22001"),
        (asyncpg.InterfaceError("with a secret"), LedgerError, r"the database refuses \(InterfaceError\)"),
        (IntegrityError("a secret", {}, asyncpg.ForeignKeyViolationError("x")), UnstorableError, "no such round"),
        (OSError(errno.ENOSPC, "a secret"), LedgerFullError, "no space left"),
        (OSError(errno.EDQUOT, "a secret"), LedgerFullError, "no space left"),
        (PermissionError(errno.EACCES, "a secret"), LedgerError, "cannot be opened or written"),
        (ConnectionResetError("a secret"), LedgerError, "no connection to the server"),
        (TimeoutError("a secret"), LedgerError, "no connection to the server"),
        (OverflowError("a secret"), UnstorableError, "OverflowError"),
    ],
)
def test_what_is_reported(error, kind, text):
    found = explained("the-ledger", error)
    assert type(found) is kind
    with pytest.raises(kind, match=f"^ledger the-ledger: .*{text}"), reported("the-ledger"):
        raise error
    assert "secret" not in str(found)


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), reported("the-ledger"):
        raise ZeroDivisionError
