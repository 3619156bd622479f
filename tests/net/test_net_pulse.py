"""Heartbeats and notices: what is heard, and when silence is a stall."""

import asyncio
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.errors import PeerError
from parties.net import pulse
from parties.net.pulse import Ears, beat, behind, notice
from tests.net.meeting import met, run

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 2), texts))), st.integers(1, 50))
def test_notices_are_heard_among_beats(sent: list[tuple[int, str] | None], size: int) -> None:
    heard: list[tuple[int, str]] = []
    ears = Ears(3, lambda culprit, reason: heard.append((culprit, reason)))
    data = b"".join(beat({0, 2}) if each is None else notice(*each) for each in sent)
    assert all(ears.take(data[at : at + size]) for at in range(0, len(data), size))
    assert heard == [each for each in sent if each is not None]
    assert ears.waits_for == ({0, 2} if None in sent else set())


@pytest.mark.parametrize("data", [b"\0\x08", b"\1\3", b"\2\0", b"\1\2\xc9"])
def test_what_no_party_sends_is_refused(data: bytes) -> None:
    assert Ears(3, lambda *_: None).take(beat({1}) + data) is False


def test_the_last_beat_counts() -> None:
    ears = Ears(3, lambda *_: None)
    assert ears.take(beat({1}) + beat({0}) + beat(set()) + b"\0")
    assert ears.waits_for == set()
    assert ears.take(b"\2")
    assert ears.waits_for == {1}


@pytest.mark.parametrize(
    ("waits", "found"),
    [
        ({0: set(), 1: {0}, 2: {0}}, 0),
        ({0: {1}, 1: set(), 2: set()}, 1),
        ({0: {1}, 1: {2}, 2: set()}, 2),
        ({0: {1, 2}, 1: {2}, 2: set()}, 2),
        ({0: {1}, 1: {2}}, 2),  # nothing is known of 2
        ({0: {1}, 1: {2}, 2: {0}}, None),
        ({0: {1, 2}, 1: {0}, 2: {0, 1}}, None),
    ],
)
def test_the_one_for_whom_all_wait_is_found(waits: dict[int, set[int]], found: int | None) -> None:
    assert behind(0, waits) == found


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_garbage_is_refused_or_harmless(pieces: list[bytes]) -> None:
    heard: list[tuple[int, str]] = []
    ears = Ears(3, lambda culprit, reason: heard.append((culprit, reason)))
    for piece in pieces:
        if not ears.take(piece):
            break
    assert all(culprit < 3 and len(reason) <= 200 and reason.isprintable() for culprit, reason in heard)


def test_a_reason_cannot_play_tricks_on_a_terminal() -> None:
    heard: list[str] = []
    assert Ears(3, lambda _, reason: heard.append(reason)).take(b"\1\2\5\x1b[2J\n")
    assert heard == ["?[2J?"]


def test_a_long_reason_is_cut() -> None:
    heard: list[str] = []
    assert Ears(3, lambda _, reason: heard.append(reason)).take(notice(1, "é" * 1000))
    assert heard == ["?" * 200]


def test_heavy_work_in_the_main_thread_is_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "PULSE_SECONDS", 0.05)

    async def test() -> None:
        async with met(3, stall_seconds=0.8) as networks:
            time.sleep(1.5)
            await asyncio.sleep(0.2)
            assert not any(network.failed.done() for network in networks)

    run(test)


def test_a_silent_peer_is_stalled_and_named_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "PULSE_SECONDS", 0.05)

    async def test() -> None:
        async with met(3, stall_seconds=0.5) as networks:
            monkeypatch.setattr(networks[2]._pulse, "_write", lambda _: None)
            errors = await asyncio.gather(networks[0].failed, networks[1].failed)
            for error in errors:
                assert type(error) is PeerError
                assert (error.party, error.reason) == (2, "no heartbeat for 0.5 s")

    run(test)


def test_who_does_not_compute_is_found_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 waits for 2, and 0 for 1, as in a reshare: it is 2 that stands still."""
    monkeypatch.setattr(pulse, "PULSE_SECONDS", 0.05)

    async def test() -> None:
        async with met(3) as networks:
            waiting = [asyncio.create_task(networks[i].receive(i + 1, 1, 1)) for i in (0, 1)]
            await asyncio.sleep(0.3)
            assert [network.behind() for network in networks] == [2, 2, 2]
            networks[2].send(1, 1, np.ones(1, np.uint64))
            await waiting[1]
            await asyncio.sleep(0.3)
            assert [network.behind() for network in networks] == [1, 1, 2]
            networks[1].send(0, 1, np.ones(1, np.uint64))
            await waiting[0]

    run(test)


def test_no_thread_is_left() -> None:
    before = threading.active_count()

    async def test() -> None:
        async with met(3):
            assert threading.active_count() == before + 3

    run(test)
    assert threading.active_count() == before
