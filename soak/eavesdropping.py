"""Whoever listens on all lines between the hosts: frames taken down, put together to streams, cut into TLS records."""

import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

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


@dataclass
class Heard:
    """All that was heard."""

    frames: list[bytes] = field(default_factory=list)

    def streams(self) -> dict[Flow, bytes]:
        """What was sent over TCP, by direction. Raises: ValueError if a piece was not heard."""
        pieces: defaultdict[Flow, dict[int, bytes]] = defaultdict(dict)
        first: dict[Flow, int] = {}
        for frame in self.frames:
            if frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
                continue
            ip = frame[14 : 14 + struct.unpack_from("!H", frame, 16)[0]]
            tcp = ip[4 * (ip[0] & 15) :]
            source_port, target_port, number = struct.unpack_from("!HHI", tcp)
            flow = Flow(socket.inet_ntoa(ip[12:16]), source_port, socket.inet_ntoa(ip[16:20]), target_port)
            if tcp[13] & 2:  # SYN
                first[flow] = number + 1
            elif flow in first and (data := tcp[4 * (tcp[12] >> 4) :]):
                place = (number - first[flow]) % 2**32
                if place < 2**31:  # else a keep-alive probe, in front of the first byte
                    pieces[flow][place] = max(data, pieces[flow].get(place, b""), key=len)
        return {flow: _joined(found) for flow, found in pieces.items()}


def _joined(pieces: dict[int, bytes]) -> bytes:
    stream = b""
    for place in sorted(pieces):
        if place > len(stream):
            raise ValueError(f"{place - len(stream)} bytes were not heard")
        stream += pieces[place][len(stream) - place :]
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
    sizes = [len(content) for kind, content in records(stream) if kind == APPLICATION]
    ends = [place for place, size in enumerate(sizes) if size in _FINISHED]
    return [size - _SEALED for size in sizes[ends[0] + 1 :]] if ends else []


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
