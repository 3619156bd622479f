"""Heartbeats, in a thread of their own, so that heavy work in the main thread is no stall.

Over a second connection with every peer, every `PULSE_SECONDS`, a beat:

    0 ‖ the peers whose messages this party waits for: bit i for party i (1)

A party that gives up says so here:

    1 ‖ number of the party it blames (1) ‖ length (1) ‖ reason (ASCII)

From the beats each party knows who waits for whom. When the computation stands still although all are alive, that tells
which of them it stands still for (`behind`).

A peer from which nothing has come for `stall_seconds` is stalled. The silence is counted in this thread's
own wakeful time, a little at every beat, so that a party that was itself suspended does not blame the
others when it wakes.
"""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Mapping, Set

from parties.net.door import Door, call
from parties.net.hello import Claim, Kind
from parties.net.peering import Peering
from parties.net.watch import Watch

PULSE_SECONDS = 0.5
REASON_BYTES = 200
_BEAT, _NOTICE = 0, 1
_BEAT_BYTES, _NOTICE_HEAD = 2, 3
_CLOSING_STEPS = 20


def beat(waits_for: Set[int]) -> bytes:
    """The frame of a party that is alive."""
    return bytes([_BEAT, sum(1 << peer for peer in waits_for)])


def notice(culprit: int, reason: str) -> bytes:
    """The frame of a party that gives up."""
    text = reason.encode("ascii", "replace")[:REASON_BYTES]
    return bytes([_NOTICE, culprit, len(text)]) + text


def behind(party: int, waits: Mapping[int, Set[int]]) -> int | None:
    """The party for which `party` waits in the end: that one waits for nobody. None if all wait in a circle."""
    seen: set[int] = set()
    ahead = [party]
    while ahead:
        each = ahead.pop()
        if not waits.get(each):
            return each
        seen.add(each)
        ahead.extend(sorted(waits[each] - seen, reverse=True))
    return None


def printable(text: bytes) -> str:
    """Text from a peer, with nothing in it that could play tricks on a terminal or a log."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "?" for byte in text)


class Ears:
    """Takes heartbeats and notices out of what a peer sends. No I/O.

    `heard`: called with (culprit, reason) for a notice. `waits_for`: what the last beat said.
    """

    def __init__(self, parties: int, heard: Callable[[int, str], None]) -> None:
        self._parties = parties
        self._heard = heard
        self._unread = b""
        self.waits_for: Set[int] = frozenset()

    def take(self, data: bytes) -> bool:
        """Take what has come in; False if no honest peer sends it."""
        unread = self._unread + data
        while len(unread) >= _BEAT_BYTES:
            end = self._frame_end(unread)
            if end is None:
                return False
            if len(unread) < end:
                break
            if unread[0] == _BEAT:
                self.waits_for = frozenset(peer for peer in range(self._parties) if unread[1] >> peer & 1)
            else:
                self._heard(unread[1], printable(unread[_NOTICE_HEAD:end]))
            unread = unread[end:]
        self._unread = unread
        return True

    def _frame_end(self, unread: bytes) -> int | None:
        """Where the first frame ends, as far as can be told; None if it is none."""
        kind, value = unread[:_BEAT_BYTES]
        if kind == _BEAT and value < 1 << self._parties:
            return _BEAT_BYTES
        if kind != _NOTICE or value >= self._parties:
            return None
        length = unread[_NOTICE_HEAD - 1] if len(unread) >= _NOTICE_HEAD else 0
        return _NOTICE_HEAD + length if length <= REASON_BYTES else None


class _Heart(asyncio.BufferedProtocol):
    """The heartbeat connection with one peer."""

    def __init__(self, pulse: "Pulse", peer: int, transport: asyncio.Transport) -> None:
        self._pulse = pulse
        self._peer = peer
        self.ears = Ears(pulse.peering.parties, self._heard)
        self._buffer = bytearray(4096)
        self.transport = transport
        self.silence = 0.0

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.silence = 0.0
        if not self.ears.take(bytes(self._buffer[:nbytes])):
            self._pulse.report(self._pulse.watch.lost, self._peer, "malformed heartbeat")
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._pulse.report(self._pulse.watch.ended, self._peer)
        self._pulse.hearts.pop(self._peer, None)

    def _heard(self, culprit: int, reason: str) -> None:
        self._pulse.report(self._pulse.watch.told, self._peer, culprit, reason)


class Pulse:
    """The heartbeats of one party: a thread, and its connections with every peer.

    `waits_for`: tells which peers this party waits for; called in the thread.
    """

    def __init__(self, peering: Peering, watch: Watch, waits_for: Callable[[], Set[int]]) -> None:
        self.peering = peering
        self.watch = watch
        self._waits_for = waits_for
        self.hearts: dict[int, _Heart] = {}
        self.met: set[int] = set()
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

    def behind(self) -> int | None:
        """The party that all wait for in the end, as far as the last beats tell; it may be this one."""
        waits = {peer: heart.ears.waits_for for peer, heart in list(self.hearts.items())}
        party = self.peering.party
        return behind(party, {**waits, party: self._waits_for()})

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
            self._write(beat(self._waits_for()))
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
        door = Door(Kind.PULSE, peering.party, peering.tokens_of_callers, self._admit, peering.tls)
        try:
            door.open(peering.doors.pulse)
            await asyncio.gather(*(self._call(peer) for peer in peering.called))
            for _ in range(peering.parties - 1):
                await self._here.acquire()
        finally:
            door.close()

    async def _call(self, peer: int) -> None:
        peering = self.peering
        where = peering.addresses[peer].host, peering.addresses[peer].pulse_port
        claim = Claim(Kind.PULSE, peering.party, peer)
        await call(claim, peering.tokens[peer], where, self._admit, peering.tls, self._refused)

    def _refused(self, peer: int, reason: str) -> None:
        self.report(self.watch.refused, peer, reason)

    def _admit(self, peer: int, transport: asyncio.Transport) -> None:
        self.met.add(peer)
        self.hearts[peer] = _Heart(self, peer, transport)
        transport.set_protocol(self.hearts[peer])
        self._here.release()

    def _write(self, frame: bytes) -> None:
        for heart in self.hearts.values():
            heart.transport.write(frame)
