"""A market whose round is open and whose meters are keys in memory: to measure how one compute party takes orders in.

Three services open the round, since it takes all of them; then the others can be ended, and the one that stays can be
held to one core. Submissions are made beforehand, each of another meter.
"""

import asyncio
import json
import os
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from mpc_market.rules.model import Order, Side
from mpc_market.wire.identifiers import order_id
from mpc_market.wire.opening import Terms
from mpc_market.wire.roll import RollEntry
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import Submission, make
from parties.client.api import Api, pinned
from parties.clock import SystemClock
from parties.files.problems import Problems
from parties.launch.community import MAXIMUM_KWH, REGION, SUPPLIER, Community, make_community
from parties.launch.processes import Processes, Running
from parties.launch.watching import until_ready
from parties.meter.market import Market
from parties.meter.rounds import Rounds
from parties.registrar import changes, desk
from parties.registrar.changes import Candidate
from parties.registrar.home import read_registrar_home
from parties.setup.creating import REGISTRAR

PARTIES = 3
PERIOD_SECONDS = 3600
_LOOK_SECONDS = 0.1
_LEAST_SECONDS = 240
"""A round whose gate is nearer is not begun with."""


@dataclass(frozen=True)
class LoneParty:
    """Party 0 and what may be sent to it. `others`: the processes of the other parties."""

    community: Community
    terms: Terms
    submissions: Sequence[Submission]
    process: Running
    others: Sequence[Running]

    @property
    def pid(self) -> int:
        """Of the party's service."""
        return self.process.process.pid

    async def leave_alone(self) -> None:
        """End the other parties; hold this one's threads to one core, and this very process to the others (Linux)."""
        for each in self.others:
            each.process.terminate()
            await each.process.wait()
        cores = os.sched_getaffinity(0)
        core = min(cores)
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            os.sched_setaffinity(int(thread), {core})
        os.sched_setaffinity(0, cores - {core} or {core})

    async def kill(self) -> int:
        """End it as a crash does; how many submissions its ledger holds then."""
        self.process.process.kill()
        await self.process.process.wait()
        with closing(sqlite3.connect(self.community.party_home(0) / "ledger.db")) as ledger:
            (count,) = ledger.execute("SELECT count(*) FROM submissions").fetchone()
        return int(count)


@asynccontextmanager
async def lone_party(directory: Path, meters: int) -> AsyncIterator[LoneParty]:
    """A market of three parties with an open round, and a submission of each of this many meters."""
    community = make_community(directory, PARTIES, 1, PERIOD_SECONDS)
    keys = [SigningKey.generate() for _ in range(meters)]
    entries = _enrol(community, keys)
    async with Processes(directory / "logs") as processes:
        parties = [
            await processes.start(f"party-{number}", ["party", "run", "--home", str(community.party_home(number))])
            for number in range(PARTIES)
        ]
        terms = await _terms(community)
        rules = community.running.settings.rules
        made = [make(terms, entry, 1, [_order(entry)], rules, key) for entry, key in zip(entries, keys, strict=True)]
        cores = os.sched_getaffinity(0)
        try:
            yield LoneParty(community, terms, made, parties[0], parties[1:])
        finally:
            os.sched_setaffinity(0, cores)


def _enrol(community: Community, keys: Sequence[SigningKey]) -> list[RollEntry]:
    problems = Problems()
    registrar = read_registrar_home(community.directory / "market" / REGISTRAR, problems)
    problems.check()
    assert registrar is not None, "no home, and no reason why not"
    maximum, sealing = community.running.settings.lots(MAXIMUM_KWH), SealingKey.generate
    entries = [
        RollEntry(f"m{number:06}", key.public, sealing().public, SUPPLIER, REGION, maximum)
        for number, key in enumerate(keys)
    ]
    candidates = [Candidate(entry.meter, entry) for entry in entries]
    desk.change(registrar, lambda roll, noted: changes.enrol(roll, candidates, noted))
    return entries


def _order(entry: RollEntry) -> Order:
    rng = random.Random(entry.meter)  # noqa: S311  (a benchmark's order is no secret)
    return Order(order_id(entry.meter, 0), rng.choice((Side.SELL, Side.BUY)), rng.randrange(4096), rng.randrange(1000))


async def _terms(community: Community) -> Terms:
    """The terms of the round that takes orders now, if there is time enough to its gate; else of the next one."""
    clock, market = SystemClock(), Market(community.running)
    start = market.rhythm.next_gate(clock.now_ms())
    if market.rhythm.gate(start) - clock.now_ms() < 1000 * _LEAST_SECONDS:
        await clock.until(market.rhythm.gate(start))
        start += PERIOD_SECONDS
    async with Api(market.id, pinned(community.running, int(time.time()))) as api:
        await until_ready(api)
        terms = await Rounds(api, market, clock).terms(start, market.rhythm.gate(start))
        while json.loads(await api.get(0, f"periods/{start}"))["state"] != "collecting":
            await asyncio.sleep(_LOOK_SECONDS)
        return terms
