"""Bring the tables to this program's version, or refuse."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from parties.ledger.errors import NotReadyError, SchemaError
from parties.ledger.locks import without_intake

_MIGRATIONS = Path(__file__).parent / "migrations"

logger = logging.getLogger(__name__)


def migrate(connection: Connection) -> None:
    """Upgrade within the connection's transaction: all of it, or nothing. Nothing to do is the usual case.

    Raises: SchemaError if the database has a version that this program does not know; InUseError if there is
    something to do and intake replicas run.
    """
    found, newest = _versions(connection)
    if found == newest:
        return
    without_intake(connection, "the ledger is to be upgraded")
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
    logger.info("ledger upgraded from schema %s to %s", found or "none", newest)


def check_schema(connection: Connection, name: str) -> None:
    """For a process that upgrades nothing.

    Raises: NotReadyError before the owner has upgraded it; SchemaError as `migrate`.
    """
    found, newest = _versions(connection)
    if found != newest:
        raise NotReadyError(f"ledger {name}: the process that drives the rounds has yet to make or upgrade it")


def _versions(connection: Connection) -> tuple[str | None, str | None]:
    """The version that the database has, None for an empty one, and the newest. Raises: SchemaError."""
    script = ScriptDirectory(str(_MIGRATIONS))
    known = {revision.revision for revision in script.walk_revisions()}
    found, newest = MigrationContext.configure(connection).get_current_revision(), script.get_current_head()
    if found is not None and found not in known:
        raise SchemaError(
            f"the ledger has schema {found}, this program knows {newest} at most: a newer version has used it; "
            "run that one, or restore a backup made before"
        )
    return found, newest
