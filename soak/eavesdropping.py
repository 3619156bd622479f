"""Whoever listens on all lines between the hosts: frames taken down, put together to streams, cut into TLS records."""

import socket
import struct
import threading
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from soak.hosts import Hosts
from soak.switch import open_port

HANDSHAKE, APPLICATION = 22, 23
_CHANGE_CIPHER, _ALERT = 20, 21
_HEAD, _SEALED = 5, 17
"""Bytes of a record's head; and what sealing adds to a message: its type and a tag."""

_FINISHED = {4 + 32 + _SEALED, 4 + 48 + _SEALED}
"""Size of the last message of a handshake, by hash."""


@dataclass(frozen=True, order=True)
class Flow:
    """One direction of a connection."""

    source: str
    source_port: int
    target: str
    target_port: int

    @property
    def back(self) -> "Flow":
        """The other direction."""
        return Flow(self.target, self.target_port, self.source, self.source_port)


@dataclass(frozen=True)
class Segment:
    """Bytes of a flow. `acknowledged`: so many of the other direction had come by then; `frame`: when it was heard."""

    data: bytes
    acknowledged: int
    frame: int


@dataclass
class Heard:
    """All that was heard."""

    frames: list[bytes] = field(default_factory=list)

    def part(self, begin: int, end: int) -> "Heard":
        """What was heard in between, by numbers of frames."""
        return Heard(self.frames[begin:end])

    def segments(self) -> dict[Flow, dict[int, Segment]]:
        """What was sent over TCP, by direction and place: of what was sent again, the first time."""
        first: dict[Flow, int] = {}
        found: defaultdict[Flow, dict[int, Segment]] = defaultdict(dict)
        packets = [(at, *packet) for at, frame in enumerate(self.frames) if (packet := _packet(frame)) is not None]
        for _, flow, tcp in packets:
            if tcp[13] & 2:  # SYN
                first[flow] = struct.unpack_from("!I", tcp, 4)[0] + 1
        for at, flow, tcp in packets:
            data = tcp[4 * (tcp[12] >> 4) :]
            if flow not in first or tcp[13] & 2 or not data:
                continue
            number, acknowledgement = struct.unpack_from("!II", tcp, 4)
            place = (number - first[flow]) % 2**32
            if place < 2**31:  # else a keep-alive probe, in front of the first byte
                before = found[flow].get(place)
                if before is None:
                    found[flow][place] = Segment(data, (acknowledgement - first.get(flow.back, 0)) % 2**32, at)
                elif len(data) > len(before.data):
                    found[flow][place] = replace(before, data=data)
        return found

    def streams(self) -> dict[Flow, bytes]:
        """What was sent over TCP, by direction. Raises: ValueError if a piece was not heard."""
        return {flow: _joined(found) for flow, found in self.segments().items()}


def _packet(frame: bytes) -> tuple[Flow, bytes] | None:
    """A TCP packet, with its head, and where it goes; None if it is something else."""
    if frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
        return None
    ip = frame[14 : 14 + struct.unpack_from("!H", frame, 16)[0]]
    tcp = ip[4 * (ip[0] & 15) :]
    source_port, target_port = struct.unpack_from("!HH", tcp)
    return Flow(socket.inet_ntoa(ip[12:16]), source_port, socket.inet_ntoa(ip[16:20]), target_port), tcp


def _joined(segments: Mapping[int, Segment]) -> bytes:
    stream = b""
    for place in sorted(segments):
        if place > len(stream):
            raise ValueError(f"{place - len(stream)} bytes were not heard")
        stream += segments[place].data[len(stream) - place :]
    return stream


def records(stream: bytes) -> list[tuple[int, bytes]]:
    """A stream as TLS records: type and content; the last may be cut off. Raises: ValueError if it is not TLS."""
    found, at = [], 0
    while at + _HEAD <= len(stream):
        kind, version, size = struct.unpack_from("!BHH", stream, at)
        if kind not in (HANDSHAKE, APPLICATION, _CHANGE_CIPHER, _ALERT) or version not in (0x301, 0x303):
            raise ValueError(f"no TLS record: {stream[at : at + _HEAD].hex()}")
        found.append((kind, stream[at + _HEAD : at + _HEAD + size]))
        at += _HEAD + size
    return found


def payload_sizes(stream: bytes) -> list[int]:
    """How much was said in each record behind the handshake."""
    return [size for _, size in _payloads(stream)]


def _payloads(stream: bytes) -> list[tuple[int, int]]:
    """The records behind the handshake: where each ends, and how much was said in it."""
    found, at, over = [], 0, False
    for kind, content in records(stream):
        at += _HEAD + len(content)
        if kind == APPLICATION and over:
            found.append((at, len(content) - _SEALED))
        over = over or (kind == APPLICATION and len(content) in _FINISHED)
    return found


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, by the sizes of their records. `frame`: in which the end of the answer was heard."""

    client: Flow
    asked: tuple[int, ...]
    answered: tuple[int, ...]
    frame: int


def exchanges(heard: Heard, port: int) -> list[Exchange]:
    """Requests to a port and their answers, whole ones only, as HTTP/1.1 takes turns: whatever a server sends before it
    has more of the client's is one answer.
    """
    segments, found = heard.segments(), []
    for client in [flow for flow in segments if flow.target_port == port and flow.back in segments]:
        asked = _payloads(_joined(segments[client]))
        pieces = segments[client.back]
        places, ends = sorted(pieces), [end for end, _ in asked]
        answers: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for end, size in _payloads(_joined(pieces)):
            piece = pieces[places[bisect(places, end - 1) - 1]]
            answers[bisect(ends, piece.acknowledged)].append((size, piece.frame))
        turn = 0
        for last, answer in sorted(answers.items()):
            sizes = tuple(size for _, size in asked[turn:last])
            found.append(Exchange(client, sizes, tuple(size for size, _ in answer), answer[-1][1]))
            turn = last
    return found


@contextmanager
def listening(hosts: Hosts) -> Iterator[Heard]:
    """Take down every frame that a host sends, until the block ends."""
    heard, over = Heard(), threading.Event()
    with hosts.inside("net"):
        ports = [open_port(f"p{number}") for number in range(hosts.count)]

    def take(port: socket.socket) -> None:
        port.settimeout(0.2)
        while True:
            try:
                heard.frames.append(port.recv(2**16))
            except TimeoutError:
                if over.is_set():
                    return

    threads = [threading.Thread(target=take, args=(port,), daemon=True) for port in ports]
    for thread in threads:
        thread.start()
    try:
        yield heard
    finally:
        over.set()
        for thread, port in zip(threads, ports, strict=True):
            thread.join()
            port.close()
