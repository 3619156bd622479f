"""What a part of the soak is, and what it has to hand while it runs."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_FAILURES_MAX = 20


class SkippedError(Exception):
    """The part cannot be run on this machine; the text says why."""


class Play:
    """One run of one part: its own seed, an empty directory, its time; what it counts and what it finds wrong.

    `random` chooses what is done to the market, never anything that must be secret.
    """

    def __init__(self, directory: Path, seed: str, seconds: float) -> None:
        self.directory = directory
        self.seed = seed
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self._until = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """How much of its time is left: what is under way then, is finished."""
        return max(self._until - time.monotonic(), 0.0)

    def count(self, what: str, number: int = 1) -> None:
        """Something has happened, for the summary."""
        self.counts[what] += number

    def check(self, holds: bool, failure: str) -> None:
        """Note a failure; the part goes on, the soak fails."""
        self.count("checks")
        if not holds:
            self.count("failed checks")
            if len(self.failures) < _FAILURES_MAX:
                self.failures.append(failure)

    def skip(self, reason: str) -> None:
        """Raises: SkippedError."""
        raise SkippedError(reason)


@dataclass(frozen=True)
class Part:
    """A part of the soak. `share`: its time, relative to the shares of the others.

    `run` goes on until `play.seconds_left` is 0, or until it has done all that it ever does. It leaves no process
    behind.
    """

    name: str
    share: float
    run: Callable[[Play], None] = field(repr=False)
