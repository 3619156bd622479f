"""Running a community: its parties and meters as processes of their own, until the rounds are over; then the audit."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpc_market.errors import MarketError
from mpc_market.wire.identifiers import Stage
from parties.audit.fetching import PublicApi, fetch
from parties.audit.saved import stage_folder, stages_of
from parties.audit.verifying import Report, verify_all
from parties.client.api import Api, UnreachableError, pinned
from parties.files.running import RunningMarket
from parties.launch.community import Community, write_orders, write_readings
from parties.launch.processes import Processes, Running
from parties.launch.watching import FINAL, Seen, see, until_ready
from parties.meter.home import Home
from parties.meter.market import Market

_REFRESH_SECONDS = 0.5
_SPARE_ROUNDS = 3
"""Orders are drawn for this many more rounds: meters begin with the one whose gate is next when they have started."""

SETTLE_SECONDS = 60.0
"""This long after the last reading the settlements are waited for, to be shown."""

Show = Callable[[Mapping[int, Seen]], None]


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it. `rounds`: by start of the period. `verified`: whether all meters say that all was well.

    `audits`: of the clearings; and of each further stage, if the market settles.
    """

    rounds: dict[int, Seen]
    verified: bool
    audits: tuple[Report, ...]


async def run(
    community: Community, clients: Mapping[str, Sequence[Home]], rounds: int, show: Show, say: Callable[[str], None]
) -> Run:
    """Run this many rounds; only files are left behind. `clients`: who submits, by name, with their meters' homes.

    Raises: ProcessEndedError; MarketError if the parties do not come up, or serve no chain of records.
    """
    directory, running = community.directory, community.running
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(Processes(directory / "logs"))
        for number in range(len(running.parties)):
            await processes.start(f"party-{number}", ["party", "run", "--home", str(community.party_home(number))])
        api = await stack.enter_async_context(PublicApi(running.id, pinned(running, int(time.time()))))
        settlement = await _settlement(running, stack)
        say(f"{len(running.parties)} compute parties are starting")
        await _watched(until_ready(api), processes)
        starts = _starts(community, rounds + _SPARE_ROUNDS)
        meters = []
        for name, homes in clients.items():
            files = ["--orders", str(write_orders(community, name, homes, starts))]
            if running.calendar is not None:
                files += ["--readings", str(write_readings(community, name, homes, starts))]
            meters.append(await processes.start(name, _watch_arguments(files, homes, rounds)))
        say(f"{len(community.meters)} meters of {len(meters)} clients take part in {rounds} rounds")
        known: dict[int, Seen] = {}
        await _follow(api, settlement, community, starts, known, show, meters, processes)
        audits = await _audit(community, directory / "records")
    verified = all(each.process.returncode == 0 for each in meters)
    return Run({start: seen for start, seen in known.items() if seen.orders}, verified, audits)


async def _settlement(running: RunningMarket, stack: AsyncExitStack) -> Api | None:
    """Asks the parties about settlements; None if the market only clears."""
    if running.calendar is None:
        return None
    staged = running.staged(Stage.SETTLEMENT)
    return await stack.enter_async_context(Api(staged.id, pinned(staged, int(time.time()))))


async def _follow(
    api: PublicApi,
    settlement: Api | None,
    community: Community,
    starts: list[int],
    known: dict[int, Seen],
    show: Show,
    meters: Sequence[Running],
    processes: Processes,
) -> None:
    """Show the rounds until all clients of meters have ended, and once more then."""
    last, until = False, 0.0
    while not last:
        processes.check(may_end=meters)
        if all(each.process.returncode is not None for each in meters):
            until = until or time.monotonic() + SETTLE_SECONDS
            unsettled = [seen for seen in known.values() if settlement and seen.orders and seen.settled not in FINAL]
            last = not unsettled or time.monotonic() > until
        with suppress(UnreachableError):  # party 0 is busy, or gone: then `check` says so
            await see(api, settlement, community, starts, known)
        show({start: seen for start, seen in known.items() if seen.orders or not (last or seen.orders == 0)})
        if not last:
            await asyncio.sleep(_REFRESH_SECONDS)


async def _audit(community: Community, folder: Path) -> tuple[Report, ...]:
    running = community.running
    for stage in stages_of(running):
        async with PublicApi(stage.of(running.id), pinned(running, int(time.time()))) as api:
            for fetched in await fetch(api, stage_folder(folder, stage)):
                if fetched.trouble:
                    raise MarketError(fetched.trouble)
    return tuple(verify_all(folder, running).values())


async def _watched(work: Coroutine[Any, Any, None], processes: Processes) -> None:
    """Do it, unless a process ends meanwhile."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            processes.check()
            await asyncio.wait({task}, timeout=_REFRESH_SECONDS)
        task.result()
    finally:
        task.cancel()


def _starts(community: Community, count: int) -> list[int]:
    rhythm = Market(community.running).rhythm
    first = rhythm.next_gate(int(time.time() * 1000))
    return [first + number * rhythm.length for number in range(count)]


def _watch_arguments(files: Sequence[str], homes: Sequence[Home], rounds: int) -> list[str]:
    return ["meter", "watch", *files, "--rounds", str(rounds), *(str(home.path) for home in homes)]
