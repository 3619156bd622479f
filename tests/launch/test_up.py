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
from parties.launch.description import COMMUNITY
from parties.meter.sources import find_homes, open_meters

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COMMAND = [sys.executable, "-m", "parties.cli.main", "up"]


def up(*arguments: str, timeout: float = 150) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=timeout)


def test_a_whole_market_clears_by_the_rule(tmp_path: Path) -> None:
    """Orders of meters, through the services of all parties and back: as the plaintext rule says."""
    out = tmp_path / "market"
    done = up("--meters", "6", "--rounds", "2", "--period", "10s", "--out", str(out))
    check_run(done, out, meters=6, clients=2, rounds=2)


@pytest.mark.parametrize(
    ("name", "meters", "clients"),
    [
        ("S1-direct-peers", 6, 3),
        ("S2-direct-customers", 9, 3),
        ("S3-indirect-customers", 6, 2),
        ("S4-indirect-peers", 5, 5),
    ],
)
def test_a_ready_market_directory(tmp_path: Path, name: str, meters: int, clients: int) -> None:
    """S1 to S4, by configuration alone: the committed directory, in which keys are made when it is used first."""
    out = tmp_path / name
    out.mkdir()
    (out / COMMUNITY).write_bytes((EXAMPLES / name / COMMUNITY).read_bytes())
    done = up(str(out), "--rounds", "1")
    check_run(done, out, meters=meters, clients=clients, rounds=1)


def check_run(done: "subprocess.CompletedProcess[str]", out: Path, *, meters: int, clients: int, rounds: int) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{meters} meters of {clients} clients" in done.stdout
    assert "all meters have verified their results" in done.stdout
    assert "audit: everything that can be checked holds" in done.stdout
    row = rf"^\d\d:\d\d:\d\d +result +{meters} +{meters} "
    assert len(re.findall(row, done.stdout, re.MULTILINE)) == rounds
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
        (["--set-up", "S5"], "--set-up"),
        (["nowhere"], "nowhere/community.toml: no such file"),
        ([str(EXAMPLES / "S1-direct-peers"), "--meters", "3", "--out", "x"], "--meters, --out: with a DIR"),
    ],
)
def test_wrong_input_is_refused(arguments: list[str], message: str) -> None:
    done = up(*arguments, timeout=30)
    assert done.returncode == 2
    assert message in done.stderr
