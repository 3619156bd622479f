"""What the shelves of a ledger have in common."""

from collections.abc import Mapping
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


async def stored_or_put(
    connection: AsyncConnection, table: Table, key: dict[str, Any], row: Mapping[str, Any]
) -> tuple[Any, ...] | None:
    """The row under this key; if there is none, put `row` there and return None. Columns as in `row`."""
    columns = [table.c[name] for name in row]
    stored = (await connection.execute(select(*columns).where(matching(table, key)))).one_or_none()
    if stored is None:
        await connection.execute(insert(table).values(row))
        return None
    return tuple(stored)


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
