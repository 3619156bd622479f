"""A network between hosts in user space: takes every Ethernet frame from their lines and passes it on, later or never.

    python -m soak.switch PORT …        (in the namespace in which the hosts' lines end; standard input: JSON lines)

For kernels without netem. All that one host sends goes over its own line: Mbit/s as set, a queue of a tenth of a
second (what does not fit is dropped, as by a router), then a fixed delay; each frame is lost with a fixed probability,
independently. Real packets are lost, so TCP's own retransmission and slow start are at work. Not emulated:
jitter, reordering, damaged frames. What Python needs itself for a frame, some 20 µs, is added to the delay.

Commands: {"delay_ms": …, "mbit_per_s": …, "loss": …} set all lines (0: not limited); {"cut": [ports by number]} lets
nothing pass from or to these; each is answered by a line with the frames that were passed on and lost so far.
"""

import heapq
import json
import random
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

_ETH_P_ALL = 3
_SOL_PACKET, _IGNORE_OUTGOING = 263, 23
_QUEUE_SECONDS = 0.1
_FRAME_MAX = 65_536
_BUFFER = 2**22


@dataclass
class Line:
    """What the lines of all hosts are like. `delay_ms`: one way, from host to host; 0 Mbit/s: as fast as it goes."""

    delay_ms: float = 0.0
    mbit_per_s: float = 0.0
    loss: float = 0.0


class Switch:
    """The frames under way. No I/O: `take` what a port has sent, `due` says what is to be given to which port now."""

    def __init__(self, ports: int, seed: int = 0) -> None:
        self.line = Line()
        self.cut: frozenset[int] = frozenset()
        self.passed = self.lost = 0
        self._ports = range(ports)
        self._where: dict[bytes, int] = {}
        self._free_from = [0.0] * ports
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._serial = 0
        self._random = random.Random(seed)

    def take(self, source: int, frame: bytes, now: float) -> None:
        """A host has sent a frame."""
        self._where[frame[6:12]] = source
        line = self.line
        seconds = 8e-6 * len(frame) / line.mbit_per_s if line.mbit_per_s else 0.0
        begins = max(now, self._free_from[source])
        if begins - now > _QUEUE_SECONDS or self._random.random() < line.loss:
            self.lost += 1
            return
        self._free_from[source] = begins + seconds
        known = self._where.get(frame[:6])
        for target in [known] if known is not None else [port for port in self._ports if port != source]:
            if target in self.cut or source in self.cut:
                self.lost += 1
                continue
            self._serial += 1
            arrives = self._free_from[source] + line.delay_ms / 1000
            heapq.heappush(self._under_way, (arrives, self._serial, target, frame))

    def due(self, now: float) -> list[tuple[int, bytes]]:
        """What arrives by now."""
        arrived = []
        while self._under_way and self._under_way[0][0] <= now:
            _, _, target, frame = heapq.heappop(self._under_way)
            arrived.append((target, frame))
        self.passed += len(arrived)
        return arrived

    def wait(self, now: float) -> float | None:
        """Seconds until something is due, None if nothing is under way."""
        return max(self._under_way[0][0] - now, 0.0) if self._under_way else None

    def tell(self, command: dict[str, Any]) -> dict[str, int]:
        """Carry out a command."""
        if "cut" in command:
            self.cut = frozenset(command.pop("cut"))
        if command:
            self.line = Line(**{**asdict(self.line), **command})
        return {"passed": self.passed, "lost": self.lost}


def open_port(name: str) -> socket.socket:
    """All frames that arrive at an interface, and a way to send some."""
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    port.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
    port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    port.bind((name, 0))
    port.setblocking(False)
    return port


def main() -> None:
    """Switch until standard input closes."""
    ports = [open_port(name) for name in sys.argv[1:]]
    switch = Switch(len(ports))
    numbers = {port.fileno(): number for number, port in enumerate(ports)}
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([*numbers, 0], [], [], switch.wait(time.monotonic()))
        now = time.monotonic()
        for descriptor in ready:
            if descriptor == 0:
                line = sys.stdin.readline()
                if not line:
                    return
                print(json.dumps(switch.tell(json.loads(line))), flush=True)
                continue
            try:
                while True:
                    switch.take(numbers[descriptor], ports[numbers[descriptor]].recv(_FRAME_MAX), now)
            except BlockingIOError:
                pass
        for target, frame in switch.due(time.monotonic()):
            try:
                ports[target].send(frame)
            except (BlockingIOError, OSError):
                switch.lost += 1


if __name__ == "__main__":
    main()
