"""The arithmetic for a country: machines and money for 5 million meters, from what was measured on this machine.

All prices and sizes are assumptions in capitals: put your own there.
"""

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.record import Row

METERS, METERS_PER_MARKET, PERIODS_PER_DAY = 5_000_000, 200, 96
PARTIES = 3

BUSY = 0.5
"""So much of a core's time is planned for; the rest is reserve for retries, late meters and a host that is down."""

SECONDS_TO_CLEAR = 240
"""The default deadline: 4 minutes from the gate to the results. All gates of the country close at the same moment."""

PERIOD_SECONDS = 900

CORES_PER_HOST, EUROS_PER_HOST_MONTH = 16, 300.0
"""A rented host with 16 cores and 64 GB, EUR per month."""


def bill(rows: Sequence[Row]) -> dict[str, Any]:
    """Cores, hosts and euros of all parties together, by the row with most workers."""
    row = max(rows, key=lambda each: each["workers"])
    markets = METERS // METERS_PER_MARKET
    scale = METERS_PER_MARKET / row["meters"]  # of what grows with meters
    intake = row["intake_cpu_seconds"] / row["markets"] * scale
    clearing = row["round_cpu_seconds"] / row["markets"]
    by_deadline = markets * clearing / SECONDS_TO_CLEAR / BUSY
    by_period = markets * (intake + clearing) / PERIOD_SECONDS / BUSY
    cores = math.ceil(max(by_deadline, by_period))
    hosts = PARTIES * math.ceil(cores / PARTIES / CORES_PER_HOST)
    month = hosts * EUROS_PER_HOST_MONTH
    return {
        "markets": markets,
        "rounds_per_day": markets * PERIODS_PER_DAY,
        "cpu_seconds_per_round": {"intake": round(intake, 2), "clearing": round(clearing, 2)},
        "cores_for_the_deadline": math.ceil(by_deadline),
        "cores_for_the_period": math.ceil(by_period),
        "cores": cores,
        "hosts": hosts,
        "euros_per_month": round(month),
        "cents_per_meter_and_month": round(100 * month / METERS, 2),
    }
