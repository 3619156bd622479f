"""The clearing vectors, and the script that computes their expectations."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mpc_market.rules.clearing import clear
from tests.vectors.regenerate import CLEARING, read_book

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "vectors" / "clearing.json"
CASES = json.loads(CLEARING.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_vector(case):
    orders, market, seed = read_book(case)
    clearing = clear(orders, market, seed)
    accepted = dict(zip((order.order_id for order in orders), clearing.accepted, strict=True))
    assert (clearing.price, accepted) == (case["price"], case["accepted"])


def regenerate(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    script = CLEARING.with_name("regenerate.py")
    subprocess.run([sys.executable, str(script), str(path)], check=True, env=environment, timeout=60)


def test_regenerating_reproduces_the_file_byte_for_byte(tmp_path):
    spoilt = [{**case, "price": -1, "accepted": dict.fromkeys(case["accepted"], -1)} for case in CASES]
    copy = tmp_path / "clearing.json"
    copy.write_text(json.dumps(spoilt), encoding="utf-8")
    regenerate(copy)
    assert copy.read_bytes() == CLEARING.read_bytes()


def test_a_new_book_gets_its_expectations(tmp_path):
    """An appended case needs no expectations of its own."""
    book = {key: value for key, value in CASES[0].items() if key not in ("price", "accepted")}
    copy = tmp_path / "clearing.json"
    copy.write_text(json.dumps([book]), encoding="utf-8")
    regenerate(copy)
    assert json.loads(copy.read_text(encoding="utf-8")) == CASES[:1]


@pytest.mark.skipif(not SHARED.exists(), reason="no ../shared beside the repository")
def test_the_copy_equals_the_shared_vectors():
    assert CLEARING.read_bytes() == SHARED.read_bytes()
