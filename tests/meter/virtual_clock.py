"""A clock for tests: time passes only when nobody has anything left to do but to wait: no test waits, none is late."""

import asyncio
import heapq
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any

_IDLE_TURNS = 200
"""This many turns of the event loop in which nothing but the clock moved."""


class VirtualClock:
    """Milliseconds since 1970, as `parties.clock.Clock`."""

    def __init__(self, now_ms: int) -> None:
        self.now = now_ms
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._serial = count()

    def now_ms(self) -> int:
        return self.now

    async def until(self, moment_ms: int) -> None:
        if moment_ms > self.now:
            future = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (moment_ms, next(self._serial), future))
            await future

    async def pause(self, seconds: float) -> None:
        await self.until(self.now + max(int(1000 * seconds), 1))

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """`asyncio.run`, in which time passes."""
        return asyncio.run(self._drive(main))

    async def _drive(self, main: Coroutine[Any, Any, Any]) -> Any:
        self._waiting.clear()
        executor = _Counting()
        asyncio.get_running_loop().set_default_executor(executor)
        task, idle = asyncio.ensure_future(main), 0
        while not task.done():
            await asyncio.sleep(0.0005 if executor.busy else 0)
            idle = 0 if executor.busy else idle + 1
            if idle >= _IDLE_TURNS and self._waiting:
                moment, _, future = heapq.heappop(self._waiting)
                self.now = max(self.now, moment)
                if not future.done():  # else whoever waited has been cancelled
                    future.set_result(None)
                    idle = 0
        return task.result()


class _Counting(ThreadPoolExecutor):
    """Knows how many of its calls are not over yet."""

    def __init__(self) -> None:
        super().__init__(4)
        self.busy = 0

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        self.busy += 1
        future = super().submit(*args, **kwargs)
        future.add_done_callback(lambda _: setattr(self, "busy", self.busy - 1))
        return future
