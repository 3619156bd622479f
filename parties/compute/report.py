"""What a party's process tells its coordinator while it computes, and what it keeps to tell in the end."""

import asyncio
import contextlib
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path

from parties.compute.channel import Channel, ChannelClosedError
from parties.compute.messages import Effort, Stage
from parties.net.network import PartyNetwork


class Report:
    """Measures one round from when it is made: bytes, seconds of CPU, and seconds by stage, of which it tells."""

    def __init__(self, channel: Channel, network: PartyNetwork) -> None:
        self._network = network
        self._stages = _Stages(channel)
        self._traffic, self._cpu = network.traffic, time.process_time()
        self.begin_stage = self._stages.begin

    async def effort(self, communication_rounds: int) -> Effort:
        """What the round took so far; to be asked once, at its end."""
        cpu_seconds = time.process_time() - self._cpu
        bytes_sent = (self._network.traffic - self._traffic).bytes_sent
        return Effort(communication_rounds, bytes_sent, cpu_seconds, _peak_memory(), await self._stages.end())


class _Stages:
    """Tells the coordinator which stage begins, and keeps how long each took."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._tasks: list[asyncio.Task[None]] = []
        self._began: list[tuple[str, float]] = []

    def begin(self, name: str) -> None:
        """A stage begins, and the one before is over."""
        self._began.append((name, time.perf_counter()))
        self._tasks.append(asyncio.create_task(self._tell(name)))

    async def _tell(self, name: str) -> None:
        with contextlib.suppress(ChannelClosedError):  # whoever else uses the channel ends the round
            await self._channel.send(Stage(name).header())

    async def end(self) -> dict[str, float]:
        """The last stage is over; seconds by name of stage."""
        self._began.append(("", time.perf_counter()))
        await asyncio.gather(*self._tasks)
        seconds: dict[str, float] = {}
        for (name, begin), (_, end) in pairwise(self._began):
            seconds[name] = seconds.get(name, 0.0) + end - begin
        return seconds


def _peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes."""
    # On Linux `getrusage` starts from what the coordinator had when it started this process.
    with contextlib.suppress(FileNotFoundError), Path("/proc/self/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
