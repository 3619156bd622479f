"""The load benchmarks' machinery on a small number: real processes; how fast anything is, no test asks."""

import asyncio
import json
import sqlite3
from dataclasses import replace

import pytest

from benchmarks import intake, latency, latency_picture, load, machine, running_market, tables
from benchmarks import lone_party as lone_party_module
from benchmarks.intake import Sent
from benchmarks.lone_party import lone_party
from benchmarks.quantiles import quantiles
from benchmarks.running_market import MarketCase, measure
from benchmarks.usage import Usage
from mpc_market.rules.clearing import clear
from mpc_market.wire.errors import WireError

PERIODS = (10, 20, 40)
"""Seconds: a machine that is too busy to compute a round before its deadline is given longer periods."""


@pytest.fixture(scope="module")
def compared():
    """Rounds of which it was seen that another rule than the market's would not have passed."""
    return []


@pytest.fixture(scope="module")
def rows(compared):
    compare = running_market._compare

    def compare_twice(run, start):
        compare(run, start)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(running_market, "clear", lambda *given: replace(clear(*given), price=4095))
            with pytest.raises(RuntimeError, match="differs from the plaintext"):
                compare(run, start)
        compared.append(start)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running_market, "_compare", compare_twice)
        for period in PERIODS:
            try:
                return measure(MarketCase(meters=30, rounds=2, period=period))
            except RuntimeError as error:
                if "but void" not in str(error):
                    raise
    pytest.fail("every round was void, however long the period")


def test_a_small_market_under_load(rows, compared):
    """Both rounds equal the plaintext rule: `measure` compares them, or raises."""
    assert len(rows) == len(set(compared)) == 2
    for row in rows:
        assert (row["meters"], row["accepted"], row["verified"]) == (30, 30, 30)
        assert 0 < row["outcome_seconds"] <= row["results_seconds"]["max"]
        assert 0 < row["receipt_seconds"]["p50"] <= row["receipt_seconds"]["max"] <= row["intake_seconds"]
        assert len(row["party_cpu_seconds"]) == len(row["peak_memory"]) == 3
        assert min(*row["party_cpu_seconds"], *row["peak_memory"], row["meters_cpu_seconds"]) > 0
        assert {"validity", "sort", "deliver"} <= row["stage_seconds"].keys()
        assert "30 meters: 30 verified" in load.in_words(row)
    json.dumps(rows)


@pytest.fixture
def hurried(monkeypatch):
    """No test waits for another hour, unless this one is over in a moment."""
    monkeypatch.setattr(lone_party_module, "_LEAST_SECONDS", 60)


@pytest.mark.usefixtures("hurried")
def test_one_party_takes_orders_in(monkeypatch):
    """And if an order with a receipt were lost, it would be noticed."""
    connect, told = sqlite3.connect, {}

    def forgetful(*arguments):
        ledger = connect(*arguments)
        ledger.execute("DELETE FROM submissions WHERE meter = 'm000003'")
        return ledger

    monkeypatch.setattr(lone_party_module.sqlite3, "connect", forgetful)
    with pytest.raises(RuntimeError, match="80 orders have receipts, and 79 are held"):
        asyncio.run(intake.run(40, 4, told.__setitem__))
    assert told.keys() == intake.CASES.keys()
    for row in told.values():
        assert row["orders"] == 40
        assert row["orders_per_second"] > 0
        assert row["receipt_seconds"]["p50"] > 0


@pytest.mark.usefixtures("hurried")
def test_a_receipt_for_another_order_is_noticed(tmp_path):
    async def swap():
        async with lone_party(tmp_path, 2) as party:
            first, second = await intake.Sender(party, [0]).send(party.submissions, 1, None)
            intake.check(party, [first, second])
            with pytest.raises(WireError):
                intake.check(party, [Sent(first.submission, 0, 0, second.receipt)])
            assert await party.kill() == 2

    asyncio.run(swap())


# --- what is made of the figures --------------------------------------------------------------------------


def test_who_was_not_served_is_noticed(rows):
    late = {**rows[0], "results_seconds": {"max": rows[0]["period_seconds"] + 1}}
    assert not load.all_served([rows[0], late])
    assert not load.all_served([{**rows[0], "verified": 29}])


def test_usage_between_two_moments():
    usage = Usage([], [])
    usage._seen = [(10.0, [1.0], 5.0), (20.0, [3.0], 5.0)]
    assert usage._at(15.0, 0) == 2.0
    assert usage._at(5.0, 0) == 1.0
    assert usage._at(25.0, 0) == 3.0
    assert usage.others_between(10.0, 20.0) == 0.0


def test_quantiles():
    assert quantiles([float(i) for i in range(101)]) == {"p50": 50.0, "p99": 99.0, "max": 100.0}


@pytest.fixture
def results(tmp_path, rows):
    many = [{**row, "case": f"{n} meters, {i}", "meters": n} for n in (20, 200) for i, row in enumerate(rows)]
    head = {"question": "?", "commit": "c", "date": "d", "machine": machine.describe()}
    for name, some in (("latency", many), ("load", [{**row, "case": "round", "meters": 2_000} for row in rows])):
        (tmp_path / f"{name}.json").write_text(json.dumps({**head, "rows": some}))
    return tmp_path


def test_the_picture_is_drawn(results, rows):
    assert latency_picture.draw(results).read_bytes().startswith(b"\x89PNG")
    everything = latency_picture.all_rows(results)
    assert sorted({row["meters"] for row in everything}) == [20, 200, 2_000]
    assert latency_picture.headline(everything).startswith("2,000 meters have verified their results")


def test_tables(monkeypatch, results):
    monkeypatch.setattr(tables, "load", lambda name: json.loads((results / f"{name}.json").read_text()))
    for text in (tables.load_rounds(), tables.gate_to_results()):
        assert "None" not in text
        assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_every_market_of_a_question_has_another_size():
    assert len({case.meters for case in latency.CASES}) == len(latency.CASES)
