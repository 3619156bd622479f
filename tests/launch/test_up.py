"""`mpc-market up` as a user runs it: real processes, real TLS, real storage; and what it refuses."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Order
from mpc_market.wire.audit import check_record
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.outcome import Standing
from mpc_market.wire.record import Record
from parties.audit.verifying import verify_all
from parties.files.problems import Problems
from parties.files.running_toml import read_running
from parties.launch.description import COMMUNITY
from parties.meter.sources import find_homes, open_meters

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COMMAND = [sys.executable, "-m", "parties.cli.main", "up"]


LONGER = (30, 90)
"""Seconds of a period, after rounds that came to nothing in the usual few: the machine may have other work."""


def in_time(done: "subprocess.CompletedProcess[str]") -> bool:
    """Whether all parties were up for the first round, and all was submitted, computed, fetched and settled in time."""
    void = re.search(r"^\d\d:\d\d:\d\d +void +\d", done.stdout, re.MULTILINE)
    settled = re.search(r"^(\d+) of (\d+) periods? settled$", done.stdout, re.MULTILINE)
    late = settled is not None and settled[1] != settled[2]
    early = "there is a record of it in" in done.stdout and "void (not opened)" in done.stdout
    return void is None and not late and not early and "NOT all meters" not in done.stdout


def up(*arguments: str, timeout: float = 900) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=timeout)


def test_a_whole_market_clears_by_the_rule(tmp_path: Path) -> None:
    """Orders of meters, through the services of all parties and back: as the plaintext rule says."""
    for seconds in (10, *LONGER):
        out = tmp_path / f"market-{seconds}"
        done = up("--meters", "6", "--rounds", "2", "--period", f"{seconds}s", "--out", str(out))
        if in_time(done):
            break
    check_run(done, out, meters=6, clients=2, rounds=2)


@pytest.mark.parametrize(
    ("name", "meters", "clients", "settled"),
    [
        ("S1-direct-peers", 6, 3, 0),
        ("S2-direct-customers", 9, 3, 0),
        ("S3-indirect-customers", 6, 2, 0),
        ("S4-indirect-peers", 5, 5, 2),
    ],
)
def test_a_ready_market_directory(tmp_path: Path, name: str, meters: int, clients: int, settled: int) -> None:
    """S1 to S4, by configuration alone: the committed directory, in which keys are made when it is used first.

    S4 settles: every one of its rounds has a settlement with a result, signed by all parties.
    """
    text = (EXAMPLES / name / COMMUNITY).read_text()
    for seconds in (12, *LONGER):
        out = tmp_path / f"{name}-{seconds}"
        out.mkdir()
        slower = text.replace('"PT12S"', f'"PT{seconds}S"').replace('"PT11S"', f'"PT{seconds - 1}S"')
        (out / COMMUNITY).write_text(slower)
        done = up(str(out), "--rounds", str(settled or 1))
        if in_time(done):
            break
    assert (slower == text) == (seconds == 12)
    check_run(done, out, meters=meters, clients=clients, rounds=settled or 1)
    assert ("[settlement]" in text) == ("settlement" in done.stdout) == (settled > 0)
    if settled:
        shown = re.findall(r"^\d\d:\d\d:\d\d +result .* result *$", done.stdout, re.MULTILINE)
        assert len(shown) == settled
        assert f"{settled} of {settled} periods settled" in done.stdout
        assert settlements(out) == settled


def settlements(out: Path) -> int:
    """How many periods have a settlement on readings of all meters: by the public records, each checked."""
    problems = Problems()
    running = read_running(str(out / "market" / "market.toml"), problems)
    problems.check()
    chains = verify_all(out / "records", running)[Stage.SETTLEMENT]
    assert chains.holds
    results = [start for start, told in chains.told().items() if told.standing is Standing.RESULT]
    meters = len(list((out / "meters").iterdir()))
    return sum(chains.audited(start).agreed.count == meters for start in results)


def check_run(done: "subprocess.CompletedProcess[str]", out: Path, *, meters: int, clients: int, rounds: int) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{meters} meters of {clients} clients" in done.stdout
    assert "all meters have verified their results" in done.stdout
    assert "audit: everything that can be checked holds" in done.stdout
    row = rf"^\d\d:\d\d:\d\d +result +{meters} +{meters} "
    assert len(re.findall(row, done.stdout, re.MULTILINE)) == rounds
    assert equals_the_rule(out) == rounds
    check_logs(out)
    assert not [each for each in psutil.process_iter(["cmdline"]) if str(out) in " ".join(each.info["cmdline"] or [])]
    for name in ("signing.key", "tls.key"):
        for path in out.rglob(name):
            assert path.stat().st_mode & 0o077 == 0


def check_logs(out: Path) -> None:
    """The parties' logs are JSON, line by line, and hold no id of a meter and no share of an order."""
    meters = {path.name for path in (out / "meters").iterdir()}
    for home in (out / "market").glob("party-*"):
        log = (out / "logs" / f"{home.name}.log").read_text()
        for line in log.splitlines():
            assert "event" in json.loads(line)
        assert not meters & set(re.findall(r"[\w.-]+", log))
        with contextlib.closing(sqlite3.connect(home / "ledger.db")) as ledger:
            held = ledger.execute("SELECT words FROM submissions UNION ALL SELECT words FROM results")
            rows = [row for (row,) in held]
        words = {word for row in rows for (word,) in struct.iter_unpack("<Q", row) if word >= 2**32}
        assert len(words) > 100
        assert not words & {int(number) for number in re.findall(r"\d{6,20}", log)}
        assert not any(struct.pack("<Q", word).hex() in log for word in words)


