"""Stopping a party at a given point of a round; starting it again from a backup."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from parties.ledger.place import Place
from tests.service.service_town import Town

WRITES = [
    "create_round", "put_message", "put_secret", "put_outcome", "set_state", "close_intake",
    "put_results", "keep_results", "append_record",
]  # fmt: skip
"""What a round writes, its orders aside."""


class Crash:
    """Stops one party's writing for good, right behind the k-th write of a round. `state` is the round's then."""

    def __init__(self, town: Town, party: int, start: int, k: int) -> None:
        self.happened = asyncio.Event()
        self._never = asyncio.Event()  # held here, so that no task that waits for it is taken for garbage
        self.writes = 0
        self._k = k
        self._start = start
        node = town.services[party].node
        for name in WRITES:
            setattr(node.ledger, name, self._counted(getattr(node.ledger, name)))

    def _counted(self, write: Callable) -> Callable:
        async def counted(*args, **kwargs):
            if self.happened.is_set():
                await self._never.wait()
            result = await write(*args, **kwargs)
            if self._start in args or getattr(args[0], "start", None) == self._start:
                self.writes += 1
                if self.writes == self._k:
                    self.happened.set()
                    await self._never.wait()
            return result

        return counted


async def restored(town: Town, party: int, backup: Path) -> None:
    """The party starts again from a backup, whether it runs or not."""
    path = Place.of(town.home(party).database).path
    if party in town.services:
        await town.stop(party)
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    backup.rename(path)
    await town.start(party)
