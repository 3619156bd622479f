"""Heartbeats, in a thread of their own, so that heavy work in the main thread is no stall.

Over a second connection with every peer: one byte 0 every `PULSE_SECONDS`. A party that gives up says so
here:

    1 ‖ number of the party it blames (1) ‖ length (1) ‖ reason (ASCII)

A peer from which nothing has come for `stall_seconds` is stalled. The silence is counted in this thread's
own wakeful time, a little at every beat, so that a party that was itself suspended does not blame the
others when it wakes.
"""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable

from parties.net.door import Door, call
from parties.net.hello import Claim, Kind
from parties.net.peering import Peering
from parties.net.watch import Watch

PULSE_SECONDS = 0.5
REASON_BYTES = 200
_BEAT, _NOTICE = b"\x00", 1
_NOTICE_HEAD = 3
_CLOSING_STEPS = 20


def notice(culprit: int, reason: str) -> bytes:
    """The frame of a party that gives up."""
    text = reason.encode("ascii", "replace")[:REASON_BYTES]
    return bytes([_NOTICE, culprit, len(text)]) + text


def printable(text: bytes) -> str:
    """Text from a peer, with nothing in it that could play tricks on a terminal or a log."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "?" for byte in text)


class Ears:
    """Takes heartbeats and notices out of what a peer sends. No I/O.

    `heard`: called with (culprit, reason) for a notice.
    """

    def __init__(self, parties: int, heard: Callable[[int, str], None]) -> None:
        self._parties = parties
        self._heard = heard
        self._unread = b""

    def take(self, data: bytes) -> bool:
        """Take what has come in; False if no honest peer sends it."""
        unread = (self._unread + data).lstrip(_BEAT)
        while len(unread) >= _NOTICE_HEAD:
            kind, culprit, length = unread[:_NOTICE_HEAD]
            end = _NOTICE_HEAD + length
            if kind != _NOTICE or culprit >= self._parties or length > REASON_BYTES:
                return False
            if len(unread) < end:
                break
            self._heard(culprit, printable(unread[_NOTICE_HEAD:end]))
            unread = unread[end:].lstrip(_BEAT)
        self._unread = unread
        return True


class _Heart(asyncio.BufferedProtocol):
    """The heartbeat connection with one peer."""

    def __init__(self, pulse: "Pulse", peer: int, transport: asyncio.Transport) -> None:
        self._pulse = pulse
        self._peer = peer
        self._ears = Ears(pulse.peering.parties, self._heard)
        self._buffer = bytearray(4096)
        self.transport = transport
        self.silence = 0.0

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.silence = 0.0
        if not self._ears.take(bytes(self._buffer[:nbytes])):
            self._pulse.report(self._pulse.watch.lost, self._peer, "malformed heartbeat")
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._pulse.report(self._pulse.watch.ended, self._peer)
        self._pulse.hearts.pop(self._peer, None)

    def _heard(self, culprit: int, reason: str) -> None:
        self._pulse.report(self._pulse.watch.told, self._peer, culprit, reason)


class Pulse:
    """The heartbeats of one party: a thread, and its connections with every peer."""

    def __init__(self, peering: Peering, watch: Watch) -> None:
        self.peering = peering
        self.watch = watch
        self.hearts: dict[int, _Heart] = {}
        self._main = asyncio.get_running_loop()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._here = asyncio.Semaphore(0)
        self._finished: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    async def start(self) -> None:
        """Start the thread and wait until every peer is connected; the caller sets the time limit."""
        self._thread.start()
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._connect(), self._loop))

    def tell(self, culprit: int, reason: str) -> None:
        """Tell every peer that this party gives up, and whom it blames."""
        frame = notice(culprit, reason)
        # The thread has ended, and its loop is closed, only after `close`.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._write, frame)

    async def close(self) -> None:
        """End the thread and its connections."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        await asyncio.wrap_future(self._finished)
        self._thread.join()

    def report(self, event: Callable[..., None], *details: object) -> None:
        """Have a method of the watch called in the main thread."""
        with contextlib.suppress(RuntimeError):  # the main loop is closed: nobody is left to care
            self._main.call_soon_threadsafe(event, *details)

    # What runs in the thread

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._beat())
        finally:
            self._finished.set_result(None)

    async def _beat(self) -> None:
        while not self._stop.is_set():
            self._write(_BEAT)
            for peer, heart in list(self.hearts.items()):
                if heart.silence >= self.peering.stall_seconds:
                    self.report(self.watch.lost, peer, f"no heartbeat for {self.peering.stall_seconds:g} s")
                heart.silence += PULSE_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), PULSE_SECONDS)
        for heart in list(self.hearts.values()):
            heart.transport.close()
        for _ in range(_CLOSING_STEPS):
            if self.hearts:
                await asyncio.sleep(0.01)

    async def _connect(self) -> None:
        peering = self.peering
        door = Door(Kind.PULSE, peering.party, peering.tokens_of_callers, self._admit)
        try:
            await door.open(peering.doors.pulse, peering.tls_server)
            await asyncio.gather(*(self._call(peer) for peer in peering.called))
            for _ in range(peering.parties - 1):
                await self._here.acquire()
        finally:
            door.close()

    async def _call(self, peer: int) -> None:
        peering = self.peering
        where = peering.addresses[peer].host, peering.addresses[peer].pulse_port
        claim = Claim(Kind.PULSE, peering.party, peer)
        await call(claim, peering.tokens[peer], where, self._admit, peering.tls_client)

    def _admit(self, peer: int, transport: asyncio.Transport) -> None:
        self.hearts[peer] = _Heart(self, peer, transport)
        transport.set_protocol(self.hearts[peer])
        self._here.release()

    def _write(self, frame: bytes) -> None:
        for heart in self.hearts.values():
            heart.transport.write(frame)
