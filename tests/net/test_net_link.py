"""Frames on a link, without sockets: however the bytes are cut up, the same messages come out."""

import asyncio
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import PeerError
from parties.net.link import HEADER, Link

WORDS_MAX = 40_000


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.parts: list[bytes | memoryview] = []
        self.aborted = False
        self.reading = True

    def write(self, data: bytes | memoryview) -> None:
        self.parts.append(data)

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True


class Box:
    """A mailbox that takes anything of a possible size."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, np.ndarray]] = []
        self.refused: PeerError | None = None
        self.hold = -1

    def announce(self, label: int, words: int) -> bool:
        if not 0 < words <= WORDS_MAX:
            raise PeerError(1, "size")
        return label != self.hold

    def deliver(self, label: int, vector: np.ndarray) -> None:
        assert vector.dtype == np.uint64
        self.messages.append((label, vector))

    def refuse(self, error: PeerError) -> None:
        self.refused = error

    def ended(self) -> None: ...

    def paused(self, full: bool) -> None: ...


@pytest.fixture(autouse=True)
def _loop() -> Any:
    async def hold() -> None: ...

    with asyncio.Runner() as runner:
        runner.run(hold())
        asyncio.events._set_running_loop(runner.get_loop())
        yield
        asyncio.events._set_running_loop(None)


def link() -> tuple[Link, Wire, Box]:
    wire, box = Wire(), Box()
    return Link(wire, box), wire, box  # type: ignore[arg-type]


def feed(target: Link, wire: Wire, data: bytes, sizes: list[int]) -> None:
    """Hand over bytes as a transport does, in pieces of the given sizes as far as the buffer takes them."""
    at = 0
    while at < len(data) and not wire.aborted and wire.reading:
        buffer = target.get_buffer(-1)
        assert len(buffer) > 0
        size = min(len(buffer), len(data) - at, sizes[at % len(sizes)])
        buffer[:size] = data[at : at + size]
        target.buffer_updated(size)
        at += size


def stream(messages: list[tuple[int, np.ndarray]]) -> bytes:
    sender, wire, _ = link()
    for label, vector in messages:
        sender.write(label, vector)
    return b"".join(bytes(part) for part in wire.parts)


sizes = st.lists(st.integers(1, 200_000), min_size=1, max_size=5)
vectors = st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(1, 12_000)), max_size=6)


@given(vectors, sizes)
@settings(max_examples=30, deadline=None)
def test_messages_survive_any_cutting_up(shapes: list[tuple[int, int]], pieces: list[int]) -> None:
    messages = [(label, np.arange(size, dtype=np.uint64) * np.uint64(label | 1)) for label, size in shapes]
    receiver, wire, box = link()
    feed(receiver, wire, stream(messages), pieces)
    assert box.refused is None
    assert [label for label, _ in box.messages] == [label for label, _ in messages]
    for (_, got), (_, sent) in zip(box.messages, messages, strict=True):
        assert np.array_equal(got, sent)


@given(st.binary(min_size=HEADER.size, max_size=300), sizes)
@settings(max_examples=100, deadline=None)
def test_garbage_parses_or_is_refused_and_nothing_else(data: bytes, pieces: list[int]) -> None:
    receiver, wire, box = link()
    feed(receiver, wire, data, pieces)
    assert wire.aborted == (box.refused is not None)


def test_a_pickle_is_just_bytes() -> None:
    receiver, wire, box = link()
    feed(receiver, wire, pickle.dumps(list(range(100))), [7])
    assert box.refused is not None


def test_a_large_message_is_written_without_a_copy() -> None:
    sender, wire, _ = link()
    vector = np.arange(WORDS_MAX, dtype=np.uint64)
    assert sender.write(1, vector) == HEADER.size + vector.nbytes
    payload = wire.parts[1]
    assert np.shares_memory(np.frombuffer(payload, np.uint64), vector)


def test_a_large_message_is_read_into_the_array_that_is_delivered() -> None:
    receiver, wire, box = link()
    data = stream([(1, np.arange(WORDS_MAX, dtype=np.uint64))])
    feed(receiver, wire, data[:1000], [1000])
    buffer = np.frombuffer(receiver.get_buffer(-1), np.uint8)
    assert buffer.size == len(data) - 1000
    feed(receiver, wire, data[1000:], [2**20])
    assert np.shares_memory(box.messages[0][1], buffer)


def test_a_held_message_stops_the_reading_and_comes_later() -> None:
    receiver, wire, box = link()
    box.hold = 2
    vector = np.arange(5, dtype=np.uint64)
    feed(receiver, wire, stream([(1, vector), (2, vector), (3, vector)]), [2**20])
    assert [label for label, _ in box.messages] == [1]
    assert not wire.reading
    box.hold = -1
    receiver.go_on()
    assert wire.reading
    assert [label for label, _ in box.messages] == [1, 2, 3]


def test_a_strided_vector_is_written_in_its_order() -> None:
    receiver, wire, box = link()
    vector = np.arange(20, dtype=np.uint64)[::2]
    feed(receiver, wire, stream([(1, vector)]), [2**20])
    assert np.array_equal(box.messages[0][1], vector)
