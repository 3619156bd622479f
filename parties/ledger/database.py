"""The database of a ledger: an engine that writes, through one connection, and one that reads.

SQLite: WAL with `synchronous=FULL`, so that a commit that has returned survives a loss of power; what is deleted is
overwritten. PostgreSQL: synchronous commit, and no server with `fsync` off. Either has one process as its owner; beside
it, on PostgreSQL, others may share the database, which write little (`write_shared`).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, Executable, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from parties.ledger.errors import InUseError, LedgerError
from parties.ledger.failures import reported
from parties.ledger.locks import own, share
from parties.ledger.migrate import check_schema
from parties.ledger.news import News
from parties.ledger.place import PATIENCE_S, Place, claimed, make_private
from parties.ledger.writer import Writer

READERS = 4
"""Connections that read at the same time; more readers wait."""

ROWS_AT_ONCE = 1000
"""Rows in memory when a statement is read through."""

STAND_BY_S = 1.0
"""How often a process that stands by asks whether it is its turn."""

_LOCKED_S = 5
"""How long SQLite waits for another program (a backup tool, say) to unlock the file."""

_TALKATIVE = ("aiosqlite", "asyncpg", "sqlalchemy.engine", "sqlalchemy.pool")
"""Loggers that would write parameters and rows, which are secret, when told to log everything."""

T = TypeVar("T")


class Database:
    """Transactions, and what has to be known of the two kinds of database."""

    def __init__(self, place: Place, reader: AsyncEngine, writer: AsyncEngine, *, shared: bool) -> None:
        self.place = place
        self.shared = shared
        """Whether this process is not the owner."""
        self._reader = reader
        self.writer = Writer(writer, place.name)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, place: Place, patience_s: float = PATIENCE_S) -> AsyncIterator["Database"]:
        """The database, checked, with this process as its owner; closed at the end.

        `patience_s`: how long another owner may take to go.

        Raises: LedgerError.
        """
        async with contextlib.AsyncExitStack() as stack:
            if place.path is not None:
                await stack.enter_async_context(claimed(place.path, patience_s))
                make_private(place.path)
            # The file turns to WAL, and the server is asked for its lock, with the first connection that writes.
            begin = _begin_writing if place.path else partial(own, name=place.name)
            database = await stack.enter_async_context(cls._connected(place, begin, shared=False))
            await database._check(patience_s)
            yield database

    @classmethod
    @contextlib.asynccontextmanager
    async def share(cls, place: Place) -> AsyncIterator["Database"]:
        """The database of a server, checked, beside its owner; closed at the end.

        Raises: LedgerError; SchemaError if this program does not know its tables.
        """
        async with cls._connected(place, partial(_begin_sharing, name=place.name), shared=True) as database:
            await database._check_server()
            yield database

    @classmethod
    @contextlib.asynccontextmanager
    async def _connected(
        cls, place: Place, begin: Callable[[Connection], None], *, shared: bool
    ) -> AsyncIterator["Database"]:
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        async with contextlib.AsyncExitStack() as stack:
            writer = _engine(place, 1)
            stack.push_async_callback(writer.dispose)
            event.listen(writer.sync_engine, "begin", begin)
            reader = _engine(place, READERS)
            stack.push_async_callback(reader.dispose)
            database = cls(place, reader, writer, shared=shared)
            stack.push_async_callback(database.writer.close)
            yield database

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What only the owner writes. See `Writer.run`."""
        if self.shared:
            raise LedgerError(f"ledger {self.place.name}: only the process that drives the rounds writes that")
        return await self.writer.run(work)

    async def write_shared(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What every process may write: `work` is right whatever the others do at the same time."""
        return await self.writer.run(work)

    @contextlib.asynccontextmanager
    async def news(self, channel: str) -> AsyncIterator[News]:
        """Hear what other processes tell on a channel (PostgreSQL only). Raises: LedgerError."""
        with reported(self.place.name):
            connection = await _server(self.place)()
        try:
            news = News(connection, self.place.name)
            await news.listen(channel)
            yield news
        finally:
            connection.terminate()

    async def read(self, statement: Executable) -> Sequence[Any]:
        """All rows of a statement that changes nothing.

        Raises: LedgerError.
        """

        async def work(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(statement)).all()

        return await self._reading(work)

    async def read_through(self, statement: Executable, take: Callable[[Any], None]) -> None:
        """Give each row of a statement to `take`, without ever having all of them in memory.

        Raises: LedgerError.
        """

        async def work(connection: AsyncConnection) -> None:
            async for some in (await connection.stream(statement)).partitions(ROWS_AT_ONCE):
                for row in some:
                    take(row)

        await self._reading(work)

    async def _reading(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """In a task of its own, like what is written: a reader that is cancelled, as happens in every round, breaks
        nothing off. The driver would have to close the connection, and if its reader is cancelled once more meanwhile,
        its closing never comes to an end: a task that nobody holds.
        """

        async def read() -> T:
            with reported(self.place.name):
                async with self._reader.connect() as connection:
                    return await work(connection)

        return await asyncio.shield(self.writer.start(read()))

    async def wipe(self) -> None:
        """After secrets were deleted: let no copy of them lie where the database still finds it.

        SQLite: the log is written back and cut off (as far as no reader stands in the way; else with the next one).
        PostgreSQL: the small tables of keys are written anew. What stays is not for a program to reach: the server's
        own log until it is used again, snapshots, worn blocks of a flash disk.
        """
        statements = ["PRAGMA wal_checkpoint(TRUNCATE)"]
        if self.place.path is None:
            statements = ["VACUUM FULL sealing_keys", "VACUUM FULL secrets"]

        async def work(engine: AsyncEngine) -> None:
            async with engine.connect() as connection:
                # On the driver's own connection, where no transaction has begun.
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None
                for statement in statements:
                    await driver.execute(statement)

        await self.writer.run_alone(work)

    async def _check(self, patience_s: float) -> None:
        """Refuse a damaged file, and a server that would lose what it has committed.

        Raises: LedgerError.
        """
        if self.place.path is None:
            await self._own(patience_s)
            await self._check_server()
            return
        mode = await self.write(_pragma("PRAGMA journal_mode"))
        if mode != "wal":
            raise LedgerError(f"ledger {self.place.name}: its file system allows no write-ahead log (mode {mode})")
        found = await self.write(_pragma("PRAGMA quick_check(1)"))
        if found != "ok":
            raise LedgerError(f"ledger {self.place.name}: it is damaged, restore a backup ({found})")

    async def _check_server(self) -> None:
        if (await self.write_shared(_pragma("SHOW fsync"))) != "on":
            raise LedgerError(f"ledger {self.place.name}: the server has fsync off and would lose what it was given")

    async def _own(self, patience_s: float) -> None:
        """Wait for a predecessor to go.

        Raises: InUseError if it stays.
        """
        end = asyncio.get_running_loop().time() + patience_s
        while True:
            try:
                return await self.write(_nothing)
            except InUseError:
                if asyncio.get_running_loop().time() > end:
                    raise
            await asyncio.sleep(0.1 if patience_s <= PATIENCE_S else STAND_BY_S)


def _pragma(statement: str) -> Callable[[AsyncConnection], Awaitable[str]]:
    async def work(connection: AsyncConnection) -> str:
        return str((await connection.exec_driver_sql(statement)).scalar_one())

    return work


async def _nothing(connection: AsyncConnection) -> None:
    """A transaction that only begins."""


def _engine(place: Place, connections: int) -> AsyncEngine:
    # Parameters are secrets, and would be in the text of every error.
    options: dict[str, Any] = {"hide_parameters": True}
    options |= {"poolclass": AsyncAdaptedQueuePool, "pool_size": connections, "max_overflow": 0}
    if place.path is None:
        return create_async_engine("postgresql+asyncpg://", async_creator=_server(place), pool_pre_ping=True, **options)
    url = URL.create("sqlite+aiosqlite", database=str(place.path))
    engine = create_async_engine(url, connect_args={"timeout": _LOCKED_S}, **options)
    event.listen(engine.sync_engine, "connect", _set_up_file)
    return engine


def _server(place: Place) -> Callable[[], Awaitable[Any]]:
    async def connect() -> Any:
        try:
            return await asyncpg.connect(
                place.url,
                timeout=10,
                command_timeout=60,
                server_settings={
                    "synchronous_commit": "on",
                    # An intake that has waited for a round's row must see what was committed meanwhile: that it is
                    # closed. In a stricter level it would fail instead, whatever the server's default is.
                    "default_transaction_isolation": "read committed",
                    # A host that lost its power leaves its lock behind until the server misses it.
                    "tcp_keepalives_idle": "30",
                    "tcp_keepalives_interval": "10",
                    "tcp_keepalives_count": "3",
                },
            )
        except ValueError:
            raise LedgerError(f"ledger {place.name}: its URL has parts that are not understood") from None

    return connect


def _set_up_file(connection: Any, _: object) -> None:
    # Transactions begin where `begin` says so, not where the driver thinks one is needed.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "trusted_schema=OFF"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_writing(connection: Connection) -> None:
    """SQLite's lock for writing is taken at once: a transaction that finds it taken later would have to fail."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_sharing(connection: Connection, name: str) -> None:
    """As long as this connection is there, nobody changes the tables: to look at them once is enough."""
    if share(connection, name):
        check_schema(connection, name)
