"""One compute process: started with nothing but what it must have, ended whatever it does."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import parties
from parties.compute.channel import Channel

COMMAND = (sys.executable, "-s", "-P", "-m", "parties.compute")

_POLL_SECONDS = 0.005
_MOMENT = 0.5

_KEPT = {
    "HOME", "LANG", "LD_LIBRARY_PATH", "MPC_MARKET_THREADS", "PATH", "TMPDIR", "TZ", "XDG_CACHE_HOME",
}  # fmt: skip
_KEPT_BEGINNINGS = ("LC_", "NUMBA_")
"""What a compute process needs of its environment. The rest, be it the password of a database or a setting of Python
or MPyC, is not for it."""


class ComputeProcess:
    """A compute process and the channel to it; started when constructed."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        ours, theirs = socket.socketpair()
        try:
            with _without_interrupts():
                self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603  (our own module, no shell)
                    command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=_environment()
                )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self.channel = Channel(ours)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def exit_status(self) -> int | None:
        """How the process ended, as in `subprocess`; None if it has not."""
        return self._process.poll()

    async def how_it_ended(self) -> str:
        """In words, when the process has closed its channel; waits a moment for it to be gone."""
        await self.wait(_MOMENT)
        return describe_exit(self.exit_status())

    async def wait(self, seconds: float) -> None:
        """Wait until the process has ended, but at most this many seconds."""
        deadline = time.monotonic() + seconds
        while self.exit_status() is None and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)

    def hang_up(self) -> None:
        """Close the channel: the sign for the process to end."""
        self.channel.close()

    def kill(self) -> None:
        """End the process if it has not ended by itself, stopped or not, and reap it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def end_all(processes: Sequence[ComputeProcess], seconds: float) -> None:
    """End all processes: by hanging up, and after this many seconds by force. Blocks for that long at most."""
    for process in processes:
        process.hang_up()
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline and any(process.exit_status() is None for process in processes):
            time.sleep(_POLL_SECONDS)
    finally:
        for process in processes:
            process.kill()


def describe_exit(returncode: int | None) -> str:
    """How a process ended, in words; None: it has closed its channel but not ended."""
    if returncode is None:
        return "its process has closed the channel"
    if returncode >= 0:
        return f"its process ended with exit status {returncode}"
    known = {each.value: each.name for each in signal.Signals}
    return f"its process was killed (signal {-returncode}, {known.get(-returncode, 'unknown')})"


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block Ctrl-C and SIGTERM while a process is started, for that process for good: it inherits the mask.

    Ctrl-C goes to every process of the terminal's foreground group, SIGTERM to every process of a unit of systemd. They
    are for whoever started the process to act on, who may want to see the round through.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _environment() -> dict[str, str]:
    """The environment of a compute process."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_BEGINNINGS)}
    root = str(Path(parties.__file__).parent.parent)  # where this very code lies
    # NumPy's linear algebra is not used: its pool of threads would only cost start-up time and memory.
    return kept | {"PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
