"""Several markets at once: much of a round with crashes is waiting for a process to start again."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from parties.launch.community import free_places
from parties.setup.addresses import Addresses

T = TypeVar("T")


def side_by_side(work: Sequence[Callable[[], T]]) -> list[T]:
    """Do all of it at the same time, each in a thread of its own; one alone in this very thread.

    Raises: whatever one of them does, after all have ended.
    """
    if len(work) == 1:
        return [work[0]()]
    with ThreadPoolExecutor(len(work)) as threads:
        running = [threads.submit(each) for each in work]
    return [each.result() for each in running]


def places_apart(markets: int, parties: int) -> list[list[Addresses]]:
    """Addresses for this many markets that are made at once: no two have a port in common. Raises: MarketError."""
    places = free_places(markets * parties)
    return [places[parties * market : parties * (market + 1)] for market in range(markets)]
