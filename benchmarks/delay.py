"""How long does a clearing take when the parties are far apart? Delays and lines emulated by `benchmarks.relay`.

python -m benchmarks.delay
"""

import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from benchmarks.measure import Case, measure
from benchmarks.record import Record, Row
from benchmarks.relay import relay
from mpc_market.rules.model import Rationing
from mpc_market.secure.clearing import Method

NAME = "delay"
QUESTION = "How long does a clearing of 1,000 orders take when the parties are far apart?"
ORDERS = 1_000

LINES: tuple[tuple[float | None, float | None], ...] = (
    (None, None),
    (0.0, None),
    (5.0, None),
    (20.0, None),
    (50.0, None),
    (5.0, 100.0),
)
"""One-way delay in ms and Mbit/s of each party's line. First plain loopback, then only the cost of the relay; last
the target that was set: 10 ms round trip and 100 Mbit/s."""

_LONG_MS = 20.0


def cases(n: int = ORDERS) -> list[Case]:
    """All lines, both methods, both rules; where the target is, also prepared beforehand, and with TLS."""
    three = [(line, rule, method) for line in LINES for rule in Rationing for method in Method]
    plain = [Case(3, n, rule, method, delay_ms=ms, mbit_per_s=mbit) for (ms, mbit), rule, method in three]
    ms, mbit = LINES[-1]
    lottery = [Case(3, n, Rationing.LOTTERY, method, True, ms, mbit) for method in Method]
    return plain + lottery + [replace(case, tls=True) for case in lottery]


def run(case: Case, repetitions: int) -> Row:
    """One case, through a relay of its own."""
    if case.delay_ms is None:
        return measure(case, repetitions)
    with ExitStack() as stack:
        port = stack.enter_context(relay(case.delay_ms, case.mbit_per_s or 0.0))
        command = [sys.executable, "-s", "-P", "-m", "benchmarks.relayed_party", str(port)]
        return measure(case, repetitions, warm_up_orders=case.n if case.delay_ms < _LONG_MS else 10, command=command)


def main(*, resume: bool = False) -> None:
    """Measure everything and write `results/delay.json`."""
    record = Record(NAME, QUESTION, resume=resume)
    for case in cases():
        long = (case.delay_ms or 0) >= _LONG_MS
        record.measure(str(case), partial(run, case, 1 if long and case.rationing is Rationing.PRO_RATA else 3))
    record.finish()


if __name__ == "__main__":
    main()
