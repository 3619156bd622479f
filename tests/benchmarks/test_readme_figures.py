"""The figures in the README are those that are committed in `benchmarks/results`, rounded as they are printed there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.picture import curve
from benchmarks.record import Row, load

README = Path(__file__).parents[2] / "README.md"
METHODS = ("sort", "select")
NOT_MEASURED = "–"


@pytest.fixture(scope="module")
def figures() -> str:
    """The section, on one line but for its tables."""
    (section,) = re.findall(r"\n## Figures\n(.*?)\n## ", README.read_text("utf-8"), re.DOTALL)
    return re.sub(r"\n(?![|\n])", " ", section)


def table(section: str, first_head: str) -> list[list[str]]:
    """The cells of the rows of the table with that first heading."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    begin = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_head} |"))
    rows = []
    for line in lines[begin + 2 :]:
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if len(cells) != lines[begin].count("|") - 1:
            break
        rows.append(cells)
    return rows


def number(text: str) -> int:
    return int(text.replace(",", ""))


def is_rounded(text: str, value: float | None) -> bool:
    """Whether `text` is the value with as many digits as it shows; zeros at the end of a whole number show none."""
    if value is None or text == NOT_MEASURED:
        return value is None and text == NOT_MEASURED
    shown = re.match(r"[\d,]+(\.\d+)?", text)
    assert shown, text
    digits = shown[0].replace(",", "")
    zeros = len(digits) - len(digits.rstrip("0"))
    unit = 10.0 ** (-len(digits.partition(".")[2]) if shown[1] else zeros)
    return abs(float(digits) - value) <= unit / 2 + 1e-9


def check(text: str, value: float | None, what: object) -> None:
    assert is_rounded(text, value), f"{what}: README says {text}, measured {value}"


def pair(cell: str) -> list[str]:
    """The figures of the two methods: `0.054 / 0.062 s`."""
    parts = cell.split(" / ")
    return parts if len(parts) == len(METHODS) else [cell] * len(METHODS)


def measured(m: int, **settings: object) -> Iterator[Row]:
    """Of clearing, without TLS."""
    for row in load("clearing")["rows"]:
        if row["m"] == m and not row.get("tls") and all(row[key] == value for key, value in settings.items()):
            yield row


@pytest.mark.parametrize(
    ("text", "value", "right"),
    [
        ("2.7 s", 2.749, True),
        ("2.8 s", 2.749, False),
        ("1,090", 1093.6, True),
        ("1,091", 1093.6, False),
        ("570 bytes", 574.4, True),
        ("570 bytes", 575.1, False),
        ("–", None, True),
        ("–", 1.0, False),
        ("1.0", None, False),
    ],
)
def test_rounding(text: str, value: float | None, right: bool) -> None:
    assert is_rounded(text, value) is right


def test_clearing(figures: str) -> None:
    rows = table(figures, "orders")
    stock = dict(curve(load("stock")["rows"], m=3))
    assert len(rows) == 4
    for orders, lottery, pro_rata, sent, memory, beside in rows:
        n = number(orders)
        for rationing, cell in (("lottery", lottery), ("pro-rata", pro_rata)):
            for text, method in zip(pair(cell), METHODS, strict=True):
                seconds = dict(curve(load("clearing")["rows"], m=3, rationing=rationing, method=method))
                check(text, seconds.get(n), (n, rationing, method))
        for text, method in zip(pair(sent), METHODS, strict=True):
            (row,) = measured(3, n=n, rationing="lottery", method=method)
            check(text, sum(row["bytes_sent"]) / row["m"] / n, (n, method, "bytes"))
        check(memory, max(max(row["peak_memory"]) for row in measured(3, n=n)) / 1e9, (n, "memory"))
        check(beside, stock.get(n), (n, "stock"))


def test_the_number_of_communication_rounds(figures: str) -> None:
    """Without the two of a seed that the parties make, as they do in the benchmark."""
    said = {
        (3, "lottery"): r"is (\d+) communication rounds with `sort` and (\d+) with `select`, plus two",
        (3, "pro-rata"): r"\((\d+) and (\d+) under pro rata\)",
        (5, "lottery"): r"Five parties need (\d+) with `sort` and (\d+) with `select`",
        (7, "lottery"): r"seven (\d+) and (\d+), with the same two for the seed",
    }
    for (m, rationing), pattern in said.items():
        (texts,) = re.findall(pattern, figures)
        for text, method in zip(texts, METHODS, strict=True):
            rounds = {row["communication_rounds"] for row in measured(m, rationing=rationing, method=method)}
            assert rounds == {int(text) + 2}, (m, rationing, method)


