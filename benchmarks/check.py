"""Has anything become slower? Fresh quick figures beside the committed ones, as ratios to the calibration job.

    python -m benchmarks.check               exit status 1 if a figure is worse than allowed
    python -m benchmarks.check --write       make today's figures the committed ones (`results/check.json`)

A ratio is the figure's time over that of a fixed job on the same machine in the same run (`benchmarks.calibration`), so
that figures of a slow and of a fast machine can be compared, roughly: what fails is a time that has doubled.
Communication rounds and bytes do not depend on the machine: they must not grow. Never part of the tests.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks import calibration, kernels
from benchmarks.measure import Case, measure
from benchmarks.record import Record, Row, load, say
from mpc_market.rules.model import Rationing
from mpc_market.secure.clearing import Method

NAME = "check"
QUESTION = "Has anything become slower?"

TIME_FACTOR = 2.0
BYTES_FACTOR = 1.02
_ELEMENTS = 2**18

CASES = tuple(
    (Case(3, n, rationing, method), times)
    for n, rationing, times in (
        (1_000, Rationing.LOTTERY, 7),
        (1_000, Rationing.PRO_RATA, 5),
        (30_000, Rationing.LOTTERY, 3),
    )
    for method in Method
)


@dataclass(frozen=True)
class Finding:
    """One figure then and now; `now` must be at most `factor` times `then`."""

    case: str
    what: str
    then: float
    now: float
    factor: float

    @property
    def worse(self) -> bool:
        """Whether it is worse than allowed."""
        return self.now > self.factor * self.then

    def __str__(self) -> str:
        verdict = "WORSE" if self.worse else "ok"
        ratio = self.now / self.then
        return f"{self.case:34s} {self.what:22s} {self.then:12.4g} {self.now:12.4g}  × {ratio:5.2f}  {verdict}"


def measure_all(record: Record) -> None:
    """The quick figures, about half a minute."""
    record.measure("calibration", calibration.measure)
    for kernel in kernels.KERNELS:
        record.measure(kernel, partial(kernels.measure, kernel, 1, _ELEMENTS))
    for case, times in CASES:
        record.measure(str(case), partial(measure, case, times))


def compare(then: list[Row], now: list[Row]) -> Iterator[Finding]:
    """All figures that both runs have."""
    before, after = ({row["case"]: row for row in rows} for rows in (then, now))
    base_then, base_now = before["calibration"], after["calibration"]
    for case in before.keys() & after.keys() - {"calibration"}:
        old, new = before[case], after[case]
        figure, base = ("fastest_ns", "alone") if "kernel" in new else ("compute_seconds", "together")
        base = f"{base}_seconds"
        ratios = old[figure] / base_then[base], new[figure] / base_now[base]
        yield Finding(case, "time / calibration", *ratios, TIME_FACTOR)
        if "communication_rounds" in new:
            yield Finding(case, "communication rounds", old["communication_rounds"], new["communication_rounds"], 1.0)
            yield Finding(case, "bytes, all parties", sum(old["bytes_sent"]), sum(new["bytes_sent"]), BYTES_FACTOR)


def write(*, resume: bool = False) -> None:
    """Make today's figures the ones to compare with."""
    record = Record(NAME, QUESTION, resume=resume)
    measure_all(record)
    record.finish()


def main() -> int:
    """Compare; the exit status."""
    if "--write" in sys.argv[1:]:
        write()
        return 0
    committed = load(NAME)
    if committed["machine"]["cores"] != os.cpu_count():
        say(f"the committed figures are from {committed['machine']['cores']} cores, this machine has {os.cpu_count()}")
    record = Record(NAME, QUESTION)
    measure_all(record)
    findings = sorted(compare(committed["rows"], record.rows), key=lambda finding: (finding.case, finding.what))
    print(f"\n{'case':34s} {'figure':22s} {'committed':>12s} {'now':>12s}")
    for finding in findings:
        print(finding)
    worse = sum(finding.worse for finding in findings)
    print(
        f"\n{worse} of {len(findings)} figures are worse than allowed" if worse else "\nnothing is worse than allowed"
    )
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
