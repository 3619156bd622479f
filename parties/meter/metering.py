"""From the P1 port, or a file of telegrams, to the registers in a meter's store."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from parties.files.problems import Problems
from parties.files.values import moment_text
from parties.meter.p1 import listen, read_telegrams
from parties.meter.registers import Boundaries
from parties.meter.store import Store


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What became of a file: how many `telegrams` it has, of how many more ends of periods registers are known (`new`),
    how many telegrams were `left_out`, since they are not later than one before, and from when to when they ran back.
    """

    telegrams: int
    new: int
    left_out: int
    ran_back: tuple[tuple[int, int], ...]


def read_file(path: str, store: Store, length: int, problems: Problems) -> ReadFile:
    """Read a file of telegrams into the store: nothing of it if there is any problem in it.

    `length`: seconds of a period. Raises: StoreError.
    """
    ran_back: list[tuple[int, int]] = []
    finder, count, found = Boundaries(length, lambda *moments: ran_back.append(moments)), 0, []
    for reading in read_telegrams(path, problems):
        found += finder.add(reading)
        count += 1
    new = store.put_boundaries(found) if problems.count == 0 else 0
    return ReadFile(count, new, finder.left_out, tuple(ran_back))


async def follow(device: str, store: Store, length: int, report: Callable[[str], None]) -> None:
    """Listen to a P1 port for ever, and keep the registers at every end of a period. Raises: StoreError."""
    finder = Boundaries(length, lambda *moments: report(f"{device}: {ran_back_text(*moments)}"))
    async for reading in listen(device, report):
        boundaries = finder.add(reading)
        if boundaries:
            await asyncio.to_thread(store.put_boundaries, boundaries)


def ran_back_text(since: int, until: int) -> str:
    """What is told when the clock of the telegrams ran back."""
    return (
        f"the clock of its telegrams ran back from {moment_text(since)} to {moment_text(until)}: it goes on from there"
    )
