"""Three hosts as network namespaces, meters on a fourth: slow, lossy and cut lines. Longer, and worse, in the soak."""

import socket
import subprocess
import time

import pytest

from soak.hosts import Hosts, why_not
from soak.part import Play
from soak.parts.lines import BAD, GOOD, METERS_HOST, Region, Weather
from soak.switch import Line, Switch

needs_hosts = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")

A, B, C = (bytes([2, 0, 0, 0, 0, number]) for number in range(3))


def frame(to: bytes, source: bytes, size: int = 1500) -> bytes:
    return (to + source).ljust(size, b"x")


# --- the switch -------------------------------------------------------------------------------------------


def test_a_frame_arrives_after_those_before_it_and_the_delay():
    switch = Switch(2)
    switch.tell({"delay_ms": 10, "mbit_per_s": 12})
    for _ in range(3):  # a millisecond each on the line
        switch.take(0, frame(B, A), 0.0)
    assert [len(switch.due(now)) for now in (0.0109, 0.0111, 0.0121, 0.0131)] == [0, 1, 1, 1]
    assert switch.wait(0.02) is None


def test_frames_go_to_whom_they_are_for_once_that_is_known():
    switch = Switch(3)
    switch.take(0, frame(B, A), 0.0)
    assert {port for port, _ in switch.due(0.0)} == {1, 2}
    switch.take(1, frame(A, B), 0.0)
    assert [port for port, _ in switch.due(0.0)] == [0]


def test_a_full_queue_and_a_lossy_line_lose_frames():
    switch = Switch(2, seed=1)
    switch.tell({"mbit_per_s": 1})
    for _ in range(100):
        switch.take(0, frame(B, A), 0.0)
    assert 80 < switch.lost < 100
    switch = Switch(2, seed=1)
    switch.tell({"loss": 0.5})
    for _ in range(1000):
        switch.take(0, frame(B, A), 0.0)
    assert 400 < switch.lost < 600


def test_nothing_passes_a_cut():
    switch = Switch(3)
    for source, to in ((0, A), (1, B), (2, C)):
        switch.take(source, frame(to, to), 0.0)
    switch.due(0.0)
    switch.tell({"cut": [2]})
    for source, own, to in ((0, A, C), (2, C, A), (0, A, B)):
        switch.take(source, frame(to, own), 0.0)
    assert [port for port, _ in switch.due(0.0)] == [1]
    switch.tell({"cut": []})
    switch.take(2, frame(A, C), 0.0)
    assert [port for port, _ in switch.due(0.0)] == [0]


# --- hosts ------------------------------------------------------------------------------------------------


@needs_hosts
def test_hosts_are_far_apart_and_gone_afterwards():
    with pytest.raises(RuntimeError), Hosts(2) as hosts:  # noqa: PT012
        hosts.shape(Line(delay_ms=20))
        with hosts.inside(0):
            door = socket.create_server((hosts.addresses[0], 5000))
        with hosts.inside(1):
            caller = socket.create_connection((hosts.addresses[0], 5000))
        with door, caller, door.accept()[0] as taken:
            began = time.monotonic()
            caller.send(b"x")
            taken.recv(1)
            assert time.monotonic() - began >= 0.02
            hosts.cut(1)
            taken.settimeout(0.3)
            caller.send(b"x")
            with pytest.raises(TimeoutError):
                taken.recv(1)
            hosts.cut()
            taken.settimeout(60)
            assert taken.recv(1) == b"x"
        raise RuntimeError("whatever happens")
    names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert hosts.name(0) not in names
    assert hosts.name("net") not in names


@needs_hosts
def test_rounds_over_slow_lossy_and_cut_lines(tmp_path):
    """One party is cut off while they compute, and one until the deadline has passed."""
    weathers = [
        Weather(GOOD),
        Weather(BAD),
        Weather(GOOD, cut=(2,), seconds=6.0),
        Weather(GOOD, cut=(1,), seconds=None),
    ]
    with Hosts(METERS_HOST + 1) as hosts:
        found = Region(Play(tmp_path, "lines", 1e9), tmp_path / "market", hosts).run(weathers)
        frames = hosts.frames()
    assert found.wrong == []
    assert list(found.rounds.values()) == ["result", "result", "result", "void"]
    assert found.acknowledged == 16
    assert hosts.netem or (frames["passed"] > 1000 and frames["lost"] > 10)
