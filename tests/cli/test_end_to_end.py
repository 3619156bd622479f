"""`mpc-market clear` with real compute-party processes, from file to file."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import psutil
import pytest

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Market, Order, Rationing, Side
from mpc_market.secure.clearing import Method

COMMAND = [sys.executable, "-m", "parties.cli.main"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
SEED = bytes(range(32))


def book(n: int) -> list[Order]:
    """Many orders at few prices, so that there are ties at the clearing price."""
    random = Random(n)
    return [
        Order(f"é{i}", random.choice(list(Side)), 1000 + 10 * random.randrange(5), random.randrange(5000))
        for i in range(n)
    ]


def text(orders: list[Order]) -> str:
    rows = (f"{o.side.value},0.{o.price:04d},{o.quantity / 1000:.3f},{o.order_id}\r\n" for o in orders)
    return "side,price,quantity,order_id\r\n" + "".join(rows)


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "clear", *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("n", "m", "rationing", "method", "seed"),
    [
        (40, 3, Rationing.PRO_RATA, Method.SORT, SEED),
        (300, 5, Rationing.LOTTERY, Method.SELECT, None),
        (50, 7, Rationing.PRO_RATA, Method.SELECT, None),
        (0, 3, Rationing.LOTTERY, Method.SORT, SEED),
    ],
)
def test_from_file_to_file(
    tmp_path: Path, n: int, m: int, rationing: Rationing, method: Method, seed: bytes | None
) -> None:
    """The result is the plaintext rule's, under the seed that was given or that the parties drew, however computed."""
    orders = book(n)
    options = () if seed is None else ("--seed", seed.hex())
    process = start(
        *("-", "--out", "r.csv", "--json", "s.json", "--parties", str(m), "--rationing", rationing.value),
        *("--method", method.value),
        *options,
        cwd=tmp_path,
    )
    out, err = process.communicate(text(orders), timeout=60)
    assert (process.returncode, err) == (0, "")
    summary = json.loads((tmp_path / "s.json").read_text())
    assert seed is None or summary["seed"] == seed.hex()
    assert f"seed {summary['seed']}\n" in out
    expected = clear(orders, Market(rationing=rationing), bytes.fromhex(summary["seed"]))
    price = None if expected.price is None else f"0.{expected.price:04d}"
    assert summary["clearing_price"] == price
    assert summary["traded_quantity"] == f"{sum(expected.accepted) / 2000:.3f}"
    assert (summary["orders"], summary["parties"], summary["threshold"]) == (n, m, (m - 1) // 2)
    assert len(summary["bytes_sent"]) == len(summary["seconds"]["cpu_seconds"]) == m
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["order_id"] for row in rows] == [order.order_id for order in orders]
    assert [row["accepted_quantity"] for row in rows] == [f"{lots / 1000:.3f}" for lots in expected.accepted]


def children(process: subprocess.Popen[str], least: int) -> list[psutil.Process]:
    """Wait until the compute parties are there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = psutil.Process(process.pid).children(recursive=True)
        if len(found) >= least:
            return found
        time.sleep(0.01)
    raise AssertionError("the compute parties did not start")


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=10)[1]


@pytest.mark.parametrize("delay", [0.0, 1.5])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, delay: float) -> None:
    (tmp_path / "o.csv").write_text(text(book(40_000)))
    process = start("o.csv", "--out", "r.csv", "--json", "s.json", cwd=tmp_path)
    parties = children(process, 3)
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: everyone in the group gets it
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "mpc-market: interrupted\n")
    assert gone(parties)
    assert os.listdir(tmp_path) == ["o.csv"]


def test_a_party_that_dies_is_named(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text(text(book(40_000)))
    process = start("o.csv", "--out", "r.csv", "--json", "s.json", cwd=tmp_path)
    parties = children(process, 3)
    time.sleep(0.5)
    parties[0].kill()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.startswith("mpc-market: error: party ")
    assert len(err.splitlines()) == 1
    assert gone(parties)
    assert os.listdir(tmp_path) == ["o.csv"]
