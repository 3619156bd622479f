"""The benchmarks run and say what they measured; how fast anything is, no test asks."""

import json
import socket

import pytest

from benchmarks import check, clearing, delay, kernels, machine, picture, preparation, quoted, tables, validity
from benchmarks.check import Finding
from benchmarks.cost import EUROS_PER_GB, traffic_euros
from benchmarks.measure import Case, book, measure
from benchmarks.record import PARTIAL, Record, load
from benchmarks.stock import measure as measure_stock
from mpc_market.rules.model import Rationing, check_orders
from mpc_market.secure.clearing import Method

SMALL = Case(3, 20, Rationing.LOTTERY, Method.SELECT)


@pytest.fixture(scope="module")
def row():
    return measure(SMALL, 2, warm_up_orders=5)


def test_a_row_says_everything(row):
    assert row["m"] == 3
    assert row["n"] == 20
    assert (row["rationing"], row["method"], row["prepared"]) == ("lottery", "select", False)
    assert row["communication_rounds"] > 0
    assert len(row["runs"]) == 2
    assert row["compute_seconds"] == min(row["runs"])
    for key in ("cpu_seconds", "bytes_sent", "peak_memory"):
        assert len(row[key]) == 3
        assert min(row[key]) > 0
    json.dumps(row)


def test_a_prepared_row_hides_nothing(row):
    prepared = measure(Case(3, 20, Rationing.LOTTERY, Method.SELECT, prepared=True), 1)
    assert prepared["prepare_seconds"] > 0
    assert min(prepared["prepare_cpu_seconds"]) > 0
    assert len(prepared["prepare_bytes_sent"]) == 3
    assert sum(prepared["prepare_bytes_sent"]) + sum(prepared["bytes_sent"]) >= sum(row["bytes_sent"])
    assert prepared["communication_rounds"] < row["communication_rounds"]


def test_a_wrong_outcome_ends_the_benchmark(monkeypatch):
    monkeypatch.setattr("benchmarks.measure.clear", lambda *_: None)
    with pytest.raises(RuntimeError, match="differs from the plaintext rule"):
        measure(SMALL, 1)


def test_the_row_of_validity(monkeypatch):
    compare, compared = validity._compare, []
    monkeypatch.setattr(validity, "_compare", lambda *given: (compared.append(given), compare(*given)))
    row = validity.measure(Rationing.LOTTERY, Method.SELECT, meters=20, repetitions=1)
    assert (row["n"], row["runs"], row["unchecked_runs"]) == (20, [row["seconds"]], [row["unchecked_seconds"]])
    assert 0 < row["check_seconds"] < row["seconds"]
    assert row["part"] == pytest.approx(row["seconds"] / row["unchecked_seconds"] - 1, abs=1e-4)
    assert len(compared) == 2
    results, orders, market = compared[0]
    with pytest.raises(RuntimeError, match="differs from the plaintext rule"):
        compare(results, orders[1:], market)


def test_books_are_valid_and_reproducible():
    check_orders(book(50), SMALL.market)
    assert book(50) == book(50)


def test_every_case_of_a_question_has_a_name_of_its_own():
    lists = ([c for c, _ in clearing.cases()], delay.cases(), [c for c, _ in preparation.cases()])
    for cases in lists:
        assert len({str(case) for case in cases}) == len(cases)


@pytest.mark.parametrize("kernel", kernels.KERNELS)
@pytest.mark.parametrize("threads", [1, 2])
def test_kernels_run(kernel, threads):
    assert kernels.measure(kernel, threads, elements=2**17, repetitions=1)["ns_per_element"] > 0


def test_stock_mpyc_sorts():
    row = measure_stock(3, 4, 32, 1)
    assert row["n"] == 4
    assert row["m"] == 3
    assert len(row["runs"]) == 1


# --- the relay --------------------------------------------------------------------------------------------


def test_a_delayed_row_takes_at_least_its_delays():
    row = delay.run(Case(3, 5, Rationing.LOTTERY, Method.SELECT, delay_ms=4.0, mbit_per_s=100.0), 1)
    assert (row["delay_ms"], row["mbit_per_s"]) == (4.0, 100.0)
    # A lower bound only: it follows from the protocol's rounds, whatever the machine does meanwhile.
    assert row["compute_seconds"] > 0.004 * row["communication_rounds"] / 2


def test_the_relay_ends_with_its_standard_input():
    with delay.relay(0.0, 0.0) as port:
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port))


# --- files ------------------------------------------------------------------------------------------------


def test_an_interrupted_run_goes_on(tmp_path):
    first = Record("question", "Why?", results=tmp_path)
    first.measure("a", lambda: {"n": 1})
    assert not (tmp_path / "question.json").exists()
    second = Record("question", "Why?", resume=True, results=tmp_path)
    second.measure("a", lambda: pytest.fail("it was measured already"))
    second.measure("b", lambda: {"n": 2})
    second.finish()
    assert [row["case"] for row in load("question", tmp_path)["rows"]] == ["a", "b"]


def test_nothing_is_taken_over_from_other_code(tmp_path):
    first = Record("question", "Why?", results=tmp_path)
    first.figures["code"] = "another"
    first.measure("a", lambda: {"n": 1})
    assert Record("question", "Why?", resume=True, results=tmp_path).rows == []
    assert Record("question", "Why?", results=tmp_path).rows == []
    assert (tmp_path / PARTIAL.name / "question.json").exists()


