"""What a round leaves: this party's shares of what was accepted, totals of suppliers, and the public record."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.errors import ContradictionError
from parties.ledger.rounds import check_fence
from parties.ledger.rows import RecordRow, ResultRow, TotalRow
from parties.ledger.schema import records, results, totals
from parties.ledger.shelf import Shelf, matching

_RESULT = [results.c[name] for name in ResultRow.__slots__]
_TOTAL = [totals.c[name] for name in TotalRow.__slots__]
_RECORD = [records.c[name] for name in RecordRow.__slots__]


class Results(Shelf):
    """Results by attempt, and the chain of records of every market.

    The shares of two attempts at one round do not fit together, though they share the same numbers: results go out
    only of an attempt that all parties have finished.
    """

    async def put_results(
        self, market: str, start: int, attempt: int, results_: Sequence[ResultRow], totals_: Sequence[TotalRow] = ()
    ) -> None:
        """Keep all results and totals of an attempt, in one transaction.

        Raises: ContradictionError if other results of this attempt are kept; LedgerError if there is no such round.
        """
        key = _key(market, start, attempt)

        async def work(connection: AsyncConnection) -> None:
            for table, columns, rows in ((results, _RESULT, results_), (totals, _TOTAL, totals_)):
                await _put_all(connection, table, columns, key, [asdict(row) for row in rows])

        await self._database.write(work)

    async def keep_results(self, market: str, start: int, attempt: int) -> None:
        """Delete the results of the round's other attempts."""
        round_key = {"market": market, "start": start}

        async def work(connection: AsyncConnection) -> None:
            for table in (results, totals):
                await connection.execute(delete(table).where(matching(table, round_key), table.c.attempt != attempt))

        await self._database.write(work)

    async def result(self, market: str, start: int, attempt: int, meter: str) -> ResultRow | None:
        """The result of one meter."""
        key = _key(market, start, attempt) | {"meter": meter}
        rows = await self._database.read(select(*_RESULT).where(matching(results, key)))
        return ResultRow(*rows[0]) if rows else None

    async def results(self, market: str, start: int, attempt: int) -> list[ResultRow]:
        """The results of all meters, by meter (bytes)."""
        rows = await self._database.read(select(*_RESULT).where(matching(results, _key(market, start, attempt))))
        return sorted((ResultRow(*row) for row in rows), key=lambda one: one.meter.encode())

    async def results_of(self, market: str, start: int, attempt: int, prefix: str) -> list[ResultRow]:
        """Those whose name begins so, by name (bytes)."""
        begins = results.c.meter.startswith(prefix, autoescape=True)  # in any case of letters, on SQLite
        statement = select(*_RESULT).where(matching(results, _key(market, start, attempt)), begins)
        found = [ResultRow(*row) for row in await self._database.read(statement)]
        return sorted((row for row in found if row.meter.startswith(prefix)), key=lambda one: one.meter.encode())

    async def totals(self, market: str, start: int, attempt: int) -> list[TotalRow]:
        """The totals of all suppliers, by supplier (bytes)."""
        rows = await self._database.read(select(*_TOTAL).where(matching(totals, _key(market, start, attempt))))
        return sorted((TotalRow(*row) for row in rows), key=lambda one: one.supplier.encode())

    async def append_record(self, market: str, start: int, make: Callable[[RecordRow | None], RecordRow]) -> None:
        """Add the record of a round to its market's chain: one per round, each naming the digest of the one before.

        `make` is given the end of the chain, None if there is none yet. It is looked up, and the record made and added,
        in one transaction: no place in the chain is ever promised to a record that is not there. If there is one of
        this round, that stays.
        Raises: ContradictionError if what is made is not what comes next; FencedError; LedgerError if there is no such
        round.
        """

        async def work(connection: AsyncConnection) -> None:
            if (await connection.execute(select(records.c.start).where(matching(records, key)))).one_or_none():
                return
            await check_fence(connection, market, start)
            found = (await connection.execute(_last(market))).one_or_none()
            last = None if found is None else RecordRow(*found)
            record = make(last)
            if last is not None and (last.sequence + 1, last.digest) != (record.sequence, record.previous):
                raise ContradictionError(f"record before or at {record.sequence} of market {market}")
            await connection.execute(insert(records).values(asdict(record)))

        key = {"market": market, "start": start}
        await self._database.write(work)

    async def records(self, market: str, after: int, limit: int) -> list[RecordRow]:
        """Records with a sequence number above `after` (−1: from the first on), ascending."""
        statement = select(*_RECORD).where(records.c.market == market, records.c.sequence >= after + 1)
        rows = await self._database.read(statement.order_by(records.c.sequence).limit(limit))
        return [RecordRow(*row) for row in rows]

    async def record(self, market: str, start: int) -> RecordRow | None:
        """The record of one round."""
        key = {"market": market, "start": start}
        rows = await self._database.read(select(*_RECORD).where(matching(records, key)))
        return RecordRow(*rows[0]) if rows else None

    async def last_record(self, market: str) -> RecordRow | None:
        """The end of the chain."""
        rows = await self._database.read(_last(market))
        return RecordRow(*rows[0]) if rows else None


def _key(market: str, start: int, attempt: int) -> dict[str, Any]:
    return {"market": market, "start": start, "attempt": attempt}


def _last(market: str) -> Any:
    return select(*_RECORD).where(records.c.market == market).order_by(records.c.sequence.desc()).limit(1)


async def _put_all(
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[ColumnElement[Any]],
    key: dict[str, Any],
    rows: list[dict[str, Any]],
) -> None:
    """Insert the rows of an attempt, or find the same rows there."""
    owner = columns[0].name
    found = await connection.execute(select(*columns).where(matching(table, key)))
    stored = {row[0]: dict(row._mapping) for row in found}
    if not stored and rows:
        await connection.execute(insert(table), [key | row for row in rows])
    elif stored != {row[owner]: row for row in rows}:
        raise ContradictionError(f"set of {table.name} of attempt {key['attempt']}")
