"""Starting the market's processes and seeing to it that none is left behind."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mpc_market.errors import MarketError

STOP_SECONDS = 15.0
"""A process that has not ended this long after it was asked to is killed."""

COMMAND = "parties.cli.main"
"""The module that is `mpc-market`."""

_LAST_LINES = 5


class ProcessEndedError(MarketError):
    """A process of the market has ended before it was asked to."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process, what it is called, and the file that its output goes to."""

    name: str
    process: asyncio.subprocess.Process
    log: Path


class Processes:
    """The processes of a market. As an async context manager it stops them all, the latest first."""

    def __init__(self, logs: Path) -> None:
        """`logs`: the directory for one file of output per process."""
        self._logs = logs
        self.running: dict[str, Running] = {}

    async def __aenter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, name: str, arguments: Sequence[str], module: str = COMMAND) -> Running:
        """Start `mpc-market`, or another module, with these arguments. Raises: OSError."""
        log = self._logs / f"{name}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for this command, which then stops them in order
            )
        self.running[name] = Running(name, process, log)
        return self.running[name]

    def check(self, may_end: Sequence[Running] = ()) -> None:
        """Raises: ProcessEndedError if one has ended by itself, other than those that may."""
        for each in self.running.values():
            if each.process.returncode is not None and each not in may_end:
                raise ProcessEndedError(
                    f"{each.name} has ended with status {each.process.returncode}; the end of {each.log}: "
                    f"{' / '.join(last_lines(each.log))}"
                )

    async def stop(self) -> None:
        """Ask all to end, the latest first, and wait until they have."""
        running, self.running = list(self.running.values()), {}
        for each in reversed(running):
            with contextlib.suppress(ProcessLookupError):
                each.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(_ended(each.process) for each in running))


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def last_lines(log: Path) -> list[str]:
    """The last lines of a process's output."""
    return log.read_text("utf-8", errors="replace").splitlines()[-_LAST_LINES:]