def test_the_machine_is_described_without_names():
    described = machine.describe()
    assert {"cpu", "cores", "python", "numpy", "platform"} <= described.keys()
    assert socket.gethostname() not in json.dumps(described).split()
    assert str(machine.ROOT) not in json.dumps(described)


# --- what is made of the figures --------------------------------------------------------------------------


def figures(rows):
    return {"question": "?", "commit": "c", "date": "d", "machine": machine.describe(), "rows": rows}


@pytest.fixture
def results(tmp_path):
    seconds = {100: 0.05, 1_000: 0.06, 10_000: 0.2, 100_000: 1.5}
    ours = [
        {"m": 3, "n": n, "rationing": rationing.value, "method": method.value, "compute_seconds": s}
        for n, s in seconds.items()
        for rationing in Rationing
        for method in Method
    ]
    stock = [{"m": 3, "n": n, "compute_seconds": n / 100} for n in (100, 1_000)]
    (tmp_path / "clearing.json").write_text(json.dumps(figures(ours)))
    (tmp_path / "stock.json").write_text(json.dumps(figures(stock)))
    return tmp_path


def test_the_picture_is_drawn(results):
    path = picture.draw(results)
    assert path.read_bytes().startswith(b"\x89PNG")
    rows, stock = load("clearing", results)["rows"], load("stock", results)["rows"]
    assert picture.headline(rows) == "100,000 secret orders cleared in 1.5 s"
    assert "1,000 of them over 100 times" in picture.beside_stock(rows, stock)  # 166, rounded down


def test_tables(monkeypatch, row):
    kernel = {"kernel": "multiply", "element": "product", "threads": 1, "ns_per_element": 2.0}
    prepared = {**row, "prepared": True, "prepare_bytes_sent": [1, 2, 3]}
    markets = {"workers": 2, "markets": 20, "meters": 200, "results_after": [1.0, 2.0], "seconds": 2.0}
    markets |= {"intake_cpu_seconds": 40.0, "round_cpu_seconds": 60.0, "peak_memory": 10**9, "cores": 2}
    markets |= {"markets_per_minute": 30.0, "computation_bytes": 10**7, "service_memory": 10**8, "worker_memory": 10**8}
    on_hosts = {"n": 1_000, "delay_ms": 5.0, "mbit_per_s": 100.0, "seconds": 2.5}
    rows = {"kernels": [kernel], "preparation": [row, prepared], "many_markets": [markets], "hosts": [on_hosts]}
    rows["validity"] = [{**row, "unchecked_seconds": 0.2, "seconds": 0.22, "part": 0.1}]

    def load(name):
        if name in ("load", "latency", "intake", "settlement"):  # test_load.py, test_bench_settlement.py
            raise FileNotFoundError(2, "not measured", f"results/{name}.json")
        return figures(rows.get(name, [row, {**row, "tls": True}]))

    monkeypatch.setattr(tables, "load", load)
    text = tables.all_tables()
    assert "| 20 |" in text
    assert "Not measured yet: load.json" in text
    assert "| 1,000 | 5 ms, 100 Mbit/s | 2.50 s |" in text
    assert "| 20 | lottery, select | 0.20 s | 0.22 s | 10.0% |" in text
    assert "None" not in text
    for block in text.split("\n\n"):
        widths = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(widths) <= 1, block


def test_cost():
    assert traffic_euros([10**9, 10**9]) == pytest.approx(2 * EUROS_PER_GB)


def test_quoted_points_name_their_source():
    assert all(point.source and point.seconds > 0 for point in quoted.PUBLISHED)


# --- the check --------------------------------------------------------------------------------------------


def quick(time=1.0, rounds=60, sent=1_000, calibration=1.0):
    return [
        {"case": "calibration", "alone_seconds": calibration, "together_seconds": 2 * calibration},
        {"case": "multiply", "kernel": "multiply", "fastest_ns": 3 * time},
        {"case": "a book", "compute_seconds": time, "communication_rounds": rounds, "bytes_sent": [sent] * 3},
    ]


@pytest.mark.parametrize(
    ("now", "worse"),
    [
        (quick(), set()),
        (quick(time=1.9), set()),
        (quick(time=2.1), {"time / calibration"}),
        (quick(time=2.1, calibration=2.0), set()),  # a slower machine
        (quick(time=1.1, calibration=0.5), {"time / calibration"}),  # as long on a faster one
        (quick(rounds=61), {"communication rounds"}),
        (quick(sent=1_010), set()),
        (quick(sent=1_100), {"bytes, all parties"}),
        (quick(rounds=59, sent=900), set()),
    ],
)
def test_what_is_worse_is_noticed(now, worse):
    findings = list(check.compare(quick(), now))
    assert len(findings) == 4
    assert {finding.what for finding in findings if finding.worse} == worse


def test_a_finding_in_words():
    assert "WORSE" in str(Finding("a book", "time", 1.0, 3.0, 2.0))
    assert "ok" in str(Finding("a book", "time", 1.0, 1.5, 2.0))
