"""Where telegrams come from: a file of them, or the P1 port of a meter (a serial device)."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator

import serial

from parties.files.problems import Problems
from parties.meter.errors import TelegramError
from parties.meter.registers import Registers
from parties.meter.retry import pause_seconds
from parties.meter.telegrams import Splitter, registers_of

_CHUNK = 65_536
BAUD = 115_200
"""DSMR 4 and 5 and e-MUCS alike: 115,200 baud, 8 data bits, no parity, 1 stop bit."""


def read_telegrams(path: str, problems: Problems) -> Iterator[Registers]:
    """The registers of every telegram of a file; whatever is wrong in it becomes a problem with its line."""
    splitter = Splitter()
    line = 1
    try:
        with open(path, "rb") as file:
            while data := file.read(_CHUNK):
                for line, telegram in splitter.feed(data):
                    try:
                        yield registers_of(telegram)
                    except TelegramError as error:
                        problems.add(f"{path}:{line}", str(error))
        if splitter.rest():
            problems.add(path, "the file ends within a telegram: its last lines are missing")
    except TelegramError as error:
        problems.add(f"{path}:{line}", str(error))
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        problems.add(path, f"cannot be read: {getattr(error, 'strerror', None) or error}")


async def listen(device: str, report: Callable[[str], None]) -> AsyncIterator[Registers]:
    """The registers of every telegram from a serial device, as they come, for ever.

    A corrupt telegram is reported and left out (the next one comes within 10 s); a device that is gone is opened again
    after a pause that grows. `report` is told what happened, never what a telegram holds.
    """
    attempt = 0
    while True:
        try:
            async for registers in _listen_once(device, report):
                attempt = 0
                yield registers
        except (OSError, ValueError) as error:  # pyserial's own is an OSError; ValueError: settings it cannot use
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "no longer there"
            # once, and then ever more rarely: after 1, 2, 4, 8 … more attempts
            if attempt & (attempt - 1) == 0:
                report(f"{device}: {reason}; it will be opened again")
        attempt += 1
        await asyncio.sleep(pause_seconds(attempt))


async def _listen_once(device: str, report: Callable[[str], None]) -> AsyncIterator[Registers]:
    """Until the device is gone. Raises: OSError."""
    splitter, begun = Splitter(), False
    with serial.Serial(device, BAUD, timeout=0, exclusive=True) as port:
        while True:
            await _readable(port.fileno())
            try:
                for _, telegram in splitter.feed(port.read(_CHUNK)):
                    # whoever begins to listen hears the end of a telegram first
                    if begun or telegram.startswith(b"/"):
                        try:
                            yield registers_of(telegram)
                        except TelegramError as error:
                            report(f"{device}: {error}")
                    begun = True
            except TelegramError as error:
                report(f"{device}: {error}")


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _readable(descriptor: int) -> None:
    """Wait until there is something to read, or the end."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
