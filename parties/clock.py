"""What time it is, and waiting for it: the one place where a service or a meter asks."""

import asyncio
import contextlib
import time
from typing import Protocol

_NAP_SECONDS = 1.0

LOOK_SECONDS = 60.0
"""After so long a moment is worked out again: the clock may have been wrong when it was."""


class Clock(Protocol):
    """Milliseconds since 1970, UTC."""

    def now_ms(self) -> int:
        """What time it is."""

    async def until(self, moment_ms: int) -> None:
        """Wait until it is `moment_ms` or later."""

    async def pause(self, seconds: float) -> None:
        """Wait for a while."""


class SystemClock:
    """The clock of this machine, which NTP keeps right; a service compares those of its peers with it (`/readyz`)."""

    def now_ms(self) -> int:
        """What time it is."""
        return time.time_ns() // 1_000_000

    async def until(self, moment_ms: int) -> None:
        """Wait until it is `moment_ms` or later, also when the clock is set meanwhile."""
        # in naps: an event loop sleeps by another clock than the one that may be set
        while (left := (moment_ms - self.now_ms()) / 1000) > 0:
            await asyncio.sleep(min(left, _NAP_SECONDS))

    async def pause(self, seconds: float) -> None:
        """Wait for a while."""
        await asyncio.sleep(seconds)


async def near(clock: Clock, moment_ms: int) -> None:
    """Wait until it is `moment_ms` or later, but no longer than `LOOK_SECONDS`: for who then works it out again."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await clock.until(moment_ms)
