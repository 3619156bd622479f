"""The workers of one process: a number of attempts compute at once, whatever their markets; the others wait their turn.

Of those that wait, the one whose deadline is nearest is next. Worker processes are started ahead of time for those
that will need one, not more at once than there are places: starting one takes a second or two of a core.
"""

import asyncio
import contextlib
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

from mpc_market.errors import InvalidSettingsError
from parties.files.running import PORTS_MIN
from parties.service.workers import Worker, Workers

Start = Callable[[], Awaitable[Worker]]

_SHARE_OF_PORTS = 2
"""As many workers again may be starting, or be done and wait for those of the others."""


class Pool:
    """`workers` starts them, `places` bounds how many attempts compute at once."""

    def __init__(self, workers: Workers, places: int) -> None:
        self.workers = workers
        self.places = places
        self._free = places
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._tickets = count()
        self._expected = 0
        self._spares: list[asyncio.Task[Worker]] = []
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Attempts that wait for a place."""
        return sum(not turn.done() for _, _, turn in self._queue)

    @contextlib.asynccontextmanager
    async def place(self, deadline: int) -> AsyncIterator[None]:
        """A place for the length of the block, to compute what is due at `deadline`."""
        await self._take(deadline)
        try:
            yield
        finally:
            self._give()

    async def _take(self, deadline: int) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (deadline, next(self._tickets), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()
            raise

    def _give(self) -> None:
        while self._queue:
            _, _, turn = heapq.heappop(self._queue)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    # --- processes

    def expect(self, start: Start) -> None:
        """Somebody will need a worker: have one started ahead, by `start`, if no more are starting than can compute."""
        self._expected += 1
        self._start_ahead(start)

    def expect_no_more(self) -> None:
        """Somebody who did has got one, or needs none any more."""
        self._expected -= 1
        while len(self._spares) > self._expected:
            self._end_later(self._spares.pop())

    async def worker(self, start: Start) -> Worker:
        """A worker that was started ahead, or by `start` now. Raises: AttemptError."""
        if not self._spares:
            return await start()
        spare = self._spares.pop(0)
        self._start_ahead(start, but=1)
        try:
            return await asyncio.shield(spare)
        except asyncio.CancelledError:
            self._end_later(spare)
            raise

    def _start_ahead(self, start: Start, but: int = 0) -> None:
        if len(self._spares) < min(self.places, self._expected - but):
            self._spares.append(asyncio.ensure_future(start()))

    def _end_later(self, spare: "asyncio.Task[Worker]") -> None:
        task = asyncio.create_task(_end(spare))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End the workers that nobody has used."""
        spares, self._spares = self._spares, []
        await asyncio.gather(*map(_end, spares), *self._ending)


async def _end(spare: "asyncio.Task[Worker]") -> None:
    spare.cancel()
    await asyncio.wait({spare})
    if not spare.cancelled() and spare.exception() is None:
        await spare.result().end()


def places(asked: int | None, ports: range, cores: int) -> int:
    """How many attempts may compute at once: as many as asked for, or as there are cores.

    `ports`: for the MPC; every worker takes two. Raises: InvalidSettingsError if they are too few.
    """
    most = max(len(ports) // (PORTS_MIN * _SHARE_OF_PORTS), 1)
    if asked is None:
        return min(cores, most)
    if not 1 <= asked <= most:
        raise InvalidSettingsError(f"{asked} workers: 1 to {most} are possible with {len(ports)} mpc_ports, 4 for each")
    return asked