def equals_the_rule(out: Path) -> int:
    """Compare every round that meters took part in with the rule on what they ordered; how many there were."""
    _, market, meters = open_meters(find_homes([str(out / "meters" / "*")]), None)
    audited = {}
    for line in (out / "records" / "party-0.jsonl").read_bytes().splitlines():
        record = Record.decode(line)
        audited[record.period.start] = check_record(record, market.committee(record.period.start))
    ordered: dict[int, list[tuple[Order, int]]] = {}
    for meter in meters:
        for entry in meter.store.history(10):
            ordered.setdefault(entry.start, []).extend(zip(entry.orders, entry.accepted, strict=True))
    for start, book in ordered.items():
        expected = clear([order for order, _ in book], market.file.rules, audited[start].randomness.ticket_seed)
        assert audited[start].price == expected.price
        assert [accepted for _, accepted in book] == list(expected.accepted)
    return len(ordered)


def test_ctrl_c_leaves_no_process(tmp_path: Path) -> None:
    out = tmp_path / "market"
    process = subprocess.Popen(
        [*COMMAND, "--meters", "2", "--period", "10s", "--out", str(out)], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while len(children := psutil.Process(process.pid).children()) < 3 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(children) >= 3
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(40) == 130
    assert not [child for child in children if child.is_running()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--parties", "4"], "a market has 3, 5 or 7"),
        (["--period", "1s"], "too short"),
        (["--period", "soon"], "no duration"),
        (["--period", "-5s"], "no duration"),
        (["--meters", "0"], "--meters"),
        (["--rounds", "0"], "--rounds"),
        (["--out", "."], "name a new or an empty directory"),
        (["--set-up", "S5"], "--set-up"),
        (["nowhere"], "nowhere/community.toml: no such file"),
        ([str(EXAMPLES / "S1-direct-peers"), "--meters", "3", "--out", "x"], "--meters, --out: with a DIR"),
    ],
)
def test_wrong_input_is_refused(arguments: list[str], message: str) -> None:
    done = up(*arguments, timeout=30)
    assert done.returncode == 2
    assert message in done.stderr
