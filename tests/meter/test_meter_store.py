"""The store: a number is never used for two headers, not even if the power fails (parties.meter.store)."""

import os
import signal
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.wire.message import split_signed
from mpc_market.wire.opening import Opening, terms_of
from mpc_market.wire.submission import Submission
from parties.files.market import MarketFile
from parties.files.running import RunningMarket, Service
from parties.meter.errors import StoreError
from parties.meter.market import Market, Meter
from parties.meter.registers import Boundary, Registers
from parties.meter.results import State
from parties.meter.store import Finding, Store
from parties.meter.submitting import prepare
from tests.meter.small_market import BUY, SELL, START

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def terms(small):
    return small.parties.round_of(START).terms


def made(small, meter, terms, wish, **more):
    return prepare(meter, small.parties.market, terms, [wish], small.clock.now_ms(), **more)


def test_what_was_made_is_given_again(small, terms):
    meter = small.meter()
    first = made(small, meter, terms, BUY)
    assert made(small, meter, terms, SELL) == first
    assert Store(meter.home.store, meter.id).latest(START) == first
    assert Submission.decode(first.submission.encode()) == first.submission
    assert meter.store.latest(START + 900) is None


def test_numbers_go_up_one_by_one_in_every_period(small, terms):
    meter = small.meter()
    later = small.parties.round_of(START + 900).terms
    numbers = [made(small, meter, terms, BUY, replace=True).number for _ in range(3)]
    assert [*numbers, made(small, meter, later, BUY).number] == [1, 2, 3, 1]
    assert meter.store.unfinished(START) == [START, START + 900]
    assert meter.store.unfinished(START + 1) == [START + 900]


def test_the_digests_of_the_header_open_with_what_is_kept(small, terms):
    """An arbiter gets nonce and words from the meter, and the header from a party."""

    prepared = made(small, small.meter(), terms, BUY)
    assert tuple(share.digest for share in prepared.shares) == prepared.submission.header.share_digests


KILLED = """
import os, signal, sys
from pathlib import Path
from parties.meter.home import open_home
from tests.meter.test_meter_store import prepare_here
meter_home = open_home(Path(sys.argv[1]))
prepared = prepare_here(meter_home, Path(sys.argv[2]))
print(prepared.number, prepared.submission.header.digest.hex(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def prepare_here(home, openings: Path):
    """Run in a process of its own: make a new submission under the terms in a file."""

    messages = [split_signed(Opening, bytes.fromhex(line)).message for line in openings.read_text().split()]
    market = Market(RunningMarket(MarketFile(id="m1", period=timedelta(minutes=15)), Service(), bytes(32), ()))
    meter = Meter(home, Store(home.store, home.meter), 17_250)
    return prepare(meter, market, terms_of(dict(enumerate(messages)), 3), [BUY], 0, replace=True)


def test_nothing_that_was_shown_is_lost_when_the_process_is_killed(small, terms, tmp_path):
    """Each process makes a submission, shows its header to the world, and is killed at once."""
    meter = small.meter()
    openings = tmp_path / "openings"
    openings.write_text("\n".join(signed.encode().hex() for signed in small.parties.rounds[START].openings))
    shown = []
    for _ in range(3):
        command = [sys.executable, "-c", KILLED, str(meter.home.path), str(openings)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        number, digest = done.stdout.split()
        shown.append((int(number), digest))
    assert [number for number, _ in shown] == [1, 2, 3]
    for number, digest in shown:
        assert meter.store.submission(START, number).submission.header.digest.hex() == digest


def test_a_submission_that_cannot_be_stored_is_not_made_known(small, terms, monkeypatch):
    """The disk is full at the commit: the caller gets an error, never a submission."""
    meter = small.meter()
    made(small, meter, terms, BUY)
    full = f"file:{meter.home.store}?mode=ro"
    monkeypatch.setattr(sqlite3, "connect", lambda path, real=sqlite3.connect, **more: real(full, uri=True, **more))
    with pytest.raises(StoreError, match="readonly"):
        made(small, meter, terms, SELL, replace=True)


def test_a_store_of_another_version_is_refused(small):
    meter = small.meter()
    meter.store.history(1)
    with sqlite3.connect(meter.home.store) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="version 99"):
        meter.store.history(1)


def test_a_file_that_is_no_store_is_refused(small):
    meter = small.meter()
    meter.home.store.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"meter\.db"):
        meter.store.history(1)


def test_nobody_else_can_read_it(small, terms):
    meter = small.meter()
    old = os.umask(0)
    try:
        made(small, meter, terms, BUY)
    finally:
        os.umask(old)
    assert meter.home.store.stat().st_mode & 0o777 == 0o600


def finding(state: State, *, final: bool, accepted=(5,)) -> Finding:
    return Finding(START, state.value, 2000, 1, 0, accepted, "", b"{}", final)


def test_a_final_result_stays(small, terms):
    meter = small.meter()
    made(small, meter, terms, BUY)
    meter.store.put_finding(finding(State.UNVERIFIED, final=False))
    assert meter.store.unfinished(START) == [START]
    meter.store.put_finding(finding(State.VERIFIED, final=True))
    meter.store.put_finding(finding(State.DISPUTED, final=False, accepted=None))
    assert meter.store.unfinished(START) == []
    assert [(entry.state, entry.accepted) for entry in meter.store.history(1)] == [("verified", (5,))]


def test_what_is_old_is_erased_and_the_history_stays(small, terms):
    meter = small.meter()
    prepared = made(small, meter, terms, BUY)
    meter.store.put_receipts(START, 1, {0: b"receipt"})
    meter.store.put_finding(finding(State.VERIFIED, final=True))
    meter.store.forget(START)
    assert meter.store.latest(START) == prepared
    meter.store.forget(START + 1)
    assert meter.store.latest(START) is None
    assert meter.store.receipts(START, 1) == {}
    entry = meter.store.history(1)[0]
    assert (entry.state, entry.accepted, entry.orders) == ("verified", (5,), prepared.orders)
    content = meter.home.store.read_bytes()
    assert prepared.secrets[:32] not in content
    assert prepared.submission.signature not in content


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10**12), st.booleans()), max_size=30))
def test_registers_come_back_as_they_were_put(tmp_path_factory, rows):
    store = Store(tmp_path_factory.mktemp("store") / "meter.db", "m")
    boundaries = [Boundary(Registers(900 * at, "d", value, 2 * value), unbroken) for at, value, unbroken in rows]
    first = {boundary.at: boundary for boundary in reversed(boundaries)}
    assert store.put_boundaries(boundaries) == len(first)
    assert store.put_boundaries(boundaries) == 0
    assert store.boundaries(0) == [first[at] for at in sorted(first)]
    assert store.boundaries(901) == [first[at] for at in sorted(first) if at > 900]


def test_nothing_secret_is_shown(small, terms):
    prepared = made(small, small.meter(), terms, BUY)
    shown = repr(prepared) + repr(finding(State.VERIFIED, final=True, accepted=(1234,)))
    assert "1500" not in shown
    assert "1234" not in shown
    assert prepared.secrets[:8].hex() not in shown
