"""Clearing a market of n orders by m parties on this machine, several times: one row of figures."""

import asyncio
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.cost import traffic_euros
from benchmarks.record import Row
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Market, Order, Rationing, Side
from mpc_market.secure.clearing import Method
from parties.local import LocalParties, Outcome
from parties.worker.process import COMMAND

PRICE_BITS, QUANTITY_BITS = 12, 16
_WARM_UP_ORDERS = 2_000


@dataclass(frozen=True)
class Case:
    """What is measured. `delay_ms`: one way, `mbit_per_s`: of each party's line; None: plain loopback. `tls`: between
    the parties, as between hosts; else plain TCP.
    """

    m: int
    n: int
    rationing: Rationing
    method: Method
    prepared: bool = False
    delay_ms: float | None = None
    mbit_per_s: float | None = None
    tls: bool = False

    def __str__(self) -> str:
        words = [f"m={self.m} n={self.n} {self.rationing.value} {self.method.value}"]
        words += ["prepared"] if self.prepared else []
        words += [f"{self.delay_ms:g} ms"] if self.delay_ms is not None else []
        words += [f"{self.mbit_per_s:g} Mbit/s"] if self.mbit_per_s is not None else []
        words += ["tls"] if self.tls else []
        return " ".join(words)

    @property
    def market(self) -> Market:
        """The grid that all figures are for."""
        return Market(PRICE_BITS, QUANTITY_BITS, self.rationing)


def book(n: int) -> list[Order]:
    """Orders from a fixed seed: either side, any price and quantity of the grid, equally likely."""
    rng = random.Random(n)  # noqa: S311  (a benchmark's book is no secret)
    sides = (Side.SELL, Side.BUY)
    return [
        Order(f"meter-{i}", sides[rng.getrandbits(1)], rng.getrandbits(PRICE_BITS), rng.getrandbits(QUANTITY_BITS))
        for i in range(n)
    ]


def measure(
    case: Case, repetitions: int, *, warm_up_orders: int = _WARM_UP_ORDERS, command: Sequence[str] = COMMAND
) -> Row:
    """The figures of a case: medians of this many clearings by processes that were started for it.

    Before them one clearing that is not counted, of at most `warm_up_orders`.
    Raises: RuntimeError if an outcome differs from the plaintext rule.
    """
    return asyncio.run(_measure(case, repetitions, min(warm_up_orders, case.n), command))


async def _measure(case: Case, repetitions: int, warm_up_orders: int, command: Sequence[str]) -> Row:
    orders, runs = book(case.n), []
    async with LocalParties(case.m, command=command, tls=case.tls) as parties:
        warm, _ = await _clear(parties, replace(case, n=warm_up_orders), orders[:warm_up_orders])
        for _ in range(repetitions):
            runs.append(await _clear(parties, case, orders))
    outcome = runs[-1][1]
    if clear(orders, case.market, outcome.seed) != outcome.clearing:
        raise RuntimeError(f"{case}: the outcome differs from the plaintext rule")
    rows = sorted((row for row, _ in runs), key=lambda row: row["compute_seconds"])
    everything = [row["compute_seconds"] for row, _ in runs]
    # All figures of a row are those of one run: the one in the middle.
    return {
        **_settings(case),
        **rows[(len(rows) - 1) // 2],
        "start_seconds": warm["start_seconds"],
        "runs": everything,
    }


async def _clear(parties: LocalParties, case: Case, orders: Sequence[Order]) -> tuple[Row, Outcome]:
    """The figures of one clearing, and its outcome."""
    if case.prepared:
        await parties.prepare(case.n, case.market, case.method)
    outcome = await parties.clear(orders, case.market, method=case.method)
    figures = outcome.figures
    prepare_bytes = list(figures.prepare_bytes_sent) if case.prepared else []
    row: Row = {
        "communication_rounds": figures.communication_rounds,
        "compute_seconds": round(figures.seconds["compute"], 5),
        "input_seconds": round(figures.seconds["input"], 5),
        "prepare_seconds": round(figures.seconds["prepare"], 5),
        "start_seconds": round(figures.seconds["start"], 3),
        "cpu_seconds": [round(s, 5) for s in figures.cpu_seconds],
        "prepare_cpu_seconds": [round(s, 5) for s in figures.prepare_cpu_seconds],
        "bytes_sent": list(figures.bytes_sent),
        "prepare_bytes_sent": prepare_bytes,
        "traffic_euros": traffic_euros([*figures.bytes_sent, *prepare_bytes]),
        "peak_memory": list(figures.peak_memory),
        "stage_seconds": {name: round(s, 5) for name, s in figures.stage_seconds.items()},
    }
    return row, outcome


def _settings(case: Case) -> Row:
    return {
        "m": case.m,
        "n": case.n,
        "rationing": case.rationing.value,
        "method": case.method.value,
        "prepared": case.prepared,
        "tls": case.tls,
        "delay_ms": case.delay_ms,
        "mbit_per_s": case.mbit_per_s,
        "price_bits": PRICE_BITS,
        "quantity_bits": QUANTITY_BITS,
        "threads": int(os.environ.get("MPC_MARKET_THREADS") or max(1, (os.cpu_count() or 1) // case.m)),
    }
