"""A worker in reserve: an attempt at a round does not wait for a process to start."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from mpc_market.errors import MarketError
from parties.worker.errors import WorkerError
from parties.worker.process import COMMAND
from parties.worker.worker import Worker


class Spare:
    """Keeps one worker started ahead, from `async with` to its end; run by the service of a compute party.

    Costs the memory of an idle process, about 150 MB.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._open = False
        self._starting: asyncio.Task[Worker] | None = None

    async def __aenter__(self) -> Self:
        """Begin to start the first one."""
        self._open = True
        self._start_ahead()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the one that has not been taken."""
        self._open = False
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, MarketError):
                await (await starting).kill()

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """A worker for one attempt, ready if there was time. The next one starts when the attempt is over.

        Raises: WorkerError if none can be started.
        """
        starting, self._starting = self._starting, None
        try:
            async with await self._ready(starting) as worker:
                yield worker
        finally:
            self._start_ahead()

    async def _ready(self, starting: "asyncio.Task[Worker] | None") -> Worker:
        if starting is not None:
            with contextlib.suppress(WorkerError):
                worker = await starting
                if not worker.failed.done():
                    return worker
                await worker.kill()  # it has died while it waited
        return await Worker.start(self._command)

    def _start_ahead(self) -> None:
        if self._open and self._starting is None:
            self._starting = asyncio.create_task(Worker.start(self._command))
