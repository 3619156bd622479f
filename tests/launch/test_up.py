"""`mpc-market up` as a user runs it: real processes, real TLS, real storage; and what it refuses."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Order
from mpc_market.wire.audit import check_record
from mpc_market.wire.record import Record
from parties.meter.sources import find_homes, open_meters

COMMAND = [sys.executable, "-m", "parties.cli.main", "up"]


def up(*arguments: str, timeout: float = 150) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=timeout)


@pytest.mark.parametrize(
    ("set_up", "clients", "rounds"),
    [("direct-peers", 3, 1), ("direct-customers", 3, 1), ("indirect-customers", 2, 2), ("indirect-peers", 6, 1)],
)
def test_a_whole_market_clears_by_the_rule(tmp_path: Path, set_up: str, clients: int, rounds: int) -> None:
    """S1 to S4: orders of meters, through the services of all parties and back: as the plaintext rule says."""
    out = tmp_path / "market"
    done = up("--meters", "6", "--rounds", str(rounds), "--set-up", set_up, "--period", "10s", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"6 meters of {clients} clients" in done.stdout
    assert "all meters have verified their results" in done.stdout
    assert "audit: everything that can be checked holds" in done.stdout
    assert len(re.findall(r"^\d\d:\d\d:\d\d +result +6 +6 ", done.stdout, re.MULTILINE)) == rounds
    assert equals_the_rule(out) == rounds
    assert not [each for each in psutil.process_iter(["cmdline"]) if str(out) in " ".join(each.info["cmdline"] or [])]
    for name in ("signing.key", "tls.key"):
        for path in out.rglob(name):
            assert path.stat().st_mode & 0o077 == 0


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
    ],
)
def test_wrong_input_is_refused(arguments: list[str], message: str) -> None:
    done = up(*arguments, timeout=30)
    assert done.returncode == 2
    assert message in done.stderr
