"""The ledger of one compute party: all its shelves, opened and closed together."""

import contextlib
import logging
import time
from functools import partial
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.backup import fence, fence_if_backup
from parties.ledger.database import Database
from parties.ledger.disputes import Disputes
from parties.ledger.errors import LedgerError, NotReadyError
from parties.ledger.keys import Keys
from parties.ledger.locks import IS_OWNED
from parties.ledger.migrate import migrate
from parties.ledger.news import News
from parties.ledger.place import PATIENCE_S, Place
from parties.ledger.results import Results
from parties.ledger.rounds import Rounds
from parties.ledger.schema import forwards, ledger, messages, results, rounds, secrets, submissions, totals
from parties.ledger.submissions import Submissions
from parties.ledger.tariffs import Tariffs

logger = logging.getLogger(__name__)

_ERASED = (messages, secrets, submissions, forwards, results, totals)


class Ledger(Keys, Rounds, Submissions, Results, Tariffs, Disputes):
    """Durable storage. Every method raises LedgerError when storage fails; what else it raises is said with it.

    Write methods return when what they wrote is on stable storage.
    """

    def __init__(self, database: Database, party: int, resources: contextlib.AsyncExitStack) -> None:
        super().__init__(database, party)
        self._resources = resources

    @classmethod
    async def open(cls, url: str, party: int, patience_s: float = PATIENCE_S) -> "Ledger":
        """Create the ledger, upgrade it or find it as it is.

        `url`: "sqlite:///relative/path", "sqlite:////absolute/path" or "postgresql://user:password@host/database"
        (libpq's parameters, such as `sslmode`, are understood). `party`: the number of the compute party, to which a
        ledger is bound from the first time on. `patience_s`: how long another process that has it open may take to go;
        infinite for one that stands by.
        Raises: LedgerError (another party's ledger, used by another process, damaged, locked, without permission …);
        SchemaError if a newer program has used it.
        """
        place = Place.of(url)
        async with contextlib.AsyncExitStack() as stack:
            database = await stack.enter_async_context(Database.open(place, patience_s))
            await database.write(lambda connection: connection.run_sync(migrate))
            await database.write(lambda connection: _bind(connection, place.name, party))
            if await database.write(fence_if_backup):
                logger.warning("ledger restored from a backup: standing aside in rounds that opened before now")
                await database.wipe()
            return cls(database, party, stack.pop_all())
        raise AssertionError("an exit stack lets every error pass")

    @classmethod
    async def share(cls, url: str, party: int) -> "Ledger":
        """The ledger beside the process that has it open, on PostgreSQL: to read all, and to store what comes from
        outside: submissions, tariffs, disputes. Whatever else this party says is for the owner; to write it is refused.

        Raises: NotReadyError if the owner has yet to make or upgrade it; InUseError while that is being done;
        otherwise as `open`.
        """
        place = Place.of(url)
        if place.path is not None:
            raise LedgerError(f"ledger {place.name}: a file cannot be shared, only a PostgreSQL database can")
        async with contextlib.AsyncExitStack() as stack:
            database = await stack.enter_async_context(Database.share(place))
            (row,) = await database.read(select(ledger.c.party))
            if row.party is None:
                raise NotReadyError(f"ledger {place.name}: it is nobody's yet")
            if row.party != party:
                raise LedgerError(_whose(place.name, row.party, party))
            return cls(database, party, stack.pop_all())
        raise AssertionError("an exit stack lets every error pass")

    async def is_owned(self) -> bool:
        """Whether there is a process that drives the rounds; for those that share the ledger with it."""
        (row,) = await self._database.read(IS_OWNED)
        return bool(row[0])

    def news(self, channel: str) -> contextlib.AbstractAsyncContextManager[News]:
        """See `Database.news`."""
        return self._database.news(channel)

    async def close(self) -> None:
        """Finish what waits, then close. From then on every call raises LedgerError; closing again does nothing."""
        await self._resources.aclose()

    @property
    def path(self) -> Path | None:
        """The SQLite file, None on PostgreSQL."""
        return self._database.place.path

    async def check(self) -> None:
        """Store something of no importance: shows whether storing works (for readiness).

        Raises: LedgerError if it does not.
        """

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(update(ledger).values(checks=ledger.c.checks + 1))

        await self._database.write_shared(work)

    async def erase(self, market: str, before: int) -> int:
        """Erase what rounds hold whose period started before `before`, if they are finished or fenced; how many rounds.

        Submissions, results, messages and secrets go; the rounds, their outcomes and the public records stay: no
        round is ever run a second time because the first was forgotten. On PostgreSQL the space is given back, and
        written over, in the server's own time.
        """
        statement = select(rounds.c.start).where(
            rounds.c.market == market, rounds.c.start < before, rounds.c.finished | rounds.c.fenced, ~rounds.c.erased
        )
        starts = [row.start for row in await self._database.read(statement)]
        for start in starts:
            await self._database.write(partial(_erase, market=market, start=start))
        if starts:
            await self._database.wipe()
        return len(starts)

    async def fence(self) -> int:
        """Take no further part in rounds that have opened by now; how many of those that it knows are fenced.

        It must be the first thing that is done with a ledger that was restored by other means than `back_up`: read
        `parties.ledger.backup`.
        """
        now_ms = time.time_ns() // 1_000_000
        fenced = await self._database.write(lambda connection: fence(connection, now_ms))
        await self._database.wipe()
        return fenced


async def _bind(connection: AsyncConnection, name: str, party: int) -> None:
    """A ledger serves one party for ever: another one would take its signatures for its own."""
    bound = await connection.scalar(select(ledger.c.party))
    if bound is None:
        await connection.execute(update(ledger).values(party=party))
    elif bound != party:
        raise LedgerError(_whose(name, bound, party))


def _whose(name: str, bound: int, party: int) -> str:
    return f"ledger {name}: it is the ledger of party {bound}, not of party {party}"


async def _erase(connection: AsyncConnection, market: str, start: int) -> None:
    for table in _ERASED:
        await connection.execute(delete(table).where(table.c.market == market, table.c.start == start))
    await connection.execute(
        update(rounds).where(rounds.c.market == market, rounds.c.start == start).values(erased=True)
    )
