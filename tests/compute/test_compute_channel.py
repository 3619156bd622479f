"""The channel between a party's process and its coordinator."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from mpc_market.errors import ProtocolError
from parties.compute.channel import HEADER_MAX, Channel, ChannelClosedError
from parties.compute.process import new_event_loop
from parties.compute.raw import raw


def run(test: Callable[[Channel, socket.socket], Awaitable[None]]) -> None:
    async def both() -> None:
        ours, theirs = socket.socketpair()
        try:
            await asyncio.wait_for(test(Channel(ours), theirs), 10)
        finally:
            ours.close()
            theirs.close()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(both())


def test_headers_and_arrays_arrive() -> None:
    array = np.arange(1_000_000, dtype=np.uint64)

    async def test(channel: Channel, theirs: socket.socket) -> None:
        other = Channel(theirs)
        sending = asyncio.gather(
            channel.send({"kind": "round", "orders": 3}, raw(array), b"ids"), channel.send({"kind": "next"})
        )
        assert await other.receive() == {"kind": "round", "orders": 3}
        got = np.empty_like(array)
        await other.read_into(raw(got))
        assert np.array_equal(got, array)
        assert await other.read(3) == b"ids"
        assert await other.receive() == {"kind": "next"}
        await sending

    run(test)


def test_an_empty_array_is_no_bytes() -> None:
    assert raw(np.empty((3, 0), np.uint64)).nbytes == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((HEADER_MAX + 1).to_bytes(4, "little"), "at most 65536 are allowed"),
        (b"\5\0\0\0hello", "not JSON"),
        (b"\2\0\0\0[]", "not a JSON object"),
        (b"\3\0\0\0\xff\xfe\xfd", "not JSON"),
    ],
)
def test_what_is_no_header_is_refused(data: bytes, message: str) -> None:
    async def test(channel: Channel, theirs: socket.socket) -> None:
        theirs.sendall(data)
        with pytest.raises(ProtocolError, match=message):
            await channel.receive()

    run(test)


@pytest.mark.parametrize("data", [b"", b"\5\0", b"\5\0\0\0he"])
def test_the_end_of_the_other_side_is_noticed(data: bytes) -> None:
    async def test(channel: Channel, theirs: socket.socket) -> None:
        theirs.sendall(data)
        theirs.close()
        with pytest.raises(ChannelClosedError):
            await channel.receive()
        with pytest.raises(ChannelClosedError):
            await channel.send({"kind": "anyone?"}, bytes(2**20))

    run(test)
