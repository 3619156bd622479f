"""Tariffs, which are public: every version that a supplier has published, for good."""

from dataclasses import asdict

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.errors import ContradictionError
from parties.ledger.rows import TariffRow
from parties.ledger.schema import tariffs
from parties.ledger.shelf import Shelf, matching, stored_or_put

_COLUMNS = [tariffs.c[name] for name in TariffRow.__slots__]


class Tariffs(Shelf):
    """What suppliers charge."""

    async def put_tariff(self, row: TariffRow) -> bool:
        """Keep a version of a supplier's tariff; whether it is new.

        Raises: ContradictionError if the supplier has signed another one with this number.
        """
        key = {"market": row.market, "supplier": row.supplier, "number": row.number}

        async def work(connection: AsyncConnection) -> bool:
            stored = await stored_or_put(connection, tariffs, key, asdict(row))
            if stored is not None and TariffRow(*stored) != row:
                raise ContradictionError(f"tariff {row.number} of supplier {row.supplier}")
            return stored is None

        return await self._database.write_shared(work)

    async def tariffs(self, market: str, start: int) -> list[TariffRow]:
        """All versions that hold for the period that starts then, by supplier (bytes) and number."""
        statement = select(*_COLUMNS).where(
            tariffs.c.market == market, tariffs.c.begins <= start, tariffs.c.ends > start
        )
        rows = [TariffRow(*row) for row in await self._database.read(statement)]
        return sorted(rows, key=lambda row: (row.supplier.encode(), row.number))

    async def tariffs_of(self, market: str, supplier: str) -> list[TariffRow]:
        """All versions of a supplier, by number."""
        key = {"market": market, "supplier": supplier}
        statement = select(*_COLUMNS).where(matching(tariffs, key)).order_by(tariffs.c.number)
        return [TariffRow(*row) for row in await self._database.read(statement)]

    async def tariff(self, market: str, supplier: str, number: int) -> TariffRow | None:
        """One version."""
        key = {"market": market, "supplier": supplier, "number": number}
        rows = await self._database.read(select(*_COLUMNS).where(matching(tariffs, key)))
        return TariffRow(*rows[0]) if rows else None

    async def last_tariff(self, market: str, supplier: str) -> int:
        """The highest number that a supplier has used, 0 if there is none."""
        statement = select(func.max(tariffs.c.number)).where(tariffs.c.market == market, tariffs.c.supplier == supplier)
        (row,) = await self._database.read(statement)
        return 0 if row[0] is None else int(row[0])
