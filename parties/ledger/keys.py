"""Rolls, which are public and kept, and sealing keys, which are secret and forgotten day by day (parties.md, T12)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.errors import ContradictionError
from parties.ledger.rounds import UNFINISHED
from parties.ledger.rows import RoundRow
from parties.ledger.schema import rolls, sealing_keys
from parties.ledger.shelf import Shelf, write_once


class Keys(Shelf):
    """Who is enrolled, and what seals are opened with."""

    async def put_roll(self, market: str, version: int, data: bytes) -> None:
        """Keep one version of a market's roll, for good: rounds name the version they were held with.

        Raises: ContradictionError if the registrar has signed two rolls of one version.
        """
        key = {"market": market, "version": version}
        contradiction = ContradictionError(f"roll of version {version}")
        await self._database.write(lambda connection: write_once(connection, rolls, key, data, contradiction))

    async def roll(self, market: str, version: int) -> bytes | None:
        """One version of the roll."""
        rows = await self._database.read(
            select(rolls.c.data).where(rolls.c.market == market, rolls.c.version == version)
        )
        return rows[0].data if rows else None

    async def latest_roll_version(self, market: str, before: int | None = None) -> int:
        """The highest version kept, or the highest of those below `before`; 0 if there is none."""
        statement = select(func.max(rolls.c.version)).where(rolls.c.market == market)
        if before is not None:
            statement = statement.where(rolls.c.version < before)
        (row,) = await self._database.read(statement)
        return 0 if row[0] is None else int(row[0])

    async def forget_rolls(self, market: str, before: int) -> int:
        """Delete the versions below `before`, which no round that may be looked at again names; how many."""
        statement = delete(rolls).where(rolls.c.market == market, rolls.c.version < before)
        return await self._database.write(lambda connection: _count(connection, statement))

    async def sealing_key(self, day: str, create: Callable[[], bytes]) -> bytes:
        """The secret sealing key of a UTC day ("2026-11-21"), made by `create` if there is none yet."""

        async def work(connection: AsyncConnection) -> bytes:
            stored = await connection.scalar(select(sealing_keys.c.data).where(sealing_keys.c.day == day))
            if stored is not None:
                return bytes(stored)
            key = create()
            await connection.execute(insert(sealing_keys).values(day=day, data=key))
            return key

        return await self._database.write(work)

    async def known_sealing_key(self, day: str) -> bytes | None:
        """The same, if it was made."""
        rows = await self._database.read(select(sealing_keys.c.data).where(sealing_keys.c.day == day))
        return rows[0].data if rows else None

    async def forget_sealing_keys(self, days: Callable[[Sequence[RoundRow]], Mapping[str, str]]) -> int:
        """Delete sealing keys that no round needs any more, beyond recovery (see `Database.wipe`); how many.

        `days`: what is to be kept, given the unfinished rounds: the first day by purpose, with which the names of its
        keys begin ("": they are a day alone). It is asked in the transaction that deletes, so that no round which is
        there with its key is overlooked. What was sealed to them stays closed from then on, for this party too.
        """

        async def work(connection: AsyncConnection) -> int:
            unfinished = [RoundRow(*row) for row in await connection.execute(UNFINISHED)]
            forgotten = 0
            for purpose, day in days(unfinished).items():
                old = sealing_keys.c.day >= purpose, sealing_keys.c.day < purpose + day
                forgotten += await _count(connection, delete(sealing_keys).where(*old))
            return forgotten

        forgotten = await self._database.write(work)
        if forgotten:
            await self._database.wipe()
        return forgotten


async def _count(connection: AsyncConnection, statement: Any) -> int:
    return int((await connection.execute(statement)).rowcount)
