"""A yardstick for machines: a fixed job that no change of ours makes faster. Figures are compared as ratios to it.

    python -m benchmarks.calibration         one run of the job: prints its seconds

Half of it is plain Python, half NumPy on vectors that stay in the cache. It is run alone, and in three processes at
once as a clearing is, which shows how many cores there are for them.
"""

import statistics
import subprocess
import sys
import time

import numpy as np

from benchmarks.record import Row

_PROCESSES = 3
_REPETITIONS = 3
_LOOPS, _VECTORS, _LENGTH = 600_000, 4_000, 8_192


def job() -> float:
    """The seconds that the job takes."""
    before = time.perf_counter()
    table: dict[int, int] = {}
    x = 1
    for _ in range(_LOOPS):
        x = (x * 6_364_136_223_846_793_005 + 1) & (2**64 - 1)
        table[x >> 54] = x
    vector, factor = np.arange(_LENGTH, dtype=np.uint64), np.uint64(2_862_933_555_777_941_757)
    for _ in range(_VECTORS):
        vector *= factor
        vector ^= vector >> np.uint64(29)
    return time.perf_counter() - before


def alone() -> float:
    """The median time of the job, in this process."""
    job()
    return statistics.median(job() for _ in range(_REPETITIONS))


def together() -> float:
    """The time of the job in three processes at once: the longest of them, median of several runs."""
    return statistics.median(_together_once() for _ in range(_REPETITIONS))


def _together_once() -> float:
    command = [sys.executable, "-m", "benchmarks.calibration"]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(_PROCESSES)]
    outputs = [each.communicate()[0] for each in jobs]
    if any(each.returncode for each in jobs):
        raise RuntimeError("the calibration job failed")
    return max(map(float, outputs))


def measure() -> Row:
    """Both, as a row."""
    return {"alone_seconds": round(alone(), 4), "together_seconds": round(together(), 4)}


if __name__ == "__main__":
    job()
    print(job())
