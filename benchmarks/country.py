"""The arithmetic for a country: machines and money for 5 million meters, from what was measured on this machine.

python -m benchmarks.country        (prints it, from `results/many_markets.json` and `results/settlement.json`)

First for clearing alone, then with settlement: two more rounds for each period, its settlement and its correction. A
round's processes are started anew, which is most of it, so each is taken to need what a clearing needs after its gate,
and the computation besides. Settlements come period by period; the corrections of a month are all due at its last
deadline, and must be over within SECONDS_TO_CORRECT. A correction for which no reading was late or is missing computes
nothing; here every period has one that does.

All that is not measured is an assumption in capitals: put your own there.
"""

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.cost import EUROS_PER_GB
from benchmarks.record import Row, load

METERS, METERS_PER_MARKET, PERIODS_PER_DAY = 5_000_000, 200, 96
MARKETS = METERS // METERS_PER_MARKET
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

SECONDS_TO_CORRECT = 2 * 86_400
"""The default `settle_within`. Twice as much would need half the cores; bills come that much later."""

PERIODS_PER_MONTH = 31 * PERIODS_PER_DAY

PERIOD_USERS = 1_000
"""Of the measured settlement that is scaled to a market: the smallest one."""


def bill(rows: Sequence[Row]) -> dict[str, Any]:
    """Cores, hosts and euros of all parties together for clearing alone, by the row with most workers."""
    row, cpu = _best(rows), _cpu_seconds(rows)
    by_deadline = _cores(cpu["clearing"], SECONDS_TO_CLEAR)
    by_period = _cores(cpu["intake"] + cpu["clearing"], PERIOD_SECONDS)
    cores = math.ceil(max(by_deadline, by_period))
    per_market = row["service_memory"] / PARTIES / row["markets"]  # its base included: more than one more market takes
    fit = (BYTES_PER_HOST - CORES_PER_HOST * row["worker_memory"]) // per_market
    by_memory = PARTIES * math.ceil(MARKETS / fit)
    hosts = max(_hosts(cores), by_memory)
    terabytes = _terabytes(row["computation_bytes"] / row["markets"] * METERS_PER_MARKET / row["meters"])
    return {
        "markets": MARKETS,
        "rounds_per_day": MARKETS * PERIODS_PER_DAY,
        "cpu_seconds_per_round": {name: round(seconds, 2) for name, seconds in cpu.items()},
        "cores_for_the_deadline": math.ceil(by_deadline),
        "cores_for_the_period": math.ceil(by_period),
        "cores": cores,
        "hosts_for_the_cores": _hosts(cores),
        "hosts_for_the_memory": by_memory,
        "terabytes_between_parties_per_month": round(terabytes, 1),
        **_money(hosts, terabytes),
    }


def settled_bill(rows: Sequence[Row], period: Row) -> dict[str, Any]:
    """The same with settlement. `period`: the measured settlement of a period, its users' traffic taken to scale."""
    alone, cpu, scale = bill(rows), _cpu_seconds(rows), METERS_PER_MARKET / period["n"]
    settling = cpu["clearing"] + scale * sum(period["cpu_seconds"])
    by_period = _cores(2 * cpu["intake"] + cpu["clearing"] + settling, PERIOD_SECONDS)  # readings come like orders
    corrections = _cores(PERIODS_PER_MONTH * settling, SECONDS_TO_CORRECT)
    cores = math.ceil(max(alone["cores_for_the_deadline"], by_period + corrections))
    more = 2 * _terabytes(scale * sum(period["bytes_sent"]))
    return {
        "cpu_seconds_per_settlement": round(settling, 2),
        "cores_for_the_period": math.ceil(by_period),
        "cores_for_the_corrections": math.ceil(corrections),
        "cores": cores,
        "more_terabytes_between_parties_per_month": round(more, 1),
        **_money(max(_hosts(cores), alone["hosts"]), alone["terabytes_between_parties_per_month"] + more),
    }


def _best(rows: Sequence[Row]) -> Row:
    return max(rows, key=lambda each: each["workers"])


def _cpu_seconds(rows: Sequence[Row]) -> dict[str, float]:
    """Of one round of one market at all parties: before the gate and after it."""
    row = _best(rows)
    intake = row["intake_cpu_seconds"] / row["markets"] * METERS_PER_MARKET / row["meters"]
    return {"intake": intake, "clearing": row["round_cpu_seconds"] / row["markets"]}


def _cores(cpu_seconds: float, within: float) -> float:
    """For as much in each market."""
    return MARKETS * cpu_seconds / within / BUSY


