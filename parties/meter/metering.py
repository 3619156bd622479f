"""From the P1 port, or a file of telegrams, to the registers in a meter's store."""

import asyncio
from collections.abc import Callable

from parties.files.problems import Problems
from parties.meter.p1 import listen, read_telegrams
from parties.meter.registers import Boundaries
from parties.meter.store import Store


def read_file(path: str, store: Store, length: int, problems: Problems) -> tuple[int, int]:
    """Read a file of telegrams into the store: nothing of it if there is any problem in it.

    `length`: seconds of a period. Returns how many telegrams were read, and how many ends of periods are new.
    Raises: StoreError.
    """
    finder, count, found = Boundaries(length), 0, []
    for reading in read_telegrams(path, problems):
        found += finder.add(reading)
        count += 1
    return count, store.put_boundaries(found) if problems.count == 0 else 0


async def follow(device: str, store: Store, length: int, report: Callable[[str], None]) -> None:
    """Listen to a P1 port for ever, and keep the registers at every end of a period. Raises: StoreError."""
    finder = Boundaries(length)
    async for reading in listen(device, report):
        boundaries = finder.add(reading)
        if boundaries:
            await asyncio.to_thread(store.put_boundaries, boundaries)
