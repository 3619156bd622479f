"""A whole market on this machine for a number of rounds, as `mpc-market up` runs one, measured: one row for each round.

Compute parties are `mpc-market party run` with mutual TLS and SQLite on the disk; meters are run by two representatives
(`benchmarks.load_meters`), a home with a store on the disk for each. All start before the first round that is measured.
Every round is compared with the plaintext rule: what meters ordered against what they verified to have been accepted.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.load_meters import ACCEPTED, BEGUN, FOUND, STATE
from benchmarks.quantiles import quantiles
from benchmarks.record import Row, say
from benchmarks.usage import Usage
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Order
from parties.audit.fetching import PublicApi, fetch
from parties.audit.verifying import Report, verify
from parties.client.api import pinned
from parties.launch.community import Community, make_community, write_orders
from parties.launch.processes import Processes, Running
from parties.launch.setups import SetUp, clients
from parties.launch.watching import until_ready
from parties.meter.results import State
from parties.meter.store import Entry, Store

PARTIES = 3
_LOOK_SECONDS = 0.5
_READY_SECONDS = 120.0


@dataclass(frozen=True)
class MarketCase:
    """What is run. `period`: seconds; the gate closes one period before the period starts."""

    meters: int
    rounds: int
    period: int

    def __str__(self) -> str:
        return f"{self.meters} meters, {self.rounds} rounds of {self.period} s"


def measure(case: MarketCase) -> list[Row]:
    """The figures of every round.

    Raises: RuntimeError if a result differs from the plaintext rule, or one is missing.
    """
    with tempfile.TemporaryDirectory(prefix="mpc-market-") as name:
        community = make_community(Path(name), PARTIES, case.meters, case.period)
        say(f"{case}: keys and homes are made")
        run = asyncio.run(_run(community, case))
        return [_row(case, run, start) for start in run.starts]


@dataclass(frozen=True)
class _Run:
    """What is left of a run when its processes have ended."""

    community: Community
    starts: Sequence[int]
    times: dict[int, dict[str, dict[str, Any]]]
    usage: Usage
    audit: Report


async def _run(community: Community, case: MarketCase) -> _Run:
    running, directory = community.running, community.directory
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(Processes(directory / "logs"))
        parties = [
            await processes.start(f"party-{number}", ["party", "run", "--home", str(community.party_home(number))])
            for number in range(PARTIES)
        ]
        api = await stack.enter_async_context(PublicApi(running.id, pinned(running, int(time.time()))))
        await until_ready(api)
        representatives = await _start_meters(community, case, processes)
        usage = Usage([each.process.pid for each in parties], [each.process.pid for each in representatives])
        while any(each.process.returncode is None for each in representatives):
            processes.check(may_end=representatives)
            usage.look()
            await asyncio.sleep(_LOOK_SECONDS)
        for each in representatives:
            if each.process.returncode:
                raise RuntimeError(
                    f"{each.name} has ended with {each.process.returncode}: {each.log.read_text()[-2000:]}"
                )
        for fetched in await fetch(api, directory / "records"):
            if fetched.trouble:
                raise RuntimeError(fetched.trouble)
    times = _times(directory, [each.name for each in representatives])
    return _Run(community, sorted(times), times, usage, verify(directory / "records", running))


async def _start_meters(community: Community, case: MarketCase, processes: Processes) -> list[Running]:
    """Both representatives, ready for the next round that opens."""
    first = int(time.time()) // case.period * case.period
    starts = [first + number * case.period for number in range(case.rounds + int(_READY_SECONDS) // case.period + 3)]
    started = []
    for name, homes in clients(SetUp.INDIRECT_CUSTOMERS, community.meters, PARTIES).items():
        orders = write_orders(community, name, homes, starts)
        listed = community.directory / f"{name}.homes"
        listed.write_text("".join(f"{home.path}\n" for home in homes), "utf-8")
        arguments = [str(orders), str(case.rounds), str(_times_path(community.directory, name)), str(listed)]
        started.append(await processes.start(name, arguments, "benchmarks.load_meters"))
    async with asyncio.timeout(_READY_SECONDS):
        while not all("ready" in each.log.read_text() for each in started):
            processes.check()
            await asyncio.sleep(_LOOK_SECONDS / 5)
    return started


def _times_path(directory: Path, name: str) -> Path:
    return directory / f"{name}.json"


def _times(directory: Path, names: Sequence[str]) -> dict[int, dict[str, dict[str, Any]]]:
    merged: dict[int, dict[str, dict[str, Any]]] = {}
    for name in names:
        for start, meters in json.loads(_times_path(directory, name).read_text("utf-8")).items():
            merged.setdefault(int(start), {}).update(meters)
    return merged


# --- a row ------------------------------------------------------------------------------------------------


def _row(case: MarketCase, run: _Run, start: int) -> Row:
    opens, gate = start - 2 * case.period, start - case.period
    meters = run.times[start].values()
    accepted = [each for each in meters if ACCEPTED in each]
    _compare(run, start)
    logged = [_logged(run.community.directory / "logs" / f"party-{number}.log", start) for number in range(PARTIES)]
    return {
        "meters": case.meters,
        "period_seconds": case.period,
        "accepted": len(accepted),
        "verified": sum(each.get(STATE) == State.VERIFIED for each in meters),
        "intake_seconds": round(max(m[ACCEPTED] for m in accepted) - min(m[BEGUN] for m in accepted), 3),
        "receipt_seconds": quantiles([each[ACCEPTED] - each[BEGUN] for each in accepted]),
        "outcome_seconds": round(max(each["result"] for each in logged) - gate, 3),
        "results_seconds": quantiles([each[FOUND] - gate for each in meters if FOUND in each]),
        "stage_seconds": logged[0]["stages"],
        "party_cpu_seconds": run.usage.parties_between(opens, gate),
        "meters_cpu_seconds": run.usage.others_between(opens, gate),
        "peak_memory": run.usage.peak_memory,
    }


def _logged(log: Path, start: int) -> dict[str, Any]:
    """What a party's log tells of a round: when its result was confirmed (seconds since 1970), the stages before."""
    found: dict[str, Any] = {}
    for line in log.read_text("utf-8").splitlines():
        event = json.loads(line)
        if event.get("start") != start:
            continue
        if event["event"] == "round" and event["state"] in ("result", "void"):
            found["result"] = datetime.fromisoformat(event["timestamp"]).timestamp()
        if event["event"] == "attempt done":
            found["stages"] = {name: round(seconds, 3) for name, seconds in event["stages"].items()}
    return found


