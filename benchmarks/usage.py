"""CPU seconds and memory of processes that run, looked at from outside."""

import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import psutil


class Usage:
    """Of some compute parties, and of other processes: `look` again and again.

    A party is its service and the workers that it has started. CPU seconds are user and system time of all threads,
    children that have ended included. Memory: what the processes that a party has at one time ever had resident, each
    its own peak, taken together; the most that was ever seen.
    """

    def __init__(self, parties: Sequence[int], others: Sequence[int]) -> None:
        """Both: process ids."""
        self._parties = [psutil.Process(pid) for pid in parties]
        self._others = [psutil.Process(pid) for pid in others]
        self._seen: list[tuple[float, list[float], float]] = []
        self.peak_memory = [0] * len(parties)

    def look(self) -> None:
        """Note what has been used until now."""
        cpu = [self._cpu(party) for party in self._parties]
        self._seen.append((time.time(), cpu, sum(self._cpu(each) for each in self._others)))
        for number, party in enumerate(self._parties):
            self.peak_memory[number] = max(self.peak_memory[number], sum(map(_peak, _with_children(party))))

    def parties_between(self, begin: float, end: float) -> list[float]:
        """CPU seconds of each party between two moments."""
        return [round(self._at(end, number) - self._at(begin, number), 2) for number in range(len(self._parties))]

    def others_between(self, begin: float, end: float) -> float:
        """CPU seconds of the others, together."""
        return round(self._at(end, None) - self._at(begin, None), 2)

    def _at(self, moment: float, party: int | None) -> float:
        """What had been used at a moment: between two looks, in proportion to the time."""
        values = [(when, others if party is None else cpu[party]) for when, cpu, others in self._seen]
        if moment <= values[0][0]:
            return values[0][1]
        for (before, low), (after, high) in pairwise(values):
            if moment <= after:
                return low + (high - low) * (moment - before) / (after - before)
        return values[-1][1]

    def _cpu(self, process: psutil.Process) -> float:
        """Of a process and its children, those that have ended (as soon as it has waited for them) included."""
        used = 0.0
        for each in _with_children(process):
            with suppress(psutil.Error):
                times = each.cpu_times()
                used += times.user + times.system + times.children_user + times.children_system
        return used


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return [process, *process.children(recursive=True)]
    return []


def _peak(process: psutil.Process) -> int:
    """The most that a process ever had resident, in bytes."""
    try:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0
