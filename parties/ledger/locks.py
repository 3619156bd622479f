"""The locks of a PostgreSQL database by which the processes of one party know of each other.

    owner     held alone, by the process that drives the rounds, for as long as its connection for writing lives
    intake    shared by all processes that take in submissions beside it; held alone for the length of a transaction
              that none of them must live through: an upgrade of the tables, a fence after a restore
    tariffs   held alone for the length of a transaction that takes a tariff: all that were taken before decide
              whether it may follow them
    disputes  likewise of one that takes a dispute: how many were taken before decides

A lock goes when its connection does, and a new connection asks for it again before it writes anything.
"""

from sqlalchemy import Connection, text

from parties.ledger.errors import InUseError

_OWNER = int.from_bytes(b"mpcmarkt", "big") >> 1
_INTAKE = _OWNER + 1
_TARIFFS = _OWNER + 2
_DISPUTES = _OWNER + 3


def own(connection: Connection, name: str) -> None:
    """Be the ledger's owner from now on. Raises: InUseError if another process is."""
    if not connection.info.get("owns"):
        asked = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_OWNER})")
        connection.info["owns"] = asked.scalar_one()
    if not connection.info["owns"]:
        raise InUseError(f"ledger {name}: another process has it open")


def share(connection: Connection, name: str) -> bool:
    """Be one of those beside the owner from now on; whether this connection was not before.

    Raises: InUseError while the ledger is upgraded or fenced.
    """
    if connection.info.get("shares"):
        return False
    asked = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock_shared({_INTAKE})")
    connection.info["shares"] = asked.scalar_one()
    if not connection.info["shares"]:
        raise InUseError(f"ledger {name}: it is being upgraded or restored")
    return True


def without_intake(connection: Connection, what: str) -> None:
    """Until the transaction ends, no process takes in submissions beside this one.

    Raises: InUseError if one does.
    """
    if connection.dialect.name != "postgresql":
        return
    if not connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_INTAKE})").scalar_one():
        raise InUseError(f"{what}: intake replicas of this party are running, and they must be stopped first")


def one_tariff_at_a_time(connection: Connection) -> None:
    """Until the transaction ends, no other one takes a tariff."""
    _alone(connection, _TARIFFS)


def one_dispute_at_a_time(connection: Connection) -> None:
    """Until the transaction ends, no other one takes a dispute."""
    _alone(connection, _DISPUTES)


def _alone(connection: Connection, lock: int) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one transaction that writes
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock})")


IS_OWNED = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted"
    " AND classid = :high AND objid = :low AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
).bindparams(high=_OWNER >> 32, low=_OWNER & 0xFFFFFFFF)
"""Whether some process is the owner now."""
