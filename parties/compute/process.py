"""The operating-system side of a compute party: signals, descriptors, event loop, end of the process."""

import asyncio
import contextlib
import os
import select
import signal
import socket
import threading
import time
from typing import NoReturn

from parties.compute.channel import ChannelClosedError
from parties.compute.complaints import say_context, without_texts
from parties.compute.engine import Engine
from parties.compute.event_loop import new_event_loop
from parties.compute.service import serve

__all__ = ["main", "new_event_loop"]

_END_SECONDS = 1.0


def main(engine: Engine) -> None:
    """Run one compute party on the channel that is this process's standard input."""
    # Ctrl-C, and the end of a unit of systemd, are signalled to all processes; they are the coordinator's to act on.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    without_texts()
    sock = _take_standard_input()
    # A party ends when the coordinator hangs up.
    hangup = contextlib.suppress(asyncio.CancelledError, ChannelClosedError)
    with asyncio.Runner(loop_factory=new_event_loop) as runner, hangup:
        runner.run(_until_hangup(sock, engine))


async def _until_hangup(sock: socket.socket, engine: Engine) -> None:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    loop.set_exception_handler(say_context)
    _Hangup(sock.fileno(), loop, task).start()
    await serve(sock, engine)


class _Hangup(threading.Thread):
    """Ends the process when the coordinator is gone: in order if the event loop gets to it, else by force."""

    def __init__(self, fd: int, loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
        super().__init__(name="hangup", daemon=True)
        self._fd = fd
        self._loop = loop
        self._task = task

    def run(self) -> NoReturn:
        poll = select.poll()
        poll.register(self._fd, 0)  # a hang-up is reported without being asked for
        poll.poll()
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending anyway
            self._loop.call_soon_threadsafe(self._task.cancel)
        time.sleep(_END_SECONDS)
        os._exit(0)


def _take_standard_input() -> socket.socket:
    """The channel, moved away from file descriptor 0, where nothing may read it by accident."""
    sock = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return sock