def test_when_selecting_is_the_better_choice(figures: str) -> None:
    pattern = r"better choice from ([\d,]+) orders on under the lottery, from ([\d,]+) on under pro rata"
    (least,) = re.findall(pattern, figures)
    assert "always for five or seven parties" in figures
    rows = [row for row in load("clearing")["rows"] if not row.get("tls")]
    for rationing, first in zip(("lottery", "pro-rata"), map(number, least), strict=True):
        for m in (3, 5, 7):
            sort, select = (dict(curve(rows, m=m, rationing=rationing, method=method)) for method in METHODS)
            both = sorted(sort.keys() & select.keys())
            better = [n for n in both if select[n] < sort[n]]
            assert better, (m, rationing)
            if m > 3:
                assert better == both, (m, rationing)
            else:
                assert [n for n in both if n >= first] == [n for n in better if n >= first], rationing
                assert [n for n in both if n < first][-1] not in better, f"{rationing}: it is better earlier"


def test_distance(figures: str) -> None:
    said = re.findall(r"([\d.]+) s at (\d+) ms(?: round trip)?", figures)
    assert len(said) == 2
    rows = [row for row in load("delay")["rows"] if not row["prepared"] and row["mbit_per_s"] is None]
    for seconds, round_trip in said:
        delay = float(round_trip) / 2
        ((_, found),) = curve([row for row in rows if row["delay_ms"] == delay], rationing="lottery", method="sort")
        check(seconds, found, f"{round_trip} ms")


def test_the_check_of_submissions(figures: str) -> None:
    (said,) = re.findall(r"\((\d+) % at 10,000 meters, under pro rata (\d+) %; at most 15 %", figures)
    rows = {row["rationing"]: row for row in load("validity")["rows"] if row["method"] == "sort"}
    for text, rationing in zip(said, ("lottery", "pro-rata"), strict=True):
        assert rows[rationing]["n"] == 10_000
        check(text, 100 * rows[rationing]["part"], rationing)


def test_tls(figures: str) -> None:
    """Where it is measured in the committed run; by the method that is quicker."""
    rows = [row for row in load("clearing")["rows"] if row["m"] == 3 and row["rationing"] == "lottery"]
    if not any(row.get("tls") for row in rows):
        pytest.skip("TLS is not in the committed run")
    said = re.findall(r"([\d,]+)(?: orders)? in ([\d.]+) instead of ([\d.]+) s", figures)
    assert len(said) >= 3
    for orders, *texts in said:
        for text, tls in zip(texts, (True, False), strict=True):
            found = [seconds for n, seconds in curve(rows, tls=tls) if n == number(orders)]
            check(text, min(found), (orders, "TLS" if tls else "plain"))


def test_settlement(figures: str) -> None:
    rows = table(figures, "settled and billed")
    cases = {row["case"]: row for row in load("settlement")["rows"]}
    assert len(rows) == 4
    for case, seconds, sent in rows:
        row = cases[case.partition(":")[0]]
        readings = row["n"] * (number(re.findall(r"([\d,]+) periods", case)[0]) if "periods" in case else 1)
        check(seconds, row["compute_seconds"], case)
        check(sent, max(row["bytes_sent"]) / readings / 1e3, (case, "kB"))


def test_load(figures: str) -> None:
    rounds, (fast, steady) = load("load")["rows"], load("intake")["rows"]
    (first, last) = re.findall(r"outcome is there (\d+) to (\d+) s after", figures)[0]
    outcomes = [row["outcome_seconds"] for row in rounds]
    check(first, min(outcomes), "first outcome")
    check(last, max(outcomes), "last outcome")
    (first, last) = re.findall(r"results after (\d+) to (\d+) s", figures)[0]
    results = [row["results_seconds"]["max"] for row in rounds]
    check(first, min(results), "results")
    check(last, max(results), "results")
    memory = max(max(row["peak_memory"]) for row in rounds)
    check(re.findall(r"(\d+) MB per party", figures)[0], memory / 1e6, "memory")
    check(re.findall(r"takes in ([\d,]+) durable orders", figures)[0], fast["orders_per_second"], "intake")
    (rate, receipt) = re.findall(r"or (\d+) a second with a receipt within ([\d.]+) s for 99", figures)[0]
    check(rate, steady["orders_per_second"], "steady intake")
    assert steady["receipt_seconds"]["p99"] <= float(receipt)


def test_many_markets() -> None:
    text = re.sub(r"\s+", " ", README.read_text("utf-8"))
    (two, one) = re.findall(r"have their results (\d+) s later, with one core and one worker after (\d+) s", text)[0]
    by_workers = {row["workers"]: row["seconds"] for row in load("many_markets")["rows"]}
    check(two, by_workers[2], "two workers")
    check(one, by_workers[1], "one worker")
