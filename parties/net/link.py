"""Frames on a proved data connection: read into arrays sized once, written without being copied.

    label (int64) ‖ number of words (uint32) ‖ words (uint64 each)        all little-endian

This is MPyC's header, with the size counted in words, so that a message may hold 32 GiB. Small messages are
read many at a time into one scratch buffer and copied out of it; of a large one only what happens to be in
the scratch buffer is copied, the rest is read straight into its array. Bytes become numbers and nothing
else: there is no decoder to attack.
"""

import asyncio
import struct
from typing import Protocol

import numpy as np

from mpc_market.errors import PeerError
from mpc_market.network import Vector

HEADER = struct.Struct("<qI")
_SCRATCH_BYTES = 2**16
_JOIN_BYTES = 2**14
_CHUNK_BYTES = 2**30
_WORD = np.dtype("<u8")


class Mailbox(Protocol):
    """Where a link delivers: one peer's messages, and what becomes of the connection."""

    def announce(self, label: int, words: int) -> bool:
        """A header has arrived. False: not to be read any further until the link is told to `go_on`.

        Raises: PeerError if no honest peer sends it.
        """

    def deliver(self, label: int, vector: Vector) -> None:
        """A whole message has arrived."""

    def refuse(self, error: PeerError) -> None:
        """The peer sent what no honest peer sends."""

    def ended(self) -> None:
        """The connection is gone."""

    def paused(self, full: bool) -> None:
        """The send buffer is full, or no longer."""


class Link(asyncio.BufferedProtocol):
    """One end of the data connection with one peer."""

    def __init__(self, transport: asyncio.Transport, mailbox: Mailbox) -> None:
        self._transport = transport
        self._mailbox = mailbox
        self._scratch = bytearray(_SCRATCH_BYTES)
        self._view = memoryview(self._scratch)
        self._begin = self._end = 0  # the unread part of the scratch buffer
        self._label = 0
        self._vector: Vector | None = None  # the message whose rest is read straight into it
        self._rest = self._view[:0]
        self._held = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # Reading

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._view[self._end :] if self._vector is None else self._rest

    def buffer_updated(self, nbytes: int) -> None:
        if self._vector is None:
            self._end += nbytes
            self.go_on()
            return
        self._rest = self._rest[nbytes:]
        if not self._rest:
            vector, self._vector = self._vector, None
            self._deliver(self._label, vector)

    def go_on(self) -> None:
        """Take messages out of the scratch buffer, and read on unless the mailbox holds one back."""
        try:
            held = not self._take_messages()
        except PeerError as error:
            self._mailbox.refuse(error)
            self._transport.abort()
            return
        if held and not self._held:
            self._transport.pause_reading()
        elif self._held and not held:
            self._transport.resume_reading()
        self._held = held

    def _take_messages(self) -> bool:
        while self._vector is None and self._end - self._begin >= HEADER.size:
            label, words = HEADER.unpack_from(self._scratch, self._begin)
            if not self._mailbox.announce(label, words):
                return False
            self._begin += HEADER.size
            self._take_payload(label, words)
        # Less than a header is left: move it to the front, so that the buffer always has room.
        rest = self._end - self._begin
        self._scratch[:rest] = self._scratch[self._begin : self._end]
        self._begin, self._end = 0, rest
        return True

    def _take_payload(self, label: int, words: int) -> None:
        vector = np.empty(words, _WORD)
        target = vector.data.cast("B")
        here = min(self._end - self._begin, len(target))
        target[:here] = self._view[self._begin : self._begin + here]
        self._begin += here
        if here == len(target):
            self._deliver(label, vector)
        else:
            self._label, self._vector, self._rest = label, vector, target[here:]

    def _deliver(self, label: int, vector: Vector) -> None:
        self._mailbox.deliver(label, vector.astype(np.uint64, copy=False))

    # Writing

    def write(self, label: int, words: Vector) -> int:
        """Queue one message, without copying it if it is large; returns the number of bytes.

        A connection that is gone swallows it: what became of the peer is told by `Mailbox.ended`.
        """
        payload = np.ascontiguousarray(words, _WORD).data.cast("B")
        header = HEADER.pack(label, words.size)
        if self.closed.done():
            return 0
        if len(payload) <= _JOIN_BYTES:
            self._transport.write(header + payload)
        else:
            self._transport.write(header)
            for start in range(0, len(payload), _CHUNK_BYTES):
                self._transport.write(payload[start : start + _CHUNK_BYTES])
        return len(header) + len(payload)

    def pause_writing(self) -> None:
        self._mailbox.paused(True)

    def resume_writing(self) -> None:
        self._mailbox.paused(False)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._mailbox.ended()
        if not self.closed.done():
            self.closed.set_result(None)

    def close(self) -> None:
        """Close the connection; what is queued is sent first."""
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()
