"""A slow line between parties: a process that forwards their TCP connections, later.

    python -m benchmarks.relay DELAY_MS MBIT_PER_S        (0: not limited)

Every byte that a party sends leaves when the bytes before it on that party's line have left, at the given rate for all
its peers together, and arrives a fixed delay later. So a round trip takes twice the delay, and a party's messages to
two peers share its line. Not emulated: loss, jitter, TCP's slow start and acknowledgements over the long way, the
overhead of packets; and heartbeats go directly. With delay 0 it shows what the relay itself costs.

`benchmarks.relayed_party` asks it for a way to a peer: one line of JSON to its port, one line with a port back. It
prints that port when it is ready and ends when its standard input closes.
"""

import asyncio
import json
import selectors
import socket
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

_CHUNK_BYTES = 2**14
_Due = tuple[float, bytes]


class Relay:
    """The lines of all parties."""

    def __init__(self, delay_seconds: float, bytes_per_second: float) -> None:
        self._delay = delay_seconds
        self._seconds_per_byte = 1 / bytes_per_second if bytes_per_second else 0.0
        self._free_from: dict[int, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request: the caller's number, the called party's number, and where it listens."""
        asked = json.loads(await reader.readline())
        door = socket.create_server(("127.0.0.1", 0))
        door.setblocking(False)
        self._run(self._connect(door, asked["caller"], asked["called"], (asked["host"], asked["port"])))
        writer.write(json.dumps(door.getsockname()[1]).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def _connect(self, door: socket.socket, caller: int, called: int, where: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        near, _ = await loop.sock_accept(door)
        door.close()
        far = socket.create_connection(where)
        for end in (near, far):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for sender, source, target in ((caller, near, far), (called, far, near)):
            queue: asyncio.Queue[_Due | None] = asyncio.Queue()
            self._run(self._take(sender, source, queue))
            self._run(self._deliver(queue, target))

    async def _take(self, sender: int, source: socket.socket, queue: "asyncio.Queue[_Due | None]") -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(source, _CHUNK_BYTES):
                begins = max(loop.time(), self._free_from.get(sender, 0.0))
                self._free_from[sender] = begins + len(data) * self._seconds_per_byte
                queue.put_nowait((self._free_from[sender] + self._delay, data))
        except ConnectionError:
            pass  # the party has ended: so does its line
        queue.put_nowait(None)

    async def _deliver(self, queue: "asyncio.Queue[_Due | None]", target: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            while item := await queue.get():
                due, data = item
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                await loop.sock_sendall(target, data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other end has gone first

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextmanager
def relay(delay_ms: float, mbit_per_s: float) -> Iterator[int]:
    """A relay in a process of its own: the port where ways are asked for."""
    command = [sys.executable, "-m", "benchmarks.relay", str(delay_ms), str(mbit_per_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


async def _serve(delay_ms: float, mbit_per_s: float) -> None:
    lines = Relay(delay_ms / 1e3, mbit_per_s * 1e6 / 8)
    server = await asyncio.start_server(lines.open_way, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop on `select`, whose timeouts are not rounded to milliseconds as those of `epoll` and of uvloop are."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(*map(float, sys.argv[1:])))
