"""How many markets does one set of parties serve at once, and what do more workers give?

python -m benchmarks.many_markets

Three parties as `mpc-market party run`, each one process for all markets, with mutual TLS and SQLite on the disk. All
gates close at the same moment, the worst that can be. The meters' part is played by `benchmarks.street`.
"""

import asyncio
import json
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from benchmarks.country import bill
from benchmarks.record import Record, Row
from benchmarks.street import Street, make_streets
from parties.launch.processes import Processes

NAME = "many_markets"
QUESTION = "How many markets does one set of three parties serve at once, and what do more workers give?"
PARTIES, MARKETS, METERS = 3, 20, 200
COLLECT_SECONDS = 240
"""So long before the gate all rounds are open: time for one client to make and send the orders of all meters."""

_LOOK_SECONDS = 0.25
_READY_SECONDS = 60.0
_AT_ONCE = 24


@dataclass(frozen=True)
class MarketsCase:
    """`workers`: rounds that a party computes at once. `collect`: seconds that the rounds are open."""

    markets: int
    meters: int
    workers: int
    collect: int = COLLECT_SECONDS

    def __str__(self) -> str:
        return f"{self.markets} markets of {self.meters} meters, {self.workers} workers"


class Usage:
    """CPU seconds and memory of some processes and all that they start."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self.peak_bytes = 0
        self.peak_workers = 0

    def cpu(self) -> float:
        """Seconds so far, of those that have ended too."""
        times = [process.cpu_times() for process in self._processes]
        ended = sum(each.user + each.system + each.children_user + each.children_system for each in times)
        return float(ended + sum(_cpu(child) for child in self._children()))

    async def watch(self) -> None:
        """Look at the memory from time to time."""
        while True:
            children = self._children()
            self.peak_workers = max(self.peak_workers, len(children))
            self.peak_bytes = max(self.peak_bytes, sum(map(_memory, [*self._processes, *children])))
            await asyncio.sleep(_LOOK_SECONDS)

    def _children(self) -> list[psutil.Process]:
        return [child for process in self._processes for child in process.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _memory(process: psutil.Process) -> int:
    """What the process has for itself: libraries that all share count once, in nobody's favour, as nothing."""
    try:
        return int(process.memory_full_info().uss)
    except psutil.NoSuchProcess:
        return 0


def measure(case: MarketsCase) -> Row:
    """One round in every market. Raises: RuntimeError if a result differs from the plaintext rule."""
    with tempfile.TemporaryDirectory(prefix="mpc-market-") as name:
        return asyncio.run(_measure(case, Path(name)))


async def _measure(case: MarketsCase, directory: Path) -> Row:
    streets = make_streets(directory, PARTIES, case.markets, case.meters, case.collect)
    async with Processes(directory / "logs") as processes:
        pids = []
        for party in range(PARTIES):
            home = str(directory / "market" / f"party-{party}")
            arguments = ["party", "run", "--home", home, "--workers", str(case.workers)]
            pids.append((await processes.start(f"party-{party}", arguments)).process.pid)
        usage = Usage(pids)
        watching = asyncio.create_task(usage.watch())
        try:
            return {**vars(case), **await _round(case, streets, usage, processes)}
        finally:
            watching.cancel()
            for street in streets:
                await street.close()


async def _round(case: MarketsCase, streets: Sequence[Street], usage: Usage, processes: Processes) -> Row:
    gate = math.ceil((time.time() + case.collect / 2) / case.collect) * case.collect
    async with asyncio.timeout(_READY_SECONDS + 2 * case.collect):
        while not await _all_open(streets, gate + case.collect):
            processes.check()
            await asyncio.sleep(_LOOK_SECONDS)
            if time.time() > gate - case.collect / 2:  # the parties took long to come up: the next round, then
                gate += case.collect
    before, start = usage.cpu(), gate + case.collect
    await _submit_all(streets, start)
    late = time.time() - gate
    if late > 0:
        raise RuntimeError(f"the orders were {late:.1f} s too late for the gate: let the rounds be open longer")
    await asyncio.sleep(-late)
    at_gate = usage.cpu()
    ended = sorted(await asyncio.gather(*(street.until_over(start) for street in streets)))
    computed = usage.cpu() - at_gate
    processes.check()
    orders = sum([await street.check(start) for street in streets])
    if orders != case.markets * case.meters:
        raise RuntimeError(f"{orders} orders took part, not {case.markets * case.meters}")
    return {
        "seconds": round(ended[-1] - gate, 3),
        "results_after": [round(each - gate, 3) for each in ended],
        "markets_per_minute": round(60 * case.markets / (ended[-1] - gate), 1),
        "intake_cpu_seconds": round(at_gate - before, 2),
        "round_cpu_seconds": round(computed, 2),
        "peak_memory": usage.peak_bytes,
        "peak_workers": usage.peak_workers,
    }


async def _all_open(streets: Sequence[Street], start: int) -> bool:
    return all([await street.is_open(start) for street in streets])


async def _submit_all(streets: Sequence[Street], start: int) -> None:
    limit = asyncio.Semaphore(_AT_ONCE)
    for street in streets:
        await street.learn(start)

    async def submit(street: Street, number: int) -> None:
        async with limit:
            await street.submit(number)

    await asyncio.gather(*(submit(street, k) for k in range(len(streets[0].meters)) for street in streets))


def main(*, resume: bool = False) -> None:
    """Measure one and two workers, write `results/many_markets.json` and the picture; print the arithmetic."""
    from benchmarks.markets_picture import draw  # noqa: PLC0415

    record = Record(NAME, QUESTION, resume=resume)
    for workers in (1, 2):
        case = MarketsCase(MARKETS, METERS, workers)
        record.measure(str(case), partial(measure, case))
    record.finish()
    draw()
    print(json.dumps(bill(record.rows), indent=1))


if __name__ == "__main__":
    main()
