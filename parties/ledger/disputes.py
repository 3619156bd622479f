"""Disputes: users' signed requests that their shares be disclosed, kept as long as there is anything to disclose."""

from dataclasses import asdict

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.errors import ContradictionError
from parties.ledger.rows import DisputeRow
from parties.ledger.schema import disputes
from parties.ledger.shelf import Shelf, matching, stored_or_put

_COLUMNS = [disputes.c[name] for name in DisputeRow.__slots__]


class Disputes(Shelf):
    """What users contest."""

    async def put_dispute(self, row: DisputeRow) -> DisputeRow:
        """Keep a request; the one that is kept, which was received earlier if it came before.

        Raises: ContradictionError if the meter has signed another one with this number.
        """
        key = {"market": row.market, "meter": row.meter, "number": row.number}

        async def work(connection: AsyncConnection) -> DisputeRow:
            stored = await stored_or_put(connection, disputes, key, asdict(row))
            kept = row if stored is None else DisputeRow(*stored)
            if kept.data != row.data:
                raise ContradictionError(f"dispute {row.number} of a meter in market {row.market}")
            return kept

        return await self._database.write_shared(work)

    async def dispute(self, market: str, meter: str, number: int) -> DisputeRow | None:
        """One request."""
        key = {"market": market, "meter": meter, "number": number}
        rows = await self._database.read(select(*_COLUMNS).where(matching(disputes, key)))
        return DisputeRow(*rows[0]) if rows else None

    async def disputes(self, market: str) -> list[DisputeRow]:
        """All that are kept, by digest."""
        rows = await self._database.read(select(*_COLUMNS).where(disputes.c.market == market))
        return sorted((DisputeRow(*row) for row in rows), key=lambda row: row.digest)

    async def count_disputes(self, market: str, meter: str | None = None) -> int:
        """How many of a meter are kept; None: of all."""
        key = {"market": market} | ({} if meter is None else {"meter": meter})
        (row,) = await self._database.read(select(func.count()).select_from(disputes).where(matching(disputes, key)))
        return int(row[0])

    async def forget_disputes(self, market: str, before_ms: int) -> None:
        """Erase those that were received before a moment."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                delete(disputes).where(disputes.c.market == market, disputes.c.received_ms < before_ms)
            )

        await self._database.write(work)
