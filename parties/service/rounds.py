"""All rounds of one market at one party: each is opened in time, driven by a task of its own, and resumed after a
restart.
"""

import asyncio
import contextlib
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import structlog

from mpc_market.errors import InvalidSettingsError, MarketError
from parties.clock import near
from parties.ledger import LedgerError, RoundRow
from parties.service.driver import Driver
from parties.service.following import Following
from parties.service.life import State
from parties.service.node import Node
from parties.service.round import Round, cancel_all

_AGAIN_SECONDS = 1.0

_log = structlog.get_logger()


class Rounds:
    """Opens the rounds of a market by the clock and drives them. `run` is its one task."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._drivers: dict[int, Driver] = {}
        self._tasks: dict[int, asyncio.Task[State]] = {}
        self._stopping = False

    def round(self, start: int) -> Round | None:
        """A round that is being driven."""
        driver = self._drivers.get(start)
        return None if driver is None else driver.round

    def state(self, start: int) -> State | None:
        """How far a round is that is being driven; it collects as soon as orders are taken."""
        driver = self._drivers.get(start)
        if driver is not None and driver.state is State.COLLECTING and not driver.round.taking:
            return State.OPENING
        return None if driver is None else driver.state

    @property
    def starts(self) -> list[int]:
        """The periods of all rounds that are being driven."""
        return sorted(self._drivers)

    async def run(self) -> None:
        """Resume what was begun, then open round after round, until cancelled: rounds then stay where they are."""
        try:
            while True:
                now = self._node.clock.now_ms()  # before: what becomes due meanwhile is looked for again
                await self._retrying(self._resume)
                await self._retrying(self._open_due)
                schedule = self._node.schedule
                await near(self._node.clock, schedule.opens(schedule.next_start(now)))
        finally:
            self._stopping = True
            await cancel_all(self._tasks.values())

    async def _retrying(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await work()
            except LedgerError as error:
                _log.error("storage fails", reason=str(error))
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _resume(self) -> None:
        for row in await self._node.ledger.unfinished_rounds():
            if row.market == self._node.market.id and row.start not in self._drivers:
                with self._logged_if_without_key(row.start):
                    self._drive(row)

    async def _open_due(self) -> None:
        """Open every round whose time has come. One that this party has missed altogether is left out."""
        schedule, market = self._node.schedule, self._node.market.id
        first = await self._node.business.first(self._node)
        if first is None:
            return
        for start in schedule.open_starts(self._node.clock.now_ms()):
            if start < first or start in self._drivers or await self._node.ledger.round(market, start) is not None:
                continue
            with self._logged_if_without_key(start):
                self._node.key(start)
                row = await self._node.ledger.create_round(
                    market,
                    start,
                    opens_ms=schedule.opens(start),
                    gate_ms=schedule.gate(start),
                    deadline_ms=schedule.deadline(start),
                    state=State.OPENING,
                )
                self._drive(row)

    @contextlib.contextmanager
    def _logged_if_without_key(self, start: int) -> Iterator[None]:
        """The key that signs a round may be erased too early, or come too late: the other rounds go on meanwhile."""
        try:
            yield
        except InvalidSettingsError as error:
            _log.error("round not driven", market=self._node.market.id, start=start, reason=str(error))

    def _drive(self, row: RoundRow) -> None:
        current = Round(self._node, row)
        current.following = Following(current)
        driver = self._drivers[row.start] = Driver(current, State(row.state))
        self._start(driver)

    def _start(self, driver: Driver) -> None:
        task = self._tasks[driver.round.start] = asyncio.create_task(driver.run())
        task.add_done_callback(lambda task: self._ended(driver, task))

    def _ended(self, driver: Driver, task: "asyncio.Task[State]") -> None:
        """A round has come to its end; or its task has stopped by a fault of this program: then it begins again."""
        if task.cancelled():
            return
        error = task.exception()
        start = driver.round.start
        if error is None:
            self._drivers.pop(start, None)
            self._tasks.pop(start, None)
            self._node.board.ring(start)
        else:
            # Without the text of an error that nobody foresaw: it might hold what a log must not.
            reason = str(error) if isinstance(error, MarketError) else type(error).__name__
            where = traceback.format_tb(error.__traceback__)[-1].splitlines()[0].strip()
            driver.round.log.error("round stumbles", state=driver.state.value, reason=reason, where=where)
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._restart, driver)

    def _restart(self, driver: Driver) -> None:
        if not self._stopping:
            self._start(driver)

    @property
    def counts(self) -> Counter[State]:
        """How many rounds are being driven, by state."""
        return Counter(driver.state for driver in self._drivers.values())

    @property
    def signed_ms(self) -> int | None:
        """Since when the round waits that has waited longest for what others have signed; None if none does."""
        since = [driver.since_ms for driver in self._drivers.values() if driver.state is State.SIGNED]
        return min(since, default=None)
