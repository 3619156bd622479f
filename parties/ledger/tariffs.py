"""Tariffs, which are public: every version that a supplier has published, for good.

Several processes may take them at once. The database decides: each is checked against all that were taken before, in a
transaction that none of the others overlaps.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.errors import ContradictionError
from parties.ledger.locks import one_tariff_at_a_time
from parties.ledger.rows import TariffRow
from parties.ledger.schema import tariffs
from parties.ledger.shelf import Shelf, matching

_COLUMNS = [tariffs.c[name] for name in TariffRow.__slots__]


def _unchecked(_: Sequence[TariffRow]) -> None:
    pass


class Tariffs(Shelf):
    """What suppliers charge."""

    async def put_tariff(self, row: TariffRow, check: Callable[[Sequence[TariffRow]], None] = _unchecked) -> bool:
        """Keep a version of a supplier's tariff; whether it is new.

        `check` is given all that the supplier has published before, by number, and raises if this one may not follow
        them; it is not asked about one that is kept already.

        Raises: ContradictionError if the supplier has signed another one with this number; what `check` raises.
        """
        of_supplier = matching(tariffs, {"market": row.market, "supplier": row.supplier})

        async def work(connection: AsyncConnection) -> bool:
            await connection.run_sync(one_tariff_at_a_time)
            found = await connection.execute(select(*_COLUMNS).where(of_supplier).order_by(tariffs.c.number))
            before = [TariffRow(*each) for each in found]
            same = [each for each in before if each.number == row.number]
            if same and same != [row]:
                raise ContradictionError(f"tariff {row.number} of supplier {row.supplier}")
            if not same:
                check(before)
                await connection.execute(insert(tariffs).values(asdict(row)))
            return not same

        return await self._database.write_shared(work)

    async def tariffs(self, market: str, start: int) -> list[TariffRow]:
        """All versions that hold for the period that starts then, by supplier (bytes) and number."""
        statement = select(*_COLUMNS).where(
            tariffs.c.market == market, tariffs.c.begins <= start, tariffs.c.ends > start
        )
        rows = [TariffRow(*row) for row in await self._database.read(statement)]
        return sorted(rows, key=lambda row: (row.supplier.encode(), row.number))

    async def tariff(self, market: str, supplier: str, number: int) -> TariffRow | None:
        """One version."""
        key = {"market": market, "supplier": supplier, "number": number}
        rows = await self._database.read(select(*_COLUMNS).where(matching(tariffs, key)))
        return TariffRow(*rows[0]) if rows else None
