"""The figures as Markdown tables, for the README: `python -m benchmarks.tables`."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import latency_picture, quoted
from benchmarks.cost import EUROS_PER_GB
from benchmarks.country import table as country_table
from benchmarks.machine import in_words
from benchmarks.picture import curve
from benchmarks.record import Row, load

TARGETS = {  # n: lottery, pro rata, the sort method by itself; seconds
    1_000: (0.03, 0.08, None),
    10_000: (0.08, 0.25, 0.1),
    100_000: (0.5, 1.8, 0.7),
    1_000_000: (5.0, 18.0, 8.0),
}


def all_tables() -> str:
    """Every table whose question has been asked."""
    parts = []
    for table in (
        latency,
        with_tls,
        parties,
        traffic,
        preparation,
        delay,
        kernels,
        validity,
        settlement,
        many_markets,
        load_rounds,
        gate_to_results,
        intake,
        hosts,
    ):
        try:
            parts.append(table())
        except FileNotFoundError as error:
            parts.append(f"_Not measured yet: {(error.filename or '').rpartition('/')[2]}_")
    return "\n\n".join(parts)


def many_markets() -> str:
    """Markets at one set of parties, and what a country would take."""
    figures = load("many_markets")
    heads = [
        "markets",
        "meters each",
        "workers",
        "cores",
        "first result",
        "last result",
        "results a minute",
        "CPU s of a round, all parties",
        "sent in a round, all parties",
        "memory, all parties",
    ]
    rows = [
        [
            str(row["markets"]),
            str(row["meters"]),
            str(row["workers"]),
            str(row["cores"]),
            seconds(row["results_after"][0]),
            seconds(row["seconds"]),
            f"{row['markets_per_minute']:.1f}",
            f"{row['round_cpu_seconds'] / row['markets']:.2f}",
            f"{row['computation_bytes'] / row['markets'] / 1e6:.2f} MB",
            f"{row['peak_memory'] / 1e9:.1f} GB",
        ]
        for row in figures["rows"]
    ]
    country = country_table(figures["rows"], load("settlement")["rows"])
    return f"{_title('Many markets', figures)}\n\n{markdown(heads, rows)}\n\n{country}"


def latency() -> str:
    """Seconds against n, three parties, beside stock MPyC and what is quoted."""
    figures = load("clearing")
    stock = dict(curve(load("stock")["rows"], m=3))
    curves = {
        (rationing, method): dict(curve(figures["rows"], m=3, rationing=rationing, method=method))
        for rationing in ("lottery", "pro-rata")
        for method in ("sort", "select")
    }
    bisection = dict(quoted.MP_SPDZ_BISECTION)
    sizes = sorted(set(stock) | {n for points in curves.values() for n in points})
    rows = [[f"{n:,}", *(seconds(points.get(n)) for points in (*curves.values(), stock, bisection))] for n in sizes]
    heads = ["orders", "lottery, sort", "lottery, select", "pro rata, sort", "pro rata, select"]
    heads += ["stock MPyC: sort only", "MP-SPDZ, bisection (quoted)"]
    aims = [
        f"{n:,}: lottery {seconds(a)}, pro rata {seconds(b)}" + (f", sort by itself {seconds(c)}" if c else "")
        for n, (a, b, c) in TARGETS.items()
    ]
    return f"{_title('Latency, three parties', figures)}\n\n{markdown(heads, rows)}\n\nAimed at: {'; '.join(aims)}."


def with_tls() -> str:
    """Seconds against n with plain TCP and with TLS between three parties."""
    figures = load("clearing")
    pairs = [
        [dict(curve(figures["rows"], tls=tls, m=3, rationing=rationing, method=method)) for tls in (False, True)]
        for rationing in ("lottery", "pro-rata")
        for method in ("sort", "select")
    ]
    sizes = sorted({n for _, secured in pairs for n in secured})
    rows = [
        [f"{n:,}", *(f"{seconds(plain.get(n))} / {seconds(secured.get(n))}" for plain, secured in pairs)] for n in sizes
    ]
    heads = ["orders", "lottery, sort", "lottery, select", "pro rata, sort", "pro rata, select"]
    return f"{_title('Plain TCP / TLS between three parties', figures)}\n\n{markdown(heads, rows)}"


def parties() -> str:
    """Three, five and seven parties."""
    figures = load("clearing")
    stock = load("stock")["rows"]
    chosen = [row for row in figures["rows"] if row["n"] in (1_000, 10_000) and not row.get("tls")]
    chosen.sort(key=lambda row: (row["n"], row["m"], row["rationing"], row["method"]))
    rows = [
        [
            f"{row['n']:,}",
            str(row["m"]),
            f"{row['rationing']}, {row['method']}",
            seconds(row["compute_seconds"]),
            str(row["communication_rounds"]),
            size(max(row["bytes_sent"])),
            size(max(row["peak_memory"])),
            seconds(dict(curve(stock, m=row["m"])).get(row["n"])),
        ]
        for row in chosen
    ]
    heads = ["orders", "parties", "rule, method", "compute", "communication rounds", "sent per party", "peak memory"]
    return f"{_title('Three, five and seven parties', figures)}\n\n{markdown([*heads, 'stock MPyC: sort only'], rows)}"


def traffic() -> str:
    """Bytes, memory and euros of a round, three parties."""
    figures = load("clearing")
    chosen = [row for row in figures["rows"] if row["m"] == 3 and not row.get("tls")]
    chosen.sort(key=lambda row: (row["n"], row["rationing"], row["method"]))
    rows = [
        [
            f"{row['n']:,}",
            f"{row['rationing']}, {row['method']}",
            str(row["communication_rounds"]),
            size(sum(row["bytes_sent"])),
            f"{sum(row['bytes_sent']) / row['n'] / row['m']:,.0f}",
            f"{row['traffic_euros']:.2g}",
            f"{sum(row['cpu_seconds']):.3g}",
            size(max(row["peak_memory"])),
        ]
        for row in chosen
    ]
    heads = ["orders", "rule, method", "communication rounds", "sent by all", "bytes per order and party", "EUR"]
    heads += ["CPU seconds, all parties", "peak memory per party"]
    title = f"{_title('Traffic of a round, three parties', figures)} EUR at {EUROS_PER_GB} EUR per GB of egress."
    return f"{title}\n\n{markdown(heads, rows)}"


def preparation() -> str:
    """With and without preparation; CPU seconds of all parties, before and after the gate."""
    figures = load("preparation")
    rows = [
        [
            f"{row['n']:,}",
            f"{row['rationing']}, {row['method']}",
            "yes" if row["prepared"] else "no",
            seconds(row["prepare_seconds"]) if row["prepared"] else "–",
            seconds(row["compute_seconds"]),
            f"{sum(row['prepare_cpu_seconds']):.3g}" if row["prepared"] else "–",
            f"{sum(row['cpu_seconds']):.3g}",
            size(sum(row["prepare_bytes_sent"])) if row["prepared"] else "–",
            size(sum(row["bytes_sent"])),
        ]
        for row in figures["rows"]
    ]
    heads = ["orders", "rule, method", "prepared", "before the gate", "gate to price", "CPU s before", "CPU s after"]
    heads += ["sent before", "sent after"]
    return f"{_title('Preparation, three parties', figures)}\n\n{markdown(heads, rows)}"


def delay() -> str:
    """Seconds by line and method."""
    figures = load("delay")
    columns = [("lottery", "sort"), ("lottery", "select"), ("pro-rata", "sort"), ("pro-rata", "select")]
    table: dict[str, dict[tuple[str, str], Row]] = {}
    for row in figures["rows"]:
        table.setdefault(_line(row), {})[row["rationing"], row["method"]] = row
    rows = [
        [line, *(seconds(cells[key]["compute_seconds"]) if key in cells else "–" for key in columns)]
        for line, cells in table.items()
    ]
    heads = ["between the parties", "lottery, sort", "lottery, select", "pro rata, sort", "pro rata, select"]
    return f"{_title('Parties apart: 1,000 orders, three parties', figures)}\n\n{markdown(heads, rows)}"


def kernels() -> str:
    """Nanoseconds per element."""
    figures = load("kernels")
    found: dict[str, dict[int, Row]] = {}
    for row in figures["rows"]:
        if "kernel" in row:
            found.setdefault(row["kernel"], {})[row["threads"]] = row
    rows = []
    for kernel, by_threads in found.items():
        one, two = by_threads[1], by_threads.get(2)
        ns = f"{one['ns_per_element']:.1f}"
        both = [f"{two['ns_per_element']:.1f}", f"{one['ns_per_element'] / two['ns_per_element']:.2f}"] if two else []
        rows.append([kernel, one["element"], ns, *(both or ["–", "–"])])
    heads = ["kernel", "an element is a", "ns, 1 thread", "ns, 2 threads", "speed-up"]
    return f"{_title('Kernels, ns per element', figures)}\n\n{markdown(heads, rows)}"


def validity() -> str:
    """What checking submissions adds."""
    figures = load("validity")
    rows = [
        [
            f"{row['n']:,}",
            f"{row['rationing']}, {row['method']}",
            seconds(row["unchecked_seconds"]),
            seconds(row["seconds"]),
            f"{row['part']:.1%}",
        ]
        for row in figures["rows"]
    ]
    heads = ["meters", "rule, method", "verdicts known", "checked", "the check adds"]
    return f"{_title('Validity, three parties', figures)}\n\n{markdown(heads, rows)}"


def settlement() -> str:
    """A period by the number of users; a day period by period; a month."""
    figures = load("settlement")
    # Yardsticks of the same run have no users.
    measured = [row for row in figures["rows"] if "n" in row]
    rows = [
        [
            row["case"],
            f"{row['n'] * row['periods']:,}",
            f"{row['jobs']:,}",
            seconds(row["compute_seconds"]),
            seconds(max(row["cpu_seconds"])),
            f"{row['communication_rounds']:,}",
            f"{max(row['bytes_sent']) / row['n'] / row['periods']:,.0f} bytes",
            size(max(row["peak_memory"])),
            f"{row['load']:g}",
        ]
        for row in measured
    ]
    heads = [
        "",
        "readings",
        "jobs",
        "seconds",
        "CPU s, a party",
        "rounds",
        "sent per reading and party",
        "memory",
        "load",
    ]
    words = [
        f"Of the month {seconds(row['close_seconds'])} are for {row['n']:,} bills. Adding up one day's entries takes a "
        f"party's service {seconds(row['add_up_seconds_of_a_day'])} of CPU more."
        for row in measured
        if "close_seconds" in row
    ]
    quote = f"Quoted: {quoted.BILLING.label.replace(chr(10), ' ')} ({quoted.BILLING.source})."
    parts = [_title("Settlement, three parties", figures), markdown(heads, rows), " ".join([*words, quote])]
    return "\n\n".join(parts)


def load_rounds() -> str:
    """Five rounds of 2,000 meters."""
    figures = load("load")
    rows = [
        [
            row["case"],
            f"{row['meters']:,}",
            f"{row['verified']:,}",
            seconds(row["intake_seconds"]),
            seconds(row["receipt_seconds"]["p99"]),
            seconds(row["outcome_seconds"]),
            seconds(row["results_seconds"]["max"]),
            seconds(row["intake_seconds"] + row["results_seconds"]["max"]),
            f"{max(row['party_cpu_seconds']):.1f}",
            f"{row['meters_cpu_seconds']:.1f}",
            size(max(row["peak_memory"])),
        ]
        for row in figures["rows"]
    ]
    heads = ["", "meters", "verified", "orders in", "receipts, p99", "gate to outcome", "gate to last result"]
    heads += ["orders in, and results out", "CPU s per party", "CPU s of all meters", "peak memory per party"]
    return f"{_title('Periods of two minutes in a row', figures)}\n\n{markdown(heads, rows)}"


def gate_to_results() -> str:
    """By the number of meters; the median of the rounds."""
    figures = load("latency")
    found: dict[int, list[Row]] = {}
    for row in figures["rows"]:
        found.setdefault(row["meters"], []).append(row)
    rows = [
        [
            f"{meters:,}",
            *(seconds(statistics.median(value(row) for row in some)) for _, value in latency_picture.CURVES.values()),
        ]
        for meters, some in found.items()
    ]
    return f"{_title('From the gate on', figures)}\n\n{markdown(['meters', *latency_picture.CURVES], rows)}"


def intake() -> str:
    """What one party takes in."""
    figures = load("intake")
    rows = [
        [
            row["case"],
            f"{row['orders']:,}",
            f"{row['orders_per_second']:,.0f}",
            seconds(row["receipt_seconds"]["p50"]),
            seconds(row["receipt_seconds"]["p99"]),
            f"{row['cpu_milliseconds_per_order']:.2f}",
            size(row["peak_memory"]),
        ]
        for row in figures["rows"]
    ]
    heads = [
        "sent",
        "orders",
        "durable orders a second",
        "receipt, median",
        "receipt, p99",
        "CPU ms per order",
        "memory",
    ]
    return f"{_title('One party, one core', figures)}\n\n{markdown(heads, rows)}"


def hosts() -> str:
    """A round from its gate to the signed result, on three hosts."""
    figures = load("hosts")
    rows = [
        [f"{row['n']:,}", f"{row['delay_ms']:g} ms, {row['mbit_per_s']:g} Mbit/s", seconds(row["seconds"])]
        for row in figures["rows"]
    ]
    heads = ["orders", "lines: one way, and rate (0: as fast as it goes)", "gate to signed result"]
    return f"{_title('On three hosts', figures)}\n\n{markdown(heads, rows)}"


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def seconds(value: float | None) -> str:
    """Two or three digits that mean something."""
    if value is None:
        return "–"
    return f"{value:.3f} s" if value < 0.1 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def size(count: float) -> str:
    """Bytes in decimal units."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= least:
            return f"{count / least:.3g} {unit}"
    return f"{count:.0f} B"


def _line(row: Row) -> str:
    if row["delay_ms"] is None:
        return "loopback, no relay"
    words = f"relay, {row['delay_ms']:g} ms one way"
    words += f", {row['mbit_per_s']:g} Mbit/s" if row["mbit_per_s"] else ""
    return words + (", prepared" if row["prepared"] else "") + (", TLS" if row.get("tls") else "")


def _title(words: str, figures: dict[str, Any]) -> str:
    return f"**{words}** ({in_words(figures['machine'])}; commit {figures['commit']}, {figures['date']})."


if __name__ == "__main__":
    print(all_tables())
