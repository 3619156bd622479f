"""From paths to what a command works with: the market, and the meters whose homes are given."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from mpc_market.errors import InputError, InvalidOrderError, InvalidSettingsError
from mpc_market.wire.identifiers import Stage
from parties.client.api import Api, pinned
from parties.clock import Clock
from parties.files.problems import Problems
from parties.files.running import RunningMarket
from parties.files.running_toml import read_running
from parties.meter.errors import HomeError
from parties.meter.home import SETTINGS, Home, open_home
from parties.meter.listing import stamp
from parties.meter.market import Market, Meter
from parties.meter.rounds import Rounds
from parties.meter.store import Store


def read_market(path: str) -> Market:
    """The market file. Raises: InputError with all problems."""
    problems = Problems()
    running = read_running(path, problems)
    problems.check()
    assert running is not None
    return Market(running)


def find_homes(paths: Sequence[str]) -> list[Path]:
    """Paths and patterns (`homes/*`) to directories, each once, in the sequence given. Raises: InputError."""
    problems, found = Problems(), []
    for path in paths:
        matches = sorted(glob.glob(path)) if glob.has_magic(path) and not os.path.exists(path) else [path]
        if not matches:
            problems.add(path, "no directory is called so")
        found += [Path(match) for match in matches]
    if not paths:
        problems.add("--home", "the home of a meter is needed: `mpc-market meter keygen` makes one")
    problems.check()
    return list(dict.fromkeys(found))


def open_meters(homes: Sequence[Path], market_path: str | None) -> tuple[str, Market, list[Meter]]:
    """The meters at home in these directories, and their one market: its path, and what the file says.

    `market_path`: instead of the market files that the homes name. Raises: InputError with all problems.
    """
    problems = Problems()
    opened = [home for home in (_open(path, problems) for path in homes) if home is not None]
    problems.check()
    market_paths = {os.path.realpath(home.market): home.market for home in opened}
    if market_path is None and len(market_paths) > 1:
        listed = ", ".join(market_paths.values())
        raise InputError((f"--home: the homes name different market files ({listed}): name one with --market",))
    path = next(iter(market_paths.values())) if market_path is None else market_path
    market = read_market(path)
    meters = []
    for home in opened:
        try:
            meters.append(Meter(home, Store(home.store, home.meter), market.file.lots(home.maximum)))
        except InvalidOrderError as error:
            problems.add(f"{home.path / SETTINGS}", f"maximum: {error}")
    _check_ids(meters, problems)
    problems.check()
    return path, market, meters


def _open(path: Path, problems: Problems) -> Home | None:
    try:
        return open_home(path)
    except HomeError as error:
        where, _, message = str(error).partition(": ")
        problems.add(where, message)
        return None


def _check_ids(meters: Sequence[Meter], problems: Problems) -> None:
    """One home for each meter: two would use a number twice."""
    first: dict[str, Path] = {}
    for meter in meters:
        other = first.setdefault(meter.id, meter.home.path)
        if other != meter.home.path:
            problems.add(f"{meter.home.path}", f"the meter {meter.id!r} is at home in {other} already")


class MarketSource:
    """The market file of a client that runs for long: keys and addresses may change, the grid may not.

    `rounds`: of clearings. `stages`: those that readings go to, if the market settles. An async context manager: at its
    end the connections are closed.
    """

    def __init__(self, path: str, market: Market, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._stamp = stamp(path)
        self._pinned = self._certificates(market.running)
        self.rounds = self._connected(market)
        staged = () if market.running.calendar is None else (Stage.SETTLEMENT, Stage.CORRECTION)
        self.stages = {stage: self._connected(market.at(stage)) for stage in staged}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for rounds in (self.rounds, *self.stages.values()):
            await rounds.api.__aexit__(kind, error, trace)

    def _connected(self, market: Market) -> Rounds:
        return Rounds(Api(market.id, pinned(market.running, self._now())), market, self._clock)

    def refresh(self) -> None:
        """Read it again if it has changed, and trust the certificates that are in use now.

        Raises: InputError if it cannot be used or describes another market; what was read before stays.
        """
        market = self.rounds.market
        if (now := stamp(self.path)) != self._stamp:
            self._stamp = now
            market = read_market(self.path)
            if market.file != self.rounds.market.file or market.parties != self.rounds.market.parties:
                raise InputError((f"{self.path}: the table [market] or the number of parties has changed",))
            if (market.running.calendar is None) == bool(self.stages):
                raise InputError((f"{self.path}: the table [settlement] was added or removed: start again",))
        if (certificates := self._certificates(market.running)) != self._pinned:
            try:
                for rounds in (self.rounds, *self.stages.values()):
                    rounds.api.replace(pinned(market.running, self._now()))
            except InvalidSettingsError as error:
                raise InputError((f"{self.path}: {error}",)) from None
            self._pinned = certificates
        self.rounds.market = market
        for stage, rounds in self.stages.items():
            rounds.market = market.at(stage)

    def _certificates(self, running: RunningMarket) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple((party.api, party.certificates(self._now())) for party in running.parties)

    def _now(self) -> int:
        return self._clock.now_ms() // 1000
