"""The benchmark of settlement runs, says what it measured, and ends where anything differs from the rule."""

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import machine, quoted, settlement, settlement_picture, tables
from benchmarks.settlement_rows import MAXIMUM, Rows, check, entries_of, inputs, make_rows
from parties.local import LocalParties
from parties.local.settlement import Settled


@pytest.fixture(scope="module")
def month():
    return settlement.month(days=2, users=12, periods=3)


def test_a_month_says_everything(month):
    assert (month["n"], month["periods"], month["jobs"]) == (12, 6, 2)
    assert len(month["settle_seconds"]) == 2
    assert month["compute_seconds"] == pytest.approx(sum(month["settle_seconds"]) + month["close_seconds"], abs=0.01)
    assert month["add_up_seconds_of_a_day"] >= 0
    assert {"validity", "settlement", "totals", "cents"} <= month["stage_seconds"].keys()
    for key in ("cpu_seconds", "bytes_sent", "peak_memory"):
        assert len(month[key]) == 3
        assert min(month[key]) > 0
    json.dumps(month)


def test_rows_are_reproducible_and_fit_the_meters():
    rows = make_rows(50, 4, 1)
    assert np.array_equal(rows.imported, make_rows(50, 4, 1).imported)
    assert not np.array_equal(rows.imported, make_rows(50, 4, 2).imported)
    for column in (rows.bought, rows.sold, rows.imported, rows.exported):
        assert column.shape == (200,)
        assert 0 <= column.min() <= column.max() < MAXIMUM
    assert (np.minimum(rows.bought, rows.sold) == 0).all()


@pytest.fixture(scope="module")
def settled() -> tuple[Rows, Settled]:
    rows = make_rows(30, 2, 0)

    async def run() -> Settled:
        async with LocalParties() as parties:
            return await parties.settle(inputs(rows, 3, "rows"))

    return rows, asyncio.run(run())


@pytest.mark.parametrize("column", ["bought", "sold", "imported", "exported"])
def test_anything_else_than_the_rule_ends_the_benchmark(settled, column):
    rows, result = settled
    check(rows, result, entries_of(result))
    wrong = getattr(rows, column).copy()
    wrong[-1] += 1
    with pytest.raises(RuntimeError, match="entries differ from the plaintext rule"):
        check(replace(rows, **{column: wrong}), result, entries_of(result))


def test_a_wrong_bill_ends_the_benchmark(monkeypatch):
    monkeypatch.setattr("parties.local.settlement.Closed.due", lambda _: [0] * 12)
    with pytest.raises(RuntimeError, match="an amount due differs"):
        settlement.month(days=1, users=12, periods=1)


def test_picture_and_table(tmp_path, monkeypatch, month):
    one = {**month, "periods": 1, "jobs": 1}
    del one["close_seconds"]
    yardstick = {"case": "calibration", "alone_seconds": 1.0, "together_seconds": 2.0}
    rows = [
        yardstick,
        *({**one, "case": f"{n}", "n": n, "compute_seconds": n / 1e4} for n in settlement.PERIODS),
        {**month, "case": "a month", "n": 1_000, "periods": 2_976, "compute_seconds": 150.0},
    ]
    figures = {
        "question": "?",
        "commit": "c",
        "date": "d",
        "load_before": 0.1,
        "machine": machine.describe(),
        "rows": rows,
    }
    (tmp_path / "settlement.json").write_text(json.dumps(figures))
    assert settlement_picture.draw(tmp_path).read_bytes().startswith(b"\x89PNG")
    assert settlement_picture.headline(rows) == "A month of 1,000 users settled and billed in 2.5 minutes"
    monkeypatch.setattr(tables, "load", lambda _: figures)
    text = tables.settlement()
    assert "| a month | 2,976,000 | 2 |" in text
    assert quoted.BILLING.source in text
