"""Disputes: users' signed requests that their shares be disclosed, kept as long as there is anything to disclose."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.errors import ContradictionError
from parties.ledger.locks import one_dispute_at_a_time
from parties.ledger.rows import DisputeRow
from parties.ledger.schema import disputes
from parties.ledger.shelf import Shelf, matching

_COLUMNS = [disputes.c[name] for name in DisputeRow.__slots__]


def _unchecked(_: Sequence[DisputeRow], __: int) -> None:
    pass


class Disputes(Shelf):
    """What users contest."""

    async def put_dispute(
        self, row: DisputeRow, check: Callable[[Sequence[DisputeRow], int], None] = _unchecked
    ) -> DisputeRow:
        """Keep a request; the one that is kept, which was received earlier if it came before.

        `check` is given those that are kept of the meter, and how many are of all; it raises if no more are to be. It
        is not asked about one that is kept already.

        Raises: ContradictionError if the meter has signed another one with this number; what `check` raises.
        """
        of_market = disputes.c.market == row.market

        async def work(connection: AsyncConnection) -> DisputeRow:
            await connection.run_sync(one_dispute_at_a_time)
            found = await connection.execute(select(*_COLUMNS).where(of_market, disputes.c.meter == row.meter))
            before = [DisputeRow(*each) for each in found]
            same = [each for each in before if each.number == row.number]
            if same:
                if same[0].data != row.data:
                    raise ContradictionError(f"dispute {row.number} of a meter in market {row.market}")
                return same[0]
            of_all = await connection.scalar(select(func.count()).select_from(disputes).where(of_market))
            check(before, int(of_all or 0))
            await connection.execute(insert(disputes).values(asdict(row)))
            return row

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

    async def forget_disputes(self, market: str, before_ms: int) -> None:
        """Erase those that were received before a moment."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                delete(disputes).where(disputes.c.market == market, disputes.c.received_ms < before_ms)
            )

        await self._database.write(work)
