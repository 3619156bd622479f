"""The arithmetic for a country: machines and money for 5 million meters, from what was measured on this machine.

python -m benchmarks.country        (prints it, from `results/many_markets.json`)

All that is not measured is an assumption in capitals: put your own there.
"""

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.cost import EUROS_PER_GB
from benchmarks.record import Row, load

METERS, METERS_PER_MARKET, PERIODS_PER_DAY = 5_000_000, 200, 96
PARTIES, DAYS_PER_MONTH = 3, 30

BUSY = 0.5
"""This much of a core's time is planned for; the rest is reserve for retries, late meters and a host that is down."""

SECONDS_TO_CLEAR = 240
"""The default deadline: 4 minutes from the gate to the results. All gates of the country close at the same moment."""

PERIOD_SECONDS = 900

CORES_PER_HOST, BYTES_PER_HOST = 16, 32 * 2**30
EUROS_PER_HOST_HOUR = 0.68
"""A host by the hour, without any rebate: 16 virtual CPUs and 32 GiB (c5.4xlarge) are USD 0.68 on demand in the example
of Amazon's EC2 Auto Scaling user guide ("Spot price per unit hour example"), here taken as euros. Whoever rents by the
year or owns the hosts pays less.
"""

HOURS_PER_MONTH = 730


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
    per_market = row["service_memory"] / PARTIES / row["markets"]  # its base included: more than one more market takes
    fit = (BYTES_PER_HOST - CORES_PER_HOST * row["worker_memory"]) // per_market
    by_cores, by_memory = math.ceil(cores / PARTIES / CORES_PER_HOST), math.ceil(markets / fit)
    hosts = PARTIES * max(by_cores, by_memory)
    gigabytes = row["computation_bytes"] / row["markets"] / 1e9 * scale * markets * PERIODS_PER_DAY * DAYS_PER_MONTH
    machines, traffic = hosts * EUROS_PER_HOST_HOUR * HOURS_PER_MONTH, gigabytes * EUROS_PER_GB
    return {
        "markets": markets,
        "rounds_per_day": markets * PERIODS_PER_DAY,
        "cpu_seconds_per_round": {"intake": round(intake, 2), "clearing": round(clearing, 2)},
        "cores_for_the_deadline": math.ceil(by_deadline),
        "cores_for_the_period": math.ceil(by_period),
        "cores": cores,
        "hosts_for_the_cores": PARTIES * by_cores,
        "hosts_for_the_memory": PARTIES * by_memory,
        "hosts": hosts,
        "terabytes_between_parties_per_month": round(gigabytes / 1000, 1),
        "euros_per_month": {"machines": round(machines), "traffic": round(traffic)},
        "cents_per_meter_and_month": round(100 * (machines + traffic) / METERS, 2),
    }


def table(rows: Sequence[Row]) -> str:
    """The same as Markdown, step by step."""
    made, row = bill(rows), max(rows, key=lambda each: each["workers"])
    cpu, euros = made["cpu_seconds_per_round"], made["euros_per_month"]
    both, market_mb = cpu["clearing"] + cpu["intake"], row["service_memory"] / PARTIES / row["markets"] / 1e6
    in_time, in_period = f"{cpu['clearing']} s ÷ {SECONDS_TO_CLEAR} s", f"{both:.2f} s ÷ {PERIOD_SECONDS} s"
    memory = f"{BYTES_PER_HOST / 1e9:.0f} GB: {CORES_PER_HOST} workers of {row['worker_memory'] / 1e6:.0f} MB"
    machines = f"{made['hosts']:,} hosts × {EUROS_PER_HOST_HOUR} EUR × {HOURS_PER_MONTH} hours"
    traffic = f"{made['terabytes_between_parties_per_month']:,} TB × {EUROS_PER_GB} EUR per GB"
    lines = [
        ("markets", f"{METERS:,} meters ÷ {METERS_PER_MARKET}", f"{made['markets']:,}"),
        ("CPU s of a round", "all parties, measured: after the gate; before", f"{cpu['clearing']}; {cpu['intake']}"),
        ("cores, to clear in time", f"markets × {in_time} ÷ {BUSY}", f"{made['cores_for_the_deadline']:,}"),
        ("cores, to keep up", f"markets × {in_period} ÷ {BUSY}", f"{made['cores_for_the_period']:,}"),
        ("hosts for the cores", f"÷ {CORES_PER_HOST}, at each of {PARTIES}", f"{made['hosts_for_the_cores']:,}"),
        ("hosts for the memory", f"{memory}; {market_mb:.0f} MB a market", f"{made['hosts_for_the_memory']:,}"),
        ("machines", machines, f"{euros['machines']:,} EUR a month"),
        ("traffic between parties", traffic, f"{euros['traffic']:,} EUR a month"),
        ("together", "÷ meters", f"{made['cents_per_meter_and_month']} cents a meter and month"),
    ]
    return "\n".join(["| a country | from | |", "|---|---|---|", *(f"| {' | '.join(line)} |" for line in lines)])


if __name__ == "__main__":
    print(table(load("many_markets")["rows"]))
