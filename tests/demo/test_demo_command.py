"""`mpc-market demo` as a user meets it: real processes, real files, a real terminal."""

import csv
import os
import pty
import signal
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from mpc_market.rules.clearing import clear
from parties.demo.calendar import quarter_hours
from parties.demo.day import make_book
from parties.demo.households import make_households
from parties.demo.tariffs import SETTINGS, price_text

COMMAND = [sys.executable, "-m", "parties.cli.main", "demo"]


def run(*options: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command; `before` is Python to execute in its process first."""
    command = [*COMMAND, *options]
    if before:
        start = "import sys; from parties.cli.main import main; sys.argv[1:] = ['demo', *sys.argv[1:]]; main()"
        command = [sys.executable, "-c", f"{before}; {start}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_day_is_cleared_and_settled_by_compute_parties_and_equals_the_rule(tmp_path: Path) -> None:
    day, households = date(2025, 10, 26), 12
    result = run("--households", str(households), "--day", str(day), "--out", str(tmp_path / "out"))
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", "no warning of anyone, and no progress bar where there is no terminal"

    periods = quarter_hours(day)
    street = make_households(households, day, periods)
    with open(tmp_path / "out" / "day.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100
    for index, row in enumerate(rows):
        clearing = clear(make_book(street, index), SETTINGS.rules, bytes(32))
        expected = "" if clearing.price is None else price_text(clearing.price)
        assert row["clearing_price_eur_per_kwh"] == expected
    for picture in ("day.png", "settlement.png"):
        assert (tmp_path / "out" / picture).read_bytes().startswith(b"\x89PNG")
    assert "sellers gained" in result.stdout
    assert "100 quarter-hours cleared by 3 compute parties on secret shares" in result.stdout
    assert "1,200 meter readings settled and billed by the same parties on secret shares" in result.stdout
    with open(tmp_path / "out" / "households.csv", encoding="utf-8", newline="") as file:
        bills = list(csv.DictReader(file))
    traded = sum(Decimal(row["traded_kwh"]) for row in rows)
    assert sum(Decimal(bill["bought_kwh"]) for bill in bills) == traded
    assert sum(Decimal(bill["sold_kwh"]) for bill in bills) == traded
    for bill, house in zip(bills, street, strict=True):
        assert Decimal(bill["exported_kwh"]) == sum(each for each in house.metered if each > 0) / Decimal(1000)
        gain = Decimal(bill["pays_without_market_eur"]) - Decimal(bill["pays_with_market_eur"])
        assert Decimal(bill["gain_eur"]) == gain


def test_ctrl_c_leaves_no_file_and_no_process(tmp_path: Path) -> None:
    out = tmp_path / "out"
    terminal, other_end = pty.openpty()
    command = [*COMMAND, "--households", "2", "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=other_end) as process:
        os.close(other_end)
        seen = b""
        deadline = time.monotonic() + 60
        while b"cleared" not in seen and time.monotonic() < deadline:
            seen += os.read(terminal, 4096)
        assert b"cleared" in seen, "the progress bar tells the time of the day"
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3, "three compute parties at work"
        process.send_signal(signal.SIGINT)
        try:
            while os.read(terminal, 4096):
                pass
        except OSError:  # the other end is closed: everyone who held it is gone
            pass
        os.close(terminal)
        assert process.wait(15) == 130
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert not out.exists()


@pytest.mark.parametrize("package", ["demandlib", "pvlib", "pandas", "matplotlib"])
def test_a_missing_extra_is_one_clear_line(package: str, tmp_path: Path) -> None:
    result = run("--out", str(tmp_path / "out"), before=f"import sys; sys.modules[{package!r}] = None")
    assert result.returncode == 2
    assert result.stderr == f"the demo needs {package}, not installed: pip install 'mpc-market[demo]'\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--day", "1850-01-01"), "--day: 1850-01-01 is not in the years 2000 to 2100"),
        (("--day", "21/06/2025"), "21/06/2025"),
        (("--households", "1"), "households"),
    ],
)
def test_bad_options_are_refused_at_once(options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = run(*options, "--out", str(tmp_path / "out"))
    assert result.returncode == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    result = run("--out", str(tmp_path / "out"))
    assert result.returncode == 2
    assert "is a file, not a directory" in result.stderr
    assert (tmp_path / "out").read_text() == "mine"
