"""Three parties as processes, one process for all markets: what the benchmark of many markets measures, made small.

Every result of every meter is compared with the plaintext rule, by the benchmark itself.
"""

import json

import pytest

from benchmarks.country import METERS, METERS_PER_MARKET, bill
from benchmarks.machine import describe
from benchmarks.many_markets import MarketsCase, measure
from benchmarks.markets_picture import draw

ROW = {"workers": 2, "markets": 20, "meters": 200, "intake_cpu_seconds": 40.0, "round_cpu_seconds": 60.0}


def test_three_markets_at_one_set_of_processes():
    row = measure(MarketsCase(markets=3, meters=2, workers=1, collect=15))
    assert len(row["results_after"]) == 3
    assert row["peak_workers"] >= 3
    assert min(row["intake_cpu_seconds"], row["round_cpu_seconds"], row["peak_memory"]) > 0


def test_the_picture_is_drawn(tmp_path):
    rows = [{**ROW, "workers": workers, "results_after": [1.0, 2.5, 3.0]} for workers in (1, 2)]
    (tmp_path / "many_markets.json").write_text(json.dumps({"machine": describe(), "commit": "0", "rows": rows}))
    assert draw(tmp_path).read_bytes().startswith(b"\x89PNG")


def test_the_bill_of_a_country_follows_from_the_figures():
    made = bill([ROW])
    assert made["markets"] == METERS // METERS_PER_MARKET == 25_000
    assert made["cpu_seconds_per_round"] == {"intake": 2.0, "clearing": 3.0}
    # 25,000 × 3 s within 240 s, at half load
    assert made["cores_for_the_deadline"] == 625
    assert made["cores_for_the_period"] == 278
    assert made["hosts"] == 3 * 14
    assert made["cents_per_meter_and_month"] == pytest.approx(100 * 42 * 300 / 5_000_000, abs=0.01)
