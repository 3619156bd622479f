"""What the shelves of a ledger have in common."""

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.database import Database
from parties.ledger.errors import ContradictionError


class Shelf:
    """One kind of things in the ledger of compute party `party`."""

    def __init__(self, database: Database, party: int) -> None:
        self._database = database
        self._party = party


def matching(table: Table, key: dict[str, Any]) -> ColumnElement[bool]:
    """The rows whose columns have these values."""
    return and_(*(table.c[name] == value for name, value in key.items()))


async def write_once(
    connection: AsyncConnection, table: Table, key: dict[str, Any], data: bytes, contradiction: ContradictionError
) -> None:
    """Store `data` under its key, or find the same data there.

    Raises: `contradiction` if other data is there.
    """
    stored = await connection.scalar(select(table.c.data).where(matching(table, key)))
    if stored is None:
        await connection.execute(insert(table).values(**key, data=data))
    elif stored != data:
        raise contradiction
