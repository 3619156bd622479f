"""Bring the tables to this program's version, or refuse."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from parties.ledger.errors import SchemaError

_MIGRATIONS = Path(__file__).parent / "migrations"

logger = logging.getLogger(__name__)


def migrate(connection: Connection) -> None:
    """Upgrade within the connection's transaction: all of it, or nothing. Nothing to do is the usual case.

    Raises: SchemaError if the database has a version that this program does not know.
    """
    script = ScriptDirectory(str(_MIGRATIONS))
    known = {revision.revision for revision in script.walk_revisions()}
    found = MigrationContext.configure(connection).get_current_revision()
    newest = script.get_current_head()
    if found == newest:
        return
    if found is not None and found not in known:
        raise SchemaError(
            f"the ledger has schema {found}, this program knows {newest} at most: a newer version has used it; "
            "run that one, or restore a backup made before"
        )
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
    logger.info("ledger upgraded from schema %s to %s", found or "none", newest)
