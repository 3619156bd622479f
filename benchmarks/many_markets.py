"""How many markets does one set of parties serve at once, and what do more workers give?

python -m benchmarks.many_markets [--fresh]        (goes on where it was interrupted, or begins anew)

Three parties as `mpc-market party run`, each one process for all markets, with mutual TLS and SQLite on the disk. All
gates close at the same moment, the worst that can be. The meters' part is played by `benchmarks.street`.

Three parties with one worker each keep two cores busy already, so that a second worker alone would show nothing but
that the machine is full. Therefore each worker comes with a core: from the gate on, one worker per party on one core
(of all parties together), then two on two.
"""

import asyncio
import contextlib
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil

from benchmarks.country import table
from benchmarks.record import Record, Row, forget_partial, load, say
from benchmarks.street import Street, make_streets
from parties.files.party_home import read_party_home
from parties.files.problems import Problems
from parties.launch.processes import Processes

NAME = "many_markets"
QUESTION = "How many markets does one set of three parties serve at once, and what do more workers give?"
PARTIES, MARKETS, METERS = 3, 20, 200
COLLECT_SECONDS = 100
"""This long before the gate all rounds are open: time for one client to make and send the orders of all meters."""

_LOOK_SECONDS = 0.25
_READY_SECONDS = 60.0
_TRIES = 3
_AT_ONCE = 24
_TRAFFIC = "mpc_market_computation_bytes_total"


@dataclass(frozen=True)
class MarketsCase:
    """`workers`: rounds that a party computes at once. `cores`: that all parties together have from the gate on.
    `collect`: seconds that the rounds are open.
    """

    markets: int
    meters: int
    workers: int
    cores: int
    collect: int = COLLECT_SECONDS

    def __str__(self) -> str:
        return f"{self.markets} markets of {self.meters} meters, {self.workers} workers on {self.cores} cores"


class Usage:
    """CPU seconds and memory of some processes and all that they start."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self.peak_bytes = self.peak_workers = self.service_bytes = self.worker_bytes = 0

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
            services, workers = sum(map(_memory, self._processes)), [_memory(child) for child in children]
            self.service_bytes = max(self.service_bytes, services)
            self.worker_bytes = max([self.worker_bytes, *workers])
            self.peak_bytes = max(self.peak_bytes, services + sum(workers))
            await asyncio.sleep(_LOOK_SECONDS)

    def hold_to(self, cores: int) -> None:
        """Let them all, and what they start from now on, have only this many cores."""
        some = set(sorted(os.sched_getaffinity(0))[:cores])
        for process in [*self._processes, *self._children()]:
            with contextlib.suppress(OSError):
                for thread in os.listdir(f"/proc/{process.pid}/task"):
                    os.sched_setaffinity(int(thread), some)

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
    collect = _collect_about(case)
    streets = make_streets(directory, PARTIES, case.markets, case.meters, collect)
    async with Processes(directory / "logs") as processes:
        pids, homes = [], [directory / "market" / f"party-{party}" for party in range(PARTIES)]
        for party, home in enumerate(homes):
            arguments = ["party", "run", "--home", str(home), "--workers", str(case.workers)]
            pids.append((await processes.start(f"party-{party}", arguments)).process.pid)
        usage = Usage(pids)
        watching = asyncio.create_task(usage.watch())
        try:
            return {**vars(case), "collect": collect, **await _round(case.cores, streets, usage, processes, homes)}
        finally:
            watching.cancel()
            for street in streets:
                await street.close()


def _collect_about(case: MarketsCase) -> int:
    """About as long as the case says, and so that a round opens soon after the parties will be up: less waiting."""
    up = time.time() + 10 + case.markets * case.meters / 1000
    lengths = sorted(range(case.collect, case.collect * 5 // 4), key=lambda length: -up % length)
    return lengths[0]


async def _round(
    cores: int, streets: Sequence[Street], usage: Usage, processes: Processes, homes: Sequence[Path]
) -> Row:
    gate, before = await _all_sent(streets, usage, processes)
    start, sent = gate + streets[0].running.period_seconds, await _traffic(homes)
    await asyncio.sleep(gate - time.time())
    at_gate = usage.cpu()
    usage.hold_to(cores)
    ended = sorted(await asyncio.gather(*(street.until_over(start) for street in streets)))
    computed = usage.cpu() - at_gate
    traffic = await _traffic(homes) - sent
    usage.hold_to(len(os.sched_getaffinity(0)))
    processes.check()
    orders = sum(await asyncio.gather(*(street.check(start) for street in streets)))
    if orders != len(streets) * len(streets[0].meters):
        raise RuntimeError(f"{orders} orders took part, not {len(streets) * len(streets[0].meters)}")
    return {
        "seconds": round(ended[-1] - gate, 3),
        "results_after": [round(each - gate, 3) for each in ended],
        "markets_per_minute": round(60 * len(streets) / (ended[-1] - gate), 1),
        "intake_cpu_seconds": round(at_gate - before, 2),
        "round_cpu_seconds": round(computed, 2),
        "computation_bytes": traffic,
        "peak_memory": usage.peak_bytes,
        "service_memory": usage.service_bytes,
        "worker_memory": usage.worker_bytes,
        "peak_workers": usage.peak_workers,
        "load": round(os.getloadavg()[0], 2),
    }


async def _all_sent(streets: Sequence[Street], usage: Usage, processes: Processes) -> tuple[int, float]:
    """The gate before which all orders were sent, and the CPU seconds before the first.

    A machine that does other things too may need a second try, in the next round. Raises: RuntimeError.
    """
    collect, late = streets[0].running.period_seconds, 0.0
    for _ in range(_TRIES):
        gate = await _next_gate(streets, processes)
        before = usage.cpu()
        await _submit_all(streets, gate + collect)
        late = time.time() - gate
        if late < 0:
            return gate, before
        say(f"the orders were {late:.1f} s too late for the gate: once more")
    raise RuntimeError(f"the orders were {late:.1f} s too late for the gate: let the rounds be open longer")


async def _next_gate(streets: Sequence[Street], processes: Processes) -> int:
    """The next gate whose rounds are open in all markets, with most of the time left."""
    collect = streets[0].running.period_seconds
    async with asyncio.timeout(_READY_SECONDS + 3 * collect):
        while True:
            processes.check()
            gate = math.ceil((time.time() + 0.65 * collect) / collect) * collect
            if await _all_open(streets, gate + collect):
                return gate
            await asyncio.sleep(_LOOK_SECONDS)


async def _traffic(homes: Sequence[Path]) -> int:
    """Bytes that the computations of all parties have sent so far, as their metrics say."""
    total = 0
    async with httpx.AsyncClient(trust_env=False) as client:
        for home in homes:
            problems = Problems()
            opened = read_party_home(home, int(time.time()), problems)
            problems.check()
            assert opened is not None, "no home, and no reason why not"
            host, port = opened.listen.private
            lines = (await client.get(f"http://{host}:{port}/metrics")).text.splitlines()
            total += sum(int(float(line.split()[1])) for line in lines if line.startswith(_TRAFFIC))
    return total


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
        case = MarketsCase(MARKETS, METERS, workers, cores=workers)
        record.measure(str(case), partial(measure, case))
    record.finish()
    draw()
    print(table(record.rows, load("settlement")["rows"]))


if __name__ == "__main__":
    main(resume="--fresh" not in sys.argv[1:])
    forget_partial(NAME)
