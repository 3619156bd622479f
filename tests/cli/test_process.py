"""The command line as a process: what it imports, how fast it starts, its streams, its progress line."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parties.cli import progress
from parties.cli.progress import Progress

COMMAND = [sys.executable, "-m", "parties.cli.main"]
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
BOOK = b"order_id,side,price,quantity\nm17,sell,0.0835,1.250\n\xc3\xa9,buy,0.12,0.9\n"


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    line = command.replace("mpc-market", " ".join(COMMAND))
    return subprocess.run(
        ["bash", "-c", line],
        check=False,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        input=BOOK,
        timeout=60,
    )


def test_help_needs_none_of_the_heavy_packages() -> None:
    heavy = "{'numpy', 'mpyc', 'matplotlib', 'pandas', 'pvlib', 'demandlib', 'cryptography', 'nacl'}"
    code = f"import sys, parties.cli.main; print({heavy} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, check=False)
    assert (ended.stdout, ended.stderr) == (b"set()\n", b"")


def test_help_is_there_in_half_a_second() -> None:
    """Measured as processor time, which is all that it takes on an idle machine: a busy one is no fault of ours."""
    used = []
    for _ in range(5):
        before = os.times()
        subprocess.run([*COMMAND, "--help"], env=ENVIRONMENT, capture_output=True, check=True)
        after = os.times()
        used.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(used) < 0.5


@pytest.mark.parametrize("command", ["clear", "check"])
def test_help_gives_units_and_examples(command: str) -> None:
    text = shell(f"mpc-market {command} --help").stdout.decode()
    for word in ("per kWh", "Example", f"mpc-market {command} ", "Exit code"):
        assert word in " ".join(text.split())


@pytest.mark.parametrize(
    ("command", "code", "err"),
    [
        ("mpc-market check -", 0, b""),
        ("mpc-market check <(cat)", 0, b""),
        pytest.param(
            *(
                "mpc-market check - > /dev/full",
                1,
                b"mpc-market: error: [Errno 28] No space left on device\n",
            ),
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here"),
        ),
        ("mpc-market check - | true; exit ${PIPESTATUS[0]}", None, b""),
        ("mpc-market check - >&-", 0, b""),
        ("mpc-market check no.csv 2>&-", 2, b""),
        ("mpc-market check - <&-", 2, b"<stdin>: cannot be read: standard input is closed\n"),
    ],
)
def test_streams(command: str, code: int | None, err: bytes) -> None:
    ended = shell(command)
    assert ended.returncode in ((0, 1) if code is None else (code,))
    assert ended.stderr == err


def test_a_terminal_without_the_letters() -> None:
    ended = shell("mpc-market check /dev/fd/3 3< <(echo 'order_id,side,price,quantity'; echo 'é,bid,1,1')",
                  PYTHONIOENCODING="ascii")  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.isascii()


def watch(monkeypatch: pytest.MonkeyPatch, seconds: float, stages: tuple[str, ...]) -> bytes:
    """What a terminal is sent while stages of `seconds` each go by."""
    master, slave = pty.openpty()
    try:
        with os.fdopen(slave, "w") as terminal:
            monkeypatch.setattr(sys, "stderr", terminal)
            with Progress() as line:
                for stage in stages:
                    line.stage(stage)
                    time.sleep(seconds)
            terminal.write("end")
            terminal.flush()
            sent = b""
            while not sent.endswith(b"end"):
                sent += os.read(master, 65536)
    finally:
        os.close(master)
    return sent


def test_the_progress_line_tells_the_stages_and_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY", 0.1)
    monkeypatch.setattr(progress, "REFRESH", 0.02)
    sent = watch(monkeypatch, 0.3, ("reading", "sorting"))
    lines = sent.split(b"\r")
    assert any(line.startswith(b"reading 0.") and b"sorting" not in line for line in lines)
    assert any(line.startswith(b"reading 0.3 s | sorting 0.") for line in lines)
    assert lines[-2].strip(b" ") == b""  # wiped
    assert lines[-1] == b"end"
    assert b"\n" not in sent


def test_the_progress_line_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY", 0.05)
    monkeypatch.setenv("COLUMNS", "30")
    sent = watch(monkeypatch, 0.1, ("reading the files", "agreeing the keys", "sorting"))
    assert max(len(line) for line in sent.split(b"\r")) <= 30


def test_nothing_is_drawn_for_what_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watch(monkeypatch, 0.05, ("reading", "sorting")) == b"end"


def test_nothing_is_drawn_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "DELAY", 0.01)
    with Progress() as line:
        line.stage("reading")
        time.sleep(0.1)
    assert capsys.readouterr() == ("", "")
