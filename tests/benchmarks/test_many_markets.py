"""Three parties as processes, one process for all markets: what the benchmark of many markets measures, made small.

Every result of every meter is compared with the plaintext rule, by the benchmark itself.
"""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.country import METERS, METERS_PER_MARKET, bill, settled_bill, table
from benchmarks.machine import describe
from benchmarks.many_markets import MarketsCase, Usage, measure
from benchmarks.markets_picture import draw

ROW = {"workers": 2, "markets": 20, "meters": 200, "intake_cpu_seconds": 40.0, "round_cpu_seconds": 60.0}
PERIOD = {"n": 1000, "periods": 1, "cpu_seconds": [1.0, 2.0, 2.0], "bytes_sent": [5_000_000] * 3}
ROW |= {"service_memory": 6 * 10**8, "worker_memory": 10**8, "computation_bytes": 20 * 10**6}


def test_three_markets_at_one_set_of_processes():
    row = measure(MarketsCase(markets=3, meters=2, workers=1, cores=2, collect=15))
    assert len(row["results_after"]) == 3
    assert row["peak_workers"] >= 3
    assert min(row["intake_cpu_seconds"], row["round_cpu_seconds"], row["computation_bytes"]) > 0
    assert row["peak_memory"] > row["service_memory"] > row["worker_memory"] > 0
    assert bill([row])["hosts"] % 3 == 0


def test_processes_are_held_to_some_cores():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        Usage([process.pid]).hold_to(1)
        assert len(os.sched_getaffinity(process.pid)) == 1
        process.communicate(b"\n")


def test_the_picture_is_drawn(tmp_path):
    rows = [{**ROW, "workers": workers, "cores": workers, "results_after": [1.0, 2.5, 3.0]} for workers in (1, 2)]
    (tmp_path / "many_markets.json").write_text(json.dumps({"machine": describe(), "commit": "0", "rows": rows}))
    assert draw(tmp_path).read_bytes().startswith(b"\x89PNG")


def test_the_bill_of_a_country_follows_from_the_figures():
    made = bill([ROW])
    assert made["markets"] == METERS // METERS_PER_MARKET == 25_000
    assert made["cpu_seconds_per_round"] == {"intake": 2.0, "clearing": 3.0}
    # 25,000 × 3 s within 240 s, at half load
    assert made["cores_for_the_deadline"] == 625
    assert made["cores_for_the_period"] == 278
    assert made["hosts_for_the_cores"] == 3 * 14
    # 32 GiB without 16 workers of 100 MB, at 10 MB a market: 3,275 markets a host
    assert made["hosts_for_the_memory"] == 3 * 8
    assert made["hosts"] == 42
    # 1 MB a round, 25,000 × 96 × 30 rounds, 8 cents per GB
    assert made["terabytes_between_parties_per_month"] == 72.0
    assert made["euros_per_month"] == {"machines": round(42 * 0.68 * 730), "traffic": 5760}
    assert made["cents_per_meter_and_month"] == pytest.approx(100 * (42 * 0.68 * 730 + 5760) / 5_000_000, abs=0.01)
    assert "| markets | 5,000,000 meters ÷ 200 | 25,000 |" in table([ROW], [PERIOD])


def test_settlement_adds_two_rounds_to_each_period():
    made = settled_bill([ROW], PERIOD)
    # as a clearing after its gate, and a fifth of what the computation for 1,000 users takes
    assert made["cpu_seconds_per_settlement"] == 4.0
    # orders and readings 2 s each, clearing 3, settlement 4: 25,000 × 11 s within 900 s, at half load
    assert made["cores_for_the_period"] == 612
    # 25,000 × 31 × 96 corrections within two days, at half load
    assert made["cores_for_the_corrections"] == 3445
    assert made["cores"] == 4056
    assert made["hosts"] == 3 * 85
    # 3 MB twice, 25,000 × 96 × 30 times
    assert made["more_terabytes_between_parties_per_month"] == 432.0
    assert made["euros_per_month"] == {"machines": round(255 * 0.68 * 730), "traffic": 8 * (72 + 432) * 10}
    assert "| cores, to correct a month | markets × 2,976 × 4.0 s" in table([ROW], [PERIOD])


def test_more_memory_takes_more_hosts():
    assert (
        bill([{**ROW, "service_memory": 6 * 10**10}])["hosts"]
        == bill([{**ROW, "service_memory": 6 * 10**10}])["hosts_for_the_memory"]
    )