def _hosts(cores: int) -> int:
    return PARTIES * math.ceil(cores / PARTIES / CORES_PER_HOST)


def _terabytes(bytes_per_round: float) -> float:
    """In a month."""
    return bytes_per_round * MARKETS * PERIODS_PER_DAY * DAYS_PER_MONTH / 1e12


def _money(hosts: int, terabytes: float) -> dict[str, Any]:
    machines, traffic = hosts * EUROS_PER_HOST_HOUR * HOURS_PER_MONTH, 1000 * terabytes * EUROS_PER_GB
    return {
        "hosts": hosts,
        "euros_per_month": {"machines": round(machines), "traffic": round(traffic)},
        "cents_per_meter_and_month": round(100 * (machines + traffic) / METERS, 2),
    }


def table(rows: Sequence[Row], settlement: Sequence[Row]) -> str:
    """The same as Markdown, step by step. `settlement`: the rows of that benchmark."""
    made, row = bill(rows), _best(rows)
    cpu, market_mb = made["cpu_seconds_per_round"], row["service_memory"] / PARTIES / row["markets"] / 1e6
    both = cpu["clearing"] + cpu["intake"]
    in_time, in_period = f"{cpu['clearing']} s ÷ {SECONDS_TO_CLEAR} s", f"{both:.2f} s ÷ {PERIOD_SECONDS} s"
    memory = f"{BYTES_PER_HOST / 1e9:.0f} GB: {CORES_PER_HOST} workers of {row['worker_memory'] / 1e6:.0f} MB"
    lines = [
        ("markets", f"{METERS:,} meters ÷ {METERS_PER_MARKET}", f"{made['markets']:,}"),
        ("CPU s of a round", "all parties, measured: after the gate; before", f"{cpu['clearing']}; {cpu['intake']}"),
        ("cores, to clear in time", f"markets × {in_time} ÷ {BUSY}", f"{made['cores_for_the_deadline']:,}"),
        ("cores, to keep up", f"markets × {in_period} ÷ {BUSY}", f"{made['cores_for_the_period']:,}"),
        ("hosts for the cores", f"÷ {CORES_PER_HOST}, at each of {PARTIES}", f"{made['hosts_for_the_cores']:,}"),
        ("hosts for the memory", f"{memory}; {market_mb:.0f} MB a market", f"{made['hosts_for_the_memory']:,}"),
        *_money_lines(made, made["terabytes_between_parties_per_month"], "clearing alone"),
        *_settled_lines(rows, settlement),
    ]
    return "\n".join(["| a country | from | |", "|---|---|---|", *(f"| {' | '.join(line)} |" for line in lines)])


def _settled_lines(rows: Sequence[Row], settlement: Sequence[Row]) -> list[tuple[str, str, str]]:
    period = next(row for row in settlement if row.get("periods") == 1 and row["n"] == PERIOD_USERS)
    made, alone, cpu = settled_bill(rows, period), bill(rows), _cpu_seconds(rows)
    settling = made["cpu_seconds_per_settlement"]
    in_period = f"{2 * cpu['intake'] + cpu['clearing'] + settling:.2f} s ÷ {PERIOD_SECONDS} s"
    in_days = f"{PERIODS_PER_MONTH:,} × {settling} s ÷ {SECONDS_TO_CORRECT:,} s"
    terabytes = alone["terabytes_between_parties_per_month"] + made["more_terabytes_between_parties_per_month"]
    return [
        ("with settlement: CPU s of one", "as a clearing after the gate, and the computation", f"{settling}"),
        ("cores, to keep up", f"markets × {in_period} ÷ {BUSY}", f"{made['cores_for_the_period']:,}"),
        ("cores, to correct a month", f"markets × {in_days} ÷ {BUSY}", f"{made['cores_for_the_corrections']:,}"),
        *_money_lines(made, round(terabytes, 1), "with settlement"),
    ]


def _money_lines(made: dict[str, Any], terabytes: float, what: str) -> list[tuple[str, str, str]]:
    euros = made["euros_per_month"]
    machines = f"{made['hosts']:,} hosts × {EUROS_PER_HOST_HOUR} EUR × {HOURS_PER_MONTH} hours"
    traffic = f"{terabytes:,} TB × {EUROS_PER_GB} EUR per GB"
    return [
        ("machines", machines, f"{euros['machines']:,} EUR a month"),
        ("traffic between parties", traffic, f"{euros['traffic']:,} EUR a month"),
        (f"together, {what}", "÷ meters", f"{made['cents_per_meter_and_month']:.2f} cents a meter and month"),
    ]


if __name__ == "__main__":
    print(table(load("many_markets")["rows"], load("settlement")["rows"]))
