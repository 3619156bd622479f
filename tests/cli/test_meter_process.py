"""`mpc-market meter …` as a process against HTTPS stand-ins of the parties: what it does, and how thin it is."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tty
from datetime import timedelta
from pathlib import Path

import pytest

from parties.files.values import moment_text
from parties.meter.store import Store
from tests.meter.https_parties import HttpsParties, https_parties
from tests.meter.telegrams import dutch

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
PERIOD = 5

CPU_SECONDS_PER_ORDER = 0.1

# What the command line does, and then what it took of the machine.
MEASURED = """
import json, re, sys, time
from parties.cli.main import main
try:
    main()
except SystemExit as end:
    code = end.code
status = open("/proc/self/status").read()
heavy = [name for name in ("numpy", "mpyc", "pandas", "numba", "gmpy2", "rich", "uvicorn") if name in sys.modules]
ours = [name for name in sys.modules if name.startswith(("mpc_market.secure", "mpc_market.field", "parties.local"))]
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])
figures = {"code": code, "heavy": heavy + ours, "peak_kb": peak, "cpu": time.process_time()}
print(json.dumps(figures), file=sys.stderr)
"""


@pytest.fixture
def served(tmp_path):
    with https_parties(tmp_path, timedelta(seconds=PERIOD)) as parties:
        yield parties


def meter(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MEASURED, "meter", *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)


def measured(done: subprocess.CompletedProcess[str]) -> dict:
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stderr.splitlines()[-1])


def is_thin(done: subprocess.CompletedProcess[str]) -> None:
    figures = measured(done)
    assert figures["heavy"] == []
    assert figures["peak_kb"] < 60_000


def orders_file(served: HttpsParties, rows: list[str]) -> Path:
    """The same rows for every period of the next minutes."""
    now = int(time.time()) // PERIOD * PERIOD
    path = served.folder / "orders.csv"
    lines = [row.replace("PERIOD", moment_text(now + PERIOD * i)) for i in range(60) for row in rows]
    path.write_text("meter,period,side,price,quantity\n" + "\n".join(lines) + "\n")
    return path


def test_a_representative_of_twenty_meters(served):
    names = [f"m{i}" for i in range(20)]
    homes = [served.home(name) for name in names]
    rows = [f"{name},PERIOD,{'sell,0.1' if i % 2 else 'buy,0.2'}000,1.234" for i, name in enumerate(names)]
    path = orders_file(served, rows)
    served.wait_for_a_round()
    done = meter("watch", "--homes", served.folder / "homes" / "*", "--orders", path, "--rounds", 1)
    is_thin(done)
    assert measured(done)["code"] == 0, done.stdout + done.stderr
    assert measured(done)["cpu"] < CPU_SECONDS_PER_ORDER * len(names), "start-up included"
    assert "submitted: 20 of 20 accepted (receipts of all 3 parties)" in done.stdout
    assert "clearing price 0.1500 EUR/kWh (20 verified)" in done.stdout
    assert "1.234" not in done.stdout
    for home in homes:
        (entry,) = Store(home.store, home.meter).history(5)
        assert (entry.state, entry.receipts, entry.accepted) == ("verified", 3, (1234,))
    shown = meter("history", "--home", homes[3].path)
    is_thin(shown)
    assert re.search(r"sell +0\.1000 +1\.234 +1\.234 +0\.1500 +verified", shown.stdout)
    out = served.folder / "history.csv"
    meter("history", "--home", homes[3].path, "--out", out)
    assert out.stat().st_mode & 0o777 == 0o600
    assert out.read_text().splitlines()[1].endswith(",1,3,sell,0.1000,1.234,1.234,0.1500,verified")


def test_an_order_takes_little_of_the_processor(served):
    """CPU seconds, not those on the clock: what five rounds take more than one, by the orders they have more.

    An order is made, stored, sent, its receipts checked, its result fetched and verified: 0.03 s, so noise has room.
    """
    home, taken = served.home(), {}
    for rounds in (1, 5):
        served.wait_for_a_round()
        done = meter("watch", "--home", home.path, "--rounds", rounds)
        is_thin(done)
        assert measured(done)["code"] == 0, done.stdout + done.stderr
        assert done.stdout.count("1 of 1 accepted") == rounds
        taken[rounds] = measured(done)["cpu"]
    assert 0 < (taken[5] - taken[1]) / 4 < CPU_SECONDS_PER_ORDER


def test_a_forecast_from_the_p1_port(served):
    """`listen` writes down what the port sends; `watch --forecast` runs beside it."""
    home = served.home()
    with (home.path / "meter.toml").open("a") as file:
        file.write('retail = "0.30"\nfeed_in = "0.04"\nfee = "0.03"\n')
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    command = [
        sys.executable,
        "-m",
        "parties.cli.main",
        "meter",
        "listen",
        os.ttyname(theirs),
        "--home",
        str(home.path),
    ]
    listener = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    store = Store(home.store, home.meter)
    try:
        while len(store.boundaries(0)) < 2:
            assert listener.poll() is None, listener.communicate()
            os.write(ours, dutch(int(time.time()), (1000, 0), (0, 0)))
            time.sleep(0.05)
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{listener.pid}/status").read_text())[1])
        maps = Path(f"/proc/{listener.pid}/maps").read_text()
    finally:
        listener.send_signal(signal.SIGINT)
        out, err = listener.communicate()
        os.close(theirs)
        os.close(ours)
    assert (listener.returncode, out, err) == (130, "", "mpc-market: interrupted\n")
    assert peak < 60_000
    assert "numpy" not in maps
    served.wait_for_a_round()
    done = meter("watch", "--home", home.path, "--forecast", "--rounds", 1)
    is_thin(done)
    assert measured(done)["code"] == 0, done.stdout + done.stderr
    assert "1 verified" in done.stdout


def test_one_order_by_hand_and_its_result(served):
    home = served.home("541448860000000018")
    served.wait_for_a_round()
    done = meter("submit", "--home", home.path, "--side", "sell", "--price", "0.0835", "--quantity", "1.250")
    is_thin(done)
    late = r"(?:\S+: its gate closes in a moment: the order is for the next period\n)?"  # a machine may be this slow
    match = re.fullmatch(late + r"(\S+): submission 1 accepted: receipts of 3 of 3 parties\n", done.stdout)
    assert match, done.stdout + done.stderr
    result = meter("result", "--home", home.path, "--period", match[1])
    is_thin(result)
    assert result.stdout == f"{match[1]}: verified, no clearing price\naccepted quantity 0.000 kWh\n"
    file = served.folder / "evidence.json"
    written = meter("evidence", "--home", home.path, "--period", match[1], "--out", file)
    assert measured(written)["code"] == 0, written.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert {key: len(value) for key, value in json.loads(file.read_text()).items() if key != "header"} == {
        "deliveries": 3,
        "receipts": 3,
    }
    late = meter(
        "submit", "--home", home.path, "--side", "buy", "--price", "0.1", "--quantity", "1", "--period", match[1]
    )
    assert measured(late)["code"] == 2
    assert f"--period: the gate of {match[1]} has closed; orders are taken for " in late.stderr


def test_from_keys_to_the_request(served):
    home = served.folder / "new"
    made = meter("keygen", "--home", home, "--meter", "m99", "--market", served.market_path, "--maximum", "17.25")
    assert measured(made)["code"] == 0, made.stderr
    request = served.folder / "m99.request"
    done = meter("enrol-request", "--home", home, "--out", request)
    assert measured(done)["code"] == 0, done.stderr
    assert "give it to the registrar of m1" in done.stdout
    from mpc_market.wire.enrolment import EnrolRequest  # noqa: PLC0415

    assert EnrolRequest.read(request.read_bytes()).meter == "m99"
    again = meter("keygen", "--home", home, "--meter", "m99", "--market", served.market_path, "--maximum", "17.25")
    assert measured(again)["code"] == 1
    assert "there is a meter's home already" in again.stderr


def test_a_party_that_is_down_is_said(served):
    home = served.home()
    served.parties.faults[1] = lambda request, answer: (500, "text/plain", b"")
    served.wait_for_a_round()
    done = meter("submit", "--home", home.path, "--side", "buy", "--price", "0.1", "--quantity", "1.5")
    assert measured(done)["code"] == 1
    assert "submission 1 NOT accepted: receipts of 2 of 3 parties" in done.stdout
    assert "no receipt: party 1: status 500 without a problem document" in done.stderr
