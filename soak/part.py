"""What a part of the soak is, and what it has to hand while it runs."""

import random
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

_FAILURES_MAX = 20

C = TypeVar("C", bound=Hashable)


class SkippedError(Exception):
    """The part cannot be run on this machine; the text says why."""


class Play:
    """One run of one part: its own seed, an empty directory, its time; what it counts and what it finds wrong.

    `random` chooses what is done to the market, never anything that must be secret. `due`: of what is counted, how much
    there must be at least before the part may say that it holds.
    """

    def __init__(self, directory: Path, seed: str, seconds: float) -> None:
        self.directory = directory
        self.seed = seed
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.due: dict[str, int] = {}
        self.failures: list[str] = []
        self._begun = time.monotonic()
        self._until = self._begun + seconds

    @property
    def seconds_left(self) -> float:
        """How much of its time is left: what is under way then, is finished."""
        return max(self._until - time.monotonic(), 0.0)

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return time.monotonic() - self._begun

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

    @property
    def complete(self) -> bool:
        """Whether all that was due was done."""
        return all(self.counts[what] >= number for what, number in self.due.items())


class Product(Generic[C]):
    """Cases each of which is due once. `left`: those that have not been done; whatever is done again is counted apart.

    `what`: what they are called in the summary.
    """

    def __init__(self, play: Play, what: str, cases: Iterable[C]) -> None:
        self.left = list(cases)
        self._play, self._what = play, what
        play.due[what] = len(self.left)

    def done(self, case: C) -> None:
        """It really was."""
        if case in self.left:
            self.left.remove(case)
            self._play.count(self._what)
            if not self.left:
                self._play.count(f"seconds for all {self._what}", round(self._play.seconds))
        else:
            self._play.count(f"{self._what} once more")


@dataclass(frozen=True)
class Part:
    """A part of the soak. `share`: its time, relative to the shares of the others; it is in seconds of half an hour, by
    what the part needs on two cores to do once all that is due.

    `run` says what is due, and goes on until `play.seconds_left` is 0, or until it has done all that it ever does. It
    leaves no process behind. `beside`: the part at whose side it is run, since both of them mostly wait.
    """

    name: str
    share: float
    run: Callable[[Play], None] = field(repr=False)
    beside: str = ""
