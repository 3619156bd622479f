"""Times in three numbers."""

import statistics
from collections.abc import Sequence


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and largest."""
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"p50": round(hundredths[49], 3), "p99": round(hundredths[98], 3), "max": round(max(seconds), 3)}
