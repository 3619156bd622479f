"""A market whose clock is moved on when all is ready for it: no waiting for gates, and no slow machine that misses one.

Time goes by as it does; `move_to` adds to it, for all parties and meters at once.
"""

import asyncio
import json
import mmap
import random
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from mpc_market.rules.model import Side
from parties.client.api import Api, RefusedError, UnreachableError, pinned
from parties.launch.community import Community
from parties.meter.forecast import Wish
from parties.meter.home import Home
from parties.meter.market import Market, Meter
from parties.meter.results import collect
from parties.meter.rounds import Rounds
from parties.meter.store import Store
from parties.meter.submitting import submit

CLOCK = "clock"
_OFFSET = struct.Struct("<q")
_SETTLE_SECONDS = 400.0
_PAUSE_SECONDS = 0.05


class SteeredClock:
    """The machine's clock and an offset that every process reads from one file; `ahead`: more, for this one alone."""

    def __init__(self, file: Path, ahead_ms: int = 0) -> None:
        if not file.exists():
            file.write_bytes(_OFFSET.pack(0))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _OFFSET.size)
        self._ahead_ms = ahead_ms
        self._real_ns = time.time_ns  # before anyone replaces it

    @property
    def offset_ms(self) -> int:
        """How far this clock is ahead of the machine's."""
        return int(_OFFSET.unpack(self._shared[:])[0]) + self._ahead_ms

    def now_ms(self) -> int:
        """What time it is."""
        return self._real_ns() // 1_000_000 + self.offset_ms

    def move_to(self, moment_ms: int) -> None:
        """Let it be `moment_ms` for everyone, if it is not later already."""
        if (step := moment_ms - self.now_ms()) > 0:
            self._shared[:] = _OFFSET.pack(self.offset_ms - self._ahead_ms + step)

    async def until(self, moment_ms: int) -> None:
        """Wait until it is `moment_ms` or later."""
        while self.now_ms() < moment_ms:
            await asyncio.sleep(_PAUSE_SECONDS)

    async def pause(self, seconds: float) -> None:
        """Wait for a while; nobody has to wait long here."""
        await asyncio.sleep(min(seconds, 0.25))


class Meters:
    """The meters of a community, in this process, on the clock of its market. An async context manager."""

    def __init__(self, community: Community, clock: SteeredClock) -> None:
        self.market, self.clock = Market(community.running), clock
        maximum = community.running.settings.lots(community.meters[0].maximum)
        self.meters = [Meter(home, Store(home.store, home.meter), maximum) for home in community.meters]
        self.api = Api(self.market.id, pinned(community.running, clock.now_ms() // 1000))
        self._rounds = Rounds(self.api, self.market, clock)

    async def __aenter__(self) -> "Meters":
        await self.api.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.api.__aexit__(*error)  # type: ignore[arg-type]

    async def submit(self, start: int, wishes: Sequence[Wish]) -> int:
        """One order of each meter; how many have the receipts of all parties."""
        sent = await asyncio.gather(
            *(submit(meter, self._rounds, start, [wish]) for meter, wish in zip(self.meters, wishes, strict=True))
        )
        return sum(each.accepted for each in sent)

    async def collect(self, start: int) -> None:
        """Fetch and verify what became of it."""
        await asyncio.gather(*(collect(meter, self._rounds, start) for meter in self.meters))

    async def states(self, start: int) -> list[str | None]:
        """How far the round is at each party, as its public API tells."""
        return [await state_of(self.api, party, start) for party in range(self.api.parties)]

    async def until(self, start: int, *states: str, parties: Sequence[int] = ()) -> None:
        """Wait until the round is in one of these states at all (some) parties. Raises: TimeoutError."""
        await until(self.api, start, *states, parties=parties)


async def until(api: Api, start: int, *states: str, parties: Sequence[int] = ()) -> None:
    """Wait until a round of any stage is in one of these states at all (some) parties. Raises: TimeoutError."""
    for party in parties or range(api.parties):
        async with asyncio.timeout(_SETTLE_SECONDS):
            while await state_of(api, party, start) not in states:
                await asyncio.sleep(_PAUSE_SECONDS)


async def state_of(api: Api, party: int, start: int) -> str | None:
    """How far a round is at a party; None if it does not answer, or knows no such round."""
    try:
        return str(json.loads(await api.get(party, f"periods/{start}"))["state"])
    except (UnreachableError, RefusedError):
        return None


def draw(source: random.Random, homes: Sequence[Home]) -> list[Wish]:
    """An order for each meter: either side, prices close to each other, some quantities 0, some equal."""
    sides = (Side.BUY, Side.SELL)
    return [
        Wish(source.choice(sides), source.randrange(800, 812), source.choice((0, 500, source.randrange(1, 2000))))
        for _ in homes
    ]


async def beside(work: Awaitable[None], chore: Callable[[], object]) -> None:
    """Do the work, and a chore again and again meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            chore()
            await asyncio.wait({task}, timeout=_PAUSE_SECONDS)
        task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})
