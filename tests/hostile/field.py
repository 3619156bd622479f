"""A market as `mpc-market up` runs it, with honest meters, in a storm of hostile requests (`storm`).

It settles: its periods begin a second after the gates of their rounds, and when they are over the meters send readings.
"""

import asyncio
import csv
import json
import math
import random
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import psutil

from mpc_market.rules.clearing import clear
from mpc_market.wire.audit import check_record
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.outcome import Standing
from mpc_market.wire.record import Record
from mpc_market.wire.roll import RollEntry
from mpc_market.wire.sheet import Content
from parties.audit.fetching import PublicApi, fetch
from parties.audit.verifying import verify
from parties.client.api import Api, pinned
from parties.files.problems import Problems
from parties.files.values import moment_text
from parties.launch.community import MAXIMUM_KWH, REGION, SUPPLIER, make_community, write_orders, write_readings
from parties.launch.processes import Processes, Running, last_lines
from parties.launch.watching import FINAL, until_ready
from parties.meter.market import Market
from parties.meter.results import State
from parties.meter.store import Store
from parties.supplier.home import read_supplier_home
from parties.supplier.sheets import fetch as fetch_sheet
from tests.hostile.storm import CANARY, Storm
from tests.hostile.storm_acts import ACTS
from tests.hostile.storm_settling import SETTLING_ACTS

GROWTH_MAX = 64 * 2**20
"""Bytes that a party's service may grow by in the storm: its caches fill, and nothing else."""

NO_TARIFF = "no tariff: only local trade is billed"
"""Said where a month is closed, and true: this supplier has published none."""


