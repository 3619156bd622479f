"""A party's service that is struck down by kill -9 where it is told to be.

    python -m soak.party HOME --clock FILE [--ahead SECONDS]

It is `mpc-market party run`, with one more thing to do whenever a state of a round is stored: look into
HOME/strikes.json, and if it says so, note it in HOME/struck.jsonl and kill its own process, or its workers, by
SIGKILL, at once or a moment later. Nothing is cleaned up, flushed or finished: to whatever is under way it is as
sudden as from outside, but it comes in the state that was asked for. Every strike falls once.

--clock: its clock is that of `steered`. --ahead: by how many seconds it is ahead of what all others go by.
"""

import argparse
import functools
import json
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from mpc_market.wire.identifiers import split_market
from parties import clock
from parties.ledger import Ledger
from parties.service.life import State
from parties.service.run import run
from soak.steered import SteeredClock

STRIKES, STRUCK = "strikes.json", "struck.jsonl"
_WORKER_SECONDS = 60.0


@dataclass(frozen=True)
class Strike:
    """Kill `process`, "service" or "worker", when the round has come to `state`, `delay` seconds later. `stage`: of the
    market that the round is in.
    """

    start: int
    state: str
    process: str
    delay: float = 0.0
    stage: str = ""


@dataclass(frozen=True)
class Struck:
    """A strike that has fallen. `killed`: how many processes; a worker may not have been there."""

    strike: Strike
    killed: int


def arm(home: Path, strikes: list[Strike]) -> None:
    """Tell the service of a home what to do to itself; it looks at every change of state."""
    unfinished = home / f".{STRIKES}"
    unfinished.write_text(json.dumps([asdict(strike) for strike in strikes]))
    unfinished.rename(home / STRIKES)


def struck(home: Path) -> list[Struck]:
    """What has fallen so far."""
    if not (home / STRUCK).exists():
        return []
    rows = map(json.loads, (home / STRUCK).read_text().splitlines())
    return [Struck(Strike(**row["strike"]), row["killed"]) for row in rows]


class Striker:
    """Carries out the strikes of one home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def arrive(self, market: str, start: int, state: str) -> None:
        """A state has been stored."""
        if not (self._home / STRIKES).exists():
            return
        fallen = {each.strike for each in struck(self._home)}
        for row in json.loads((self._home / STRIKES).read_text()):
            strike = Strike(**row)
            where = (split_market(market)[1], start, state)
            if (strike.stage, strike.start, strike.state) == where and strike not in fallen:
                self._begin(strike)

    def _begin(self, strike: Strike) -> None:
        if strike.process == "service" and strike.delay == 0:
            self._fall(strike)
        threading.Thread(target=self._fall, args=(strike,), daemon=True).start()

    def _fall(self, strike: Strike) -> None:
        time.sleep(strike.delay)
        if strike.process == "service":
            self._note(Struck(strike, 1))
            os.kill(os.getpid(), signal.SIGKILL)
        # here its worker may be still to be started; elsewhere it is there, or there is none
        awaited = strike.state in (State.COLLECTING, State.COMPUTING)
        until = time.monotonic() + (_WORKER_SECONDS if awaited else 0)
        while not (found := _workers()) and time.monotonic() < until:
            time.sleep(0.002)
        for worker in found:
            worker.kill()
        self._note(Struck(strike, len(found)))

    def _note(self, fallen: Struck) -> None:
        with (self._home / STRUCK).open("a") as file:
            file.write(json.dumps(asdict(fallen)) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _workers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "parties.compute" in child.cmdline():
                found.append(child)
        except psutil.Error:  # it has just ended
            continue
    return found


def _told(striker: Striker, write: Callable[..., Awaitable[Any]], place: int | str) -> Callable[..., Awaitable[Any]]:
    """A write of a state to the ledger that tells the striker. `place`: where among the arguments the state is."""

    @functools.wraps(write)
    async def written(ledger: Any, market: str, start: int, *arguments: Any, **named: Any) -> Any:
        result = await write(ledger, market, start, *arguments, **named)
        striker.arrive(market, start, str(named[place] if isinstance(place, str) else arguments[place]))
        return result

    return written


def _set_clock(clock: SteeredClock) -> None:
    """Whatever this process does by the time of day, it asks Python for it."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + clock.offset_ms / 1000
    time.time_ns = lambda: now_ns() + clock.offset_ms * 1_000_000


def main() -> None:
    """Run the party."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--clock", type=Path, required=True)
    parser.add_argument("--ahead", type=float, default=0.0)
    chosen = parser.parse_args()
    _set_clock(SteeredClock(chosen.clock, int(1000 * chosen.ahead)))
    clock._NAP_SECONDS = 0.02  # the clock is moved on at any moment
    striker = Striker(chosen.home)
    Ledger.create_round = _told(striker, Ledger.create_round, "state")  # type: ignore[method-assign, assignment]
    Ledger.set_state = _told(striker, Ledger.set_state, 1)  # type: ignore[method-assign, assignment]
    run(chosen.home)


if __name__ == "__main__":
    main()
