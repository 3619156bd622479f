"""How long does a round take from its gate to its result, when the parties are hosts far apart?

python -m benchmarks.hosts [ORDERS]        (as root: network namespaces; with a number, writes nothing)

Whole services on three hosts (`soak.hosts`) and the meters on a fourth: everything goes over the lines, the API, the
control messages, the computation and its heartbeats. The latency is from the gate until the last party has stored
the signatures of all under the result.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path

from benchmarks.record import Record, Row, say
from mpc_market.errors import MarketError
from soak.hosts import Hosts, why_not
from soak.judge import judge
from soak.live import LiveMarket
from soak.part import Play
from soak.parts.lines import GOOD, METERS_HOST, PERIOD_SECONDS, Region
from soak.steered import Meters, SteeredClock, draw
from soak.switch import Line

NAME = "hosts"
QUESTION = "How long does a round of 1,000 orders take from the gate to the signed result, on three hosts?"
ORDERS, ROUNDS = 1_000, 3
LINES = (Line(), GOOD)
_WARM_MS, _WARM_SECONDS = 9_000, 8.0
_STATES = ("closing", "agreed", "seeded", "computing", "signed", "result")


def run(line: Line, orders: int) -> Row:
    """Some rounds over such lines; of each, when the last party came to which state. A wrong result ends it."""
    with tempfile.TemporaryDirectory() as folder, Hosts(METERS_HOST + 1) as hosts:
        region = Region(Play(Path(folder), "hosts", 1e9), Path(folder) / "market", hosts, orders)
        with LiveMarket(region.community, hosts) as market:
            market.start()
            market.until_ready()
            hosts.shape(line)
            with hosts.inside(METERS_HOST):
                gates = asyncio.run(_rounds(region, market))
            market.stop()
            rows = [_stages(market, start, gate) for start, gate in gates.items()]
        found = judge(region.community)
    if found.wrong or found.count("result") != len(gates):
        raise MarketError(f"not all rounds have the right result: {found.rounds} {found.wrong}")
    middle = sorted(rows, key=lambda row: row["result"])[len(rows) // 2]
    return {
        "m": 3,
        "n": orders,
        **vars(line),
        "netem": hosts.netem,
        "seconds": statistics.median(row["result"] for row in rows),
        "runs": [row["result"] for row in rows],
        "state_seconds": middle,
    }


async def _rounds(region: Region, market: LiveMarket) -> dict[int, float]:
    """By start: when its gate closed, seconds since 1970 by the machine's own clock."""
    clock, gates = SteeredClock(market.clock_file), {}
    async with Meters(region.community, clock) as meters:
        start = meters.market.rhythm.next_gate(clock.now_ms()) + PERIOD_SECONDS
        for _ in range(ROUNDS):
            clock.move_to(meters.market.rhythm.opens(start))
            await meters.submit(start, draw(region.play.random, region.community.meters))
            clock.move_to(meters.market.rhythm.gate(start) - _WARM_MS)
            await asyncio.sleep(_WARM_SECONDS)  # as in a real market, the worker is there before the gate
            await clock.until(meters.market.rhythm.gate(start))
            gates[start] = time.time()
            await meters.until(start, "result")
            start += PERIOD_SECONDS
    return gates


def _stages(market: LiveMarket, start: int, gate: float) -> dict[str, float]:
    """Seconds from the gate until the last party had stored each state."""
    last: dict[str, float] = {}
    for party in range(market.parties):
        for line in market.log(party):
            if line["event"] == "round" and line["start"] == start and line["state"] in _STATES:
                moment = datetime.fromisoformat(str(line["timestamp"])).timestamp()
                last[str(line["state"])] = max(moment - gate, last.get(str(line["state"]), 0.0))
    return {state: round(seconds, 3) for state, seconds in last.items()}


def main(*, resume: bool = False, orders: int | None = None) -> None:
    """Measure, and write `results/hosts.json`."""
    if (reason := why_not()) is not None:
        say(f"{NAME}: left out: {reason}")
        return
    if orders is not None:
        for line in LINES:
            say(f"{line}: {run(line, orders)}")
        return
    record = Record(NAME, QUESTION, resume=resume)
    for line in LINES:
        record.measure(str(line), partial(run, line, ORDERS))
    record.finish()


if __name__ == "__main__":
    main(orders=int(sys.argv[1]) if len(sys.argv) > 1 else None)