class StormyMarket:
    """`found`: all that was wrong; `rounds`: how many cleared by the plaintext rule; `void`: how many had no result.

    `settled`: of how many periods the readings of all honest meters are in the supplier's totals; `late`: of how many
    there was no time for that, or no group that is large enough to be shown.
    """

    acts = tuple(ACTS | SETTLING_ACTS)

    def __init__(self, directory: Path, rng: random.Random, meters: int = 6, period: int = 15) -> None:
        within = f"PT{max(2 * period // 3, 1)}S"
        settlement = {
            "gate_lead": "PT1S",
            "reading_deadline": within,
            "correction_deadline": within,
            "settle_within": within,
            "billing": f"PT{period}S",
        }
        community = make_community(directory, 3, meters + 1, period, settlement=settlement)
        *honest, rogue = community.meters
        self.directory = directory
        self.community = replace(community, meters=tuple(honest))
        maximum = community.running.settings.lots(MAXIMUM_KWH)
        entry = RollEntry(rogue.meter, rogue.identity.public, rogue.sealing.public, SUPPLIER, REGION, maximum)
        homes = [community.party_home(number) for number in range(3)]
        self.storm = Storm(community.running, rogue, entry, homes, rng, ACTS | SETTLING_ACTS)
        self.found: list[str] = []
        self.rounds = self.void = self.settled = self.late = 0
        self.growth = 0

    async def play(self, requests: int, rounds: int, pause: float = 0.0, seconds: float = math.inf) -> None:
        """At least this many requests, unless that takes longer, while honest meters play this many rounds."""
        running, homes = self.community.running, self.community.meters
        async with AsyncExitStack() as stack:
            processes = await stack.enter_async_context(Processes(self.directory / "logs"))
            parties = [
                await processes.start(f"party-{number}", ["party", "run", "--home", str(home)])
                for number, home in enumerate(self.storm.homes)
            ]
            api = await stack.enter_async_context(PublicApi(running.id, pinned(running, int(time.time()))))
            await until_ready(api)
            starts = self._starts(rounds + 4)
            files = ["--orders", str(write_orders(self.community, "all", homes, starts))]
            files += ["--readings", str(readings := write_readings(self.community, "all", homes, starts))]
            arguments = [*files, "--rounds", str(rounds), *(str(home.path) for home in homes)]
            meters = await processes.start("meters", ["meter", "watch", *arguments])
            until = time.monotonic() + seconds
            await self._blow([each.process.pid for each in parties], meters, requests, pause, until)
            await self._settlements(starts, readings, meters.log.read_text("utf-8"))
            for fetched in await fetch(api, self.directory / "records"):
                if fetched.trouble:
                    self.found.append(fetched.trouble)
            processes.check(may_end=[meters])
        self._look_at(meters)

    async def _blow(self, parties: list[int], meters: Running, requests: int, pause: float, until: float) -> None:
        """The storm, and what the parties' memory does meanwhile."""
        async with self.storm as storm:
            beside = [asyncio.create_task(self._learn()), asyncio.create_task(self._weigh(parties, requests))]
            await storm.blow(requests, lambda: meters.process.returncode is None, pause, until)
            for each in beside:
                each.cancel()
            for each in await asyncio.gather(*beside, return_exceptions=True):
                if isinstance(each, Exception):
                    raise each
        await meters.process.wait()

    async def _learn(self) -> None:
        while True:
            await self.storm.learn()
            await asyncio.sleep(1)

    async def _weigh(self, parties: list[int], requests: int) -> None:
        """How much the largest of them grows, once a tenth of the storm is over."""
        while self.storm.sent < requests / 10:
            await asyncio.sleep(0.2)
        before = {pid: psutil.Process(pid).memory_info().rss for pid in parties}
        while True:
            self.growth = max(self.growth, *(psutil.Process(p).memory_info().rss - b for p, b in before.items()))
            await asyncio.sleep(0.2)

    async def _settlements(self, starts: list[int], readings: Path, told: str) -> None:
        """What the supplier is shown of each period of which the meters say that all have accepted their readings."""
        running, count, problems = self.community.running, len(self.community.meters), Problems()
        settled = Market(running).at(Stage.SETTLEMENT).running
        supplier = read_supplier_home(self.community.directory / "supplier", problems)
        problems.check()
        rows = list(csv.DictReader(readings.read_text("ascii").splitlines()))
        async with Api(Stage.SETTLEMENT.of(running.id), pinned(running, int(time.time()))) as api:
            for start in starts:
                period = moment_text(start)
                if f"{period} readings: {count} of {count} accepted" not in told:
                    self.late += f"{period} readings:" in told
                    continue
                if await self._ended(api, start) == "void":
                    self.late += 1
                    continue
                sheet = await fetch_sheet(api, settled, supplier, Content.TOTALS, start)
                read = [row for row in rows if row["period"] == period]
                sums = tuple(sum(running.settings.lots(row[what]) for row in read) for what in ("import", "export"))
                self.settled += 1
                if [tuple(values) for values in sheet.values] != [sums]:
                    self.found.append(f"readings of {period}: other totals than of the honest")

    async def _ended(self, api: Api, start: int) -> str:
        """How a round has ended at all parties, as soon as it has: its deadline is near."""
        states = set()
        for party in range(api.parties):
            while (state := json.loads(await api.get(party, f"periods/{start}"))["state"]) not in FINAL:
                await asyncio.sleep(0.1)
            states.add(state)
        assert len(states) == 1, states
        return str(states.pop())

    def _look_at(self, meters: Running) -> None:
        """What the honest have, and what the records say."""
        self.found += self.storm.found
        report = verify(self.directory / "records", self.community.running)
        self.found += [*report.wrong, *report.faults]
        if self.growth > GROWTH_MAX:
            self.found.append(f"a party's memory has grown by {self.growth:,} bytes")
        for number in range(3):
            log = (self.directory / "logs" / f"party-{number}.log").read_text("utf-8", errors="replace")
            signs = '"error":', '"level": "error"', CANARY
            lines = [line for line in log.splitlines() if any(each in line for each in signs) and NO_TARIFF not in line]
            if lines:
                self.found.append(f"party {number} complains, or logs a request: {lines[0][:500]}")
        self._compare()
        if meters.process.returncode != 0 and not (self.void or self.late):
            self.found.append(f"honest meters: {' / '.join(last_lines(meters.log))}")

    def _compare(self) -> None:
        """Every honest meter's result, as it has verified it, with the rule on what all have ordered.

        A round that a slow machine does not get through in time is void, and then it is void for everyone.
        """
        market = self.community.running
        audited = {}
        for line in (self.directory / "records" / "party-0.jsonl").read_bytes().splitlines():
            record = Record.decode(line)
            audited[record.period.start] = check_record(record, market.committee(record.period.start))
        entries = [entry for home in self.community.meters for entry in Store(home.store, home.meter).history(10_000)]
        for start in sorted({entry.start for entry in entries}):
            mine = [entry for entry in entries if entry.start == start]
            if {entry.state for entry in mine} == {State.VOID} and audited[start].standing is Standing.VOID:
                self.void += 1
                continue
            if {entry.state for entry in mine} != {State.VERIFIED}:
                self.found.append(f"round {start}: {sorted({str(entry.state) for entry in mine})}")
                continue
            book = [(order, lots) for entry in mine for order, lots in zip(entry.orders, entry.accepted, strict=True)]
            seed = audited[start].randomness.ticket_seed
            expected = clear([order for order, _ in book], market.settings.rules, seed)
            self.rounds += 1
            if (audited[start].price, [lots for _, lots in book]) != (expected.price, list(expected.accepted)):
                self.found.append(f"round {start}: other results than by the plaintext rule")

    def _starts(self, count: int) -> list[int]:
        rhythm = Market(self.community.running).rhythm
        first = rhythm.next_gate(int(time.time() * 1000))
        return [first + number * rhythm.length for number in range(count)]
