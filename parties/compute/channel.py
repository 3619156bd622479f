"""Messages between a party's process and its coordinator: a JSON header and raw bytes behind it.

    length of the header (uint32, little-endian) ‖ header (JSON object, ASCII) ‖ raw bytes that the header
    announces

Raw bytes are written from and read into buffers that the caller owns: nothing is copied, nothing decoded.
"""

import asyncio
import contextlib
import json
import socket
from typing import Any

from mpc_market.errors import ProtocolError

HEADER_MAX = 2**16

Header = dict[str, Any]


class ChannelClosedError(ProtocolError):
    """The other end of the channel is gone."""


class Channel:
    """One end of a connected stream socket; used by one event loop."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._writing = asyncio.Lock()

    async def send(self, header: Header, *parts: memoryview | bytes) -> None:
        """Send one message, after those whose sending has begun.

        Raises: ChannelClosedError.
        """
        text = json.dumps(header).encode("ascii")
        async with self._writing:
            await self._send_all(len(text).to_bytes(4, "little") + text)
            for part in parts:
                await self._send_all(part)

    async def send_raw(self, *parts: memoryview | bytes) -> None:
        """Send raw bytes that an earlier header has announced.

        Raises: ChannelClosedError.
        """
        async with self._writing:
            for part in parts:
                await self._send_all(part)

    async def receive(self) -> Header:
        """Wait for a header; the caller reads the raw bytes behind it.

        Raises: ChannelClosedError; ProtocolError if it is no header.
        """
        length = int.from_bytes(await self.read(4), "little")
        if length > HEADER_MAX:
            raise ProtocolError(f"a message header of {length} bytes: at most {HEADER_MAX} are allowed")
        try:
            header = json.loads(await self.read(length))
        except (ValueError, RecursionError):
            raise ProtocolError("a message header that is not JSON") from None
        if not isinstance(header, dict):
            raise ProtocolError("a message header that is not a JSON object")
        return header

    async def read(self, length: int) -> bytes:
        """Wait for exactly `length` bytes.

        Raises: ChannelClosedError; ProtocolError if there is no room for them.
        """
        try:
            buffer = bytearray(length)
        except (MemoryError, OverflowError):
            raise ProtocolError(f"malformed message: it announces {length} bytes, more than can be held") from None
        await self.read_into(memoryview(buffer))
        return bytes(buffer)

    async def read_into(self, view: memoryview) -> None:
        """Wait until `view`, of bytes, is filled.

        Raises: ChannelClosedError.
        """
        loop = asyncio.get_running_loop()
        while view:
            try:
                count = await loop.sock_recv_into(self._socket, view)
            except OSError:
                count = 0
            if count == 0:
                raise ChannelClosedError("the channel is closed")
            view = view[count:]

    def hang_up(self) -> None:
        """End the conversation: the other end sees it closed, whoever reads or writes at this one gets an error."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close this end, where nobody reads or writes any more."""
        self._socket.close()

    async def _send_all(self, data: memoryview | bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except OSError:
            raise ChannelClosedError("the channel is closed") from None
