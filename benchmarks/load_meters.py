"""Many meters in one process, as a representative runs them, timed.

    python -m benchmarks.load_meters ORDERS.csv ROUNDS TIMES.json HOMES

It is `mpc-market meter watch` with the same code, which begins with the next round that opens, and with stores that
note when something was written to them. HOMES is a file with a path in each line. TIMES.json: by start of the period
and by meter, seconds since 1970.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from parties.clock import SystemClock
from parties.meter.market import Meter
from parties.meter.sources import MarketSource, open_meters
from parties.meter.store import Finding, Prepared, Store
from parties.meter.watching import Watch
from parties.meter.wishes import FromFile, WishFile

BEGUN, ACCEPTED, FOUND, STATE = "begun", "accepted", "found", "state"
"""Of one meter in one round: when its submission was begun, and all receipts stored; when its final result was stored,
and what it is."""

Times = dict[int, dict[str, dict[str, float | str]]]


class TimedStore(Store):
    """A meter's store that notes in `times` when things are on the disk. `parties`: m."""

    def __init__(self, path: Path, meter: str, parties: int, times: Times) -> None:
        super().__init__(path, meter)
        self._name, self._parties, self._times = meter, parties, times

    def prepare(
        self, start: int, now_ms: int, build: Callable[[int], Prepared], keep: Callable[[Prepared], bool]
    ) -> Prepared:
        self._mine(start).setdefault(BEGUN, time.time())
        return super().prepare(start, now_ms, build, keep)

    def put_receipts(self, start: int, number: int, receipts: dict[int, bytes]) -> None:
        super().put_receipts(start, number, receipts)
        if len(receipts) == self._parties:
            self._mine(start)[ACCEPTED] = time.time()

    def put_finding(self, finding: Finding) -> None:
        super().put_finding(finding)
        self._mine(finding.start)[STATE] = finding.state
        if finding.final:
            self._mine(finding.start)[FOUND] = time.time()

    def _mine(self, start: int) -> dict[str, float | str]:
        return self._times[start].setdefault(self._name, {})


async def take_part(orders: str, rounds: int, homes: Sequence[Path]) -> Times:
    """Take part in this many rounds with all meters; the first is the next one that opens."""
    times: Times = defaultdict(dict)
    path, market, meters = open_meters(homes, None)
    clock = SystemClock()
    source = MarketSource(path, market, clock)
    timed = [
        Meter(each.home, TimedStore(each.home.store, each.id, market.parties, times), each.maximum) for each in meters
    ]
    file = WishFile(orders, market.file, {each.id: each.maximum for each in timed})
    watch = Watch(source.rounds, timed, {each.id: FromFile(file, each.id) for each in timed}, print, [source, file])
    async with source.rounds.api:
        print("ready", flush=True)
        await clock.until(market.rhythm.gate(market.rhythm.next_gate(clock.now_ms())))
        await watch.run(rounds)
    return times


def main() -> None:
    """Run them, then write what was noted."""
    orders, rounds, out, listed = sys.argv[1:]
    homes = Path(listed).read_text("utf-8").splitlines()
    times = asyncio.run(take_part(orders, int(rounds), [Path(home) for home in homes]))
    Path(out).write_text(json.dumps(times), "utf-8")


if __name__ == "__main__":
    main()
