"""Heartbeats and notices: what is heard, and when silence is a stall."""

import asyncio
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meeting import met, run

from mpc_market.errors import PeerError
from parties.net import pulse
from parties.net.pulse import Ears, notice

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 2), texts))), st.integers(1, 50))
def test_notices_are_heard_among_beats(sent: list[tuple[int, str] | None], size: int) -> None:
    heard: list[tuple[int, str]] = []
    ears = Ears(3, lambda culprit, reason: heard.append((culprit, reason)))
    data = b"".join(b"\0" if each is None else notice(*each) for each in sent)
    assert all(ears.take(data[at : at + size]) for at in range(0, len(data), size))
    assert heard == [each for each in sent if each is not None]


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


def test_no_thread_is_left() -> None:
    before = threading.active_count()

    async def test() -> None:
        async with met(3):
            assert threading.active_count() == before + 3

    run(test)
    assert threading.active_count() == before