def _compare(run: _Run, start: int) -> None:
    """Every meter of the agreed set got what the plaintext rule gives on that set, and no other got anything.

    A meter that all parties say is not in the set came too late: the row shows it. Raises: RuntimeError.
    """
    audited, rules = run.audit.audited(start), run.community.running.settings.rules
    book: list[tuple[Order, int]] = []
    for home in run.community.meters:
        entry = _entry(Store(home.store, home.meter), start)
        if entry is not None and entry.state == State.NOT_IN_SET:
            continue
        if entry is None or entry.state != State.VERIFIED or entry.accepted is None:
            state = None if entry is None else entry.state
            raise RuntimeError(f"{home.meter}: no verified result of the round {start}, but {state}")
        book += zip(entry.orders, entry.accepted, strict=True)
    if not run.audit.holds or audited is None or audited.agreed is None or audited.randomness is None:
        raise RuntimeError(f"the public records of the round {start} do not hold, or it is void")
    if audited.agreed.count != len(book):
        raise RuntimeError(f"{audited.agreed.count} orders were agreed on in the round {start}, {len(book)} verified")
    expected = clear([order for order, _ in book], rules, audited.randomness.ticket_seed)
    if audited.price != expected.price or [lots for _, lots in book] != list(expected.accepted):
        raise RuntimeError(f"the round {start}: the outcome differs from the plaintext rule")


def _entry(store: Store, start: int) -> Entry | None:
    return next((entry for entry in store.history(20) if entry.start == start), None)
