"""One writer for a whole ledger: transactions one after the other; small ones that wait share one commit.

A commit costs a synchronisation of the disk and some milliseconds of this process, however much is in it. While one
transaction is being committed, rows that arrive gather in a batch, and the batch is the next transaction (*group
commit*). Batches keep a distance in time: without load a row is committed at once, under load many are at a time.

A transaction runs in a task of its own, so that a caller who is cancelled (a client hung up) does not break it off.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from parties.ledger.errors import CollisionError, LedgerError, UnstorableError
from parties.ledger.failures import REPORTED, reported

MAX_BATCH = 500
"""Rows in one transaction: it bounds how long anything else may wait behind it."""

PACE_S = 0.04
"""Seconds between the starts of two batches: a row may wait that much longer, and commits stay a small part of all."""

COLLISIONS = 3
"""This often in a row another process may be faster to store what a transaction was to store."""

T = TypeVar("T")
R = TypeVar("R")
A = TypeVar("A")


class Writer:
    """Runs the write transactions of one engine, one at a time, in the sequence in which they were asked for."""

    def __init__(self, engine: AsyncEngine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.closed = False

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` returns, once all that it did is committed. If it raises, nothing is done.

        Raises: LedgerError, and what `work` raises.
        """
        return await asyncio.shield(self.start(self.transaction(work)))

    async def run_alone(self, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
        """Give `work` the engine while no transaction runs: for what cannot be done inside one.

        Raises: LedgerError.
        """
        return await asyncio.shield(self.start(self._alone(work)))

    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that `close` waits for.

        Raises: LedgerError if the ledger is closed.
        """
        if self.closed:
            coroutine.close()
            raise LedgerError(f"ledger {self._name}: it is closed")
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone by now, and then the error concerns nobody

    async def transaction(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """One transaction, within a task made by `start`; begun again if another process was faster."""
        async with self._lock:
            for _ in range(COLLISIONS):
                try:
                    return await self._once(work)
                except CollisionError:
                    continue
            return await self._once(work)

    async def _once(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        with reported(self._name):
            async with self._engine.connect() as connection:
                try:
                    async with connection.begin():
                        return await work(connection)
                except IntegrityError:
                    raise  # an answer like others: the row does not fit
                except REPORTED:
                    # What a connection believes of its file after a failed write is not to be relied on: the next
                    # transaction gets a new one.
                    await connection.invalidate()
                    raise

    async def _alone(self, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
        async with self._lock:
            with reported(self._name):
                return await work(self._engine)

    async def close(self) -> None:
        """Finish what was asked for; refuse what comes later."""
        self.closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)


@dataclass
class _Batch(Generic[R, A]):
    """Rows that are committed together. `task` gives an answer, or an error, for each."""

    rows: list[R] = field(default_factory=list, repr=False)
    task: asyncio.Task[list[A | LedgerError]] | None = field(default=None, repr=False)


class Gathering(Generic[R, A]):
    """Rows of one kind, gathered and stored many at a time.

    `store` stores rows in a transaction and returns an answer for each.
    """

    def __init__(self, writer: Writer, store: Callable[[AsyncConnection, Sequence[R]], Awaitable[list[A]]]) -> None:
        self._writer = writer
        self._store = store
        self._open: _Batch[R, A] | None = None
        self._next_s = 0.0
        self.waiting = 0

    async def add(self, row: R) -> A:
        """The answer for a row, once it is committed.

        Raises: LedgerError.
        """
        batch = self._open
        if batch is None or len(batch.rows) >= MAX_BATCH:
            batch = _Batch()
            batch.task = self._writer.start(self._commit(batch))
            self._open = batch
        assert batch.task is not None
        place = len(batch.rows)
        batch.rows.append(row)
        self.waiting += 1
        try:
            answer = (await asyncio.shield(batch.task))[place]
        finally:
            self.waiting -= 1
        if isinstance(answer, LedgerError):
            raise answer
        return answer

    async def _commit(self, batch: _Batch[R, A]) -> list[A | LedgerError]:
        async def work(connection: AsyncConnection) -> list[A]:
            self._close(batch)
            return await self._store(connection, batch.rows)

        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._next_s - loop.time())
        self._next_s = max(self._next_s, loop.time()) + PACE_S
        try:
            return list(await self._writer.transaction(work))
        except UnstorableError:
            # One row's fault must not be another's.
            return [await self._commit_one(row) for row in batch.rows]
        except LedgerError as error:
            return [type(error)(*error.args) for _ in batch.rows]
        finally:
            self._close(batch)

    def _close(self, batch: _Batch[R, A]) -> None:
        """From now on rows gather in another batch."""
        if self._open is batch:
            self._open = None

    async def _commit_one(self, row: R) -> A | LedgerError:
        try:
            (answer,) = await self._writer.transaction(lambda connection: self._store(connection, [row]))
        except LedgerError as error:
            return error
        return answer
