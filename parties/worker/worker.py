"""The worker of one party's service: one attempt at one round, in a process of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from mpc_market.errors import MarketError
from mpc_market.rules.model import Market
from parties.compute.channel import ChannelClosedError, Header
from parties.compute.clearing_messages import CLEARED, ClearingDone
from parties.compute.messages import (
    CONNECTED,
    FAILURE,
    LISTENING,
    PREPARED,
    PROCEED,
    READY,
    STAGE,
    VERDICTS,
    Connect,
    FoundVerdicts,
    Listen,
    Listening,
    Prepare,
    Prepared,
    Stage,
    kind,
    read_failure,
)
from parties.compute.settlement_messages import CLOSED, SETTLED, ClosingDone, SettlementDone
from parties.net import Address
from parties.worker.clearing import ClearingInput, ClearingResult
from parties.worker.errors import WorkerError
from parties.worker.process import COMMAND, ComputeProcess
from parties.worker.settlement import (
    ClosingInput,
    ClosingResult,
    SettlementInput,
    SettlementResult,
    check_closed,
    check_settled,
)

OnVerdicts = Callable[[bytes], Awaitable[None]]
"""Given the verdicts, one byte for each submission: returns when all parties have signed and stored the same ones."""

GRACE_SECONDS = 5.0
"""How much longer than its own time limit a worker may take to say that the time is up."""

_START_SECONDS = 60.0
_LISTEN_SECONDS = 10.0
_LEAVE_SECONDS = 12.0
_END_SECONDS = 1.5

_T = TypeVar("_T")


async def _no_verdicts(_: bytes) -> None:
    raise WorkerError("the worker sent verdicts where none were due")


_Message = tuple[Header, bytes]


class Worker:
    """A compute process, from `start` to the end of `async with`, for one attempt at one round.

    The methods are to be called in their sequence; `prepare` may be left out. Whatever one of them raises, the attempt
    is over. A peer that is to blame is named by a PeerError, as far as this party has seen it (HearsayError: has been
    told); WorkerError is about the worker itself; a MarketError of another class is what the engine in it has raised.

    `failed` gets the error that ended the attempt as its result, also while no method is running.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._process = ComputeProcess(command)
        self._inbox: asyncio.Queue[_Message] = asyncio.Queue()
        self._given: ClearingInput | SettlementInput | ClosingInput | None = None
        self._done = False
        self.failed: asyncio.Future[MarketError] = asyncio.get_running_loop().create_future()
        self._listener = asyncio.create_task(self._take_messages())

    @classmethod
    async def start(cls, command: Sequence[str] = COMMAND) -> Self:
        """Start a process, and wait until it has loaded what it needs: a second or two.

        Raises: WorkerError.
        """
        try:
            worker = cls(command)
        except OSError as error:
            raise WorkerError(f"the worker cannot be started: {error.strerror}") from None
        try:
            async with worker._within(_START_SECONDS):
                await worker._next(READY)
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the process, whatever has happened: with a result, when the peers do not need it any more."""
        try:
            if self._done and error is None:
                await asyncio.wait({self.failed}, timeout=_LEAVE_SECONDS)
        finally:
            await self.kill()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def listen(self, host: str, ports: range) -> Address:
        """Bind two free ports of a range on this host, and say which. An empty range: any ports.

        Raises: WorkerError; ProtocolError if there are no free ports.
        """
        first, last = (ports[0], ports[-1]) if ports else (0, 0)
        async with self._within(_LISTEN_SECONDS):
            await self._send(Listen(host, first, last).header())
            header, _ = await self._next(LISTENING)
        return Listening.read(header).address

    async def connect(self, told: Connect) -> None:
        """Connect with all peers.

        Raises: PeerError naming a peer that could not be reached in time; WorkerError.
        """
        async with self._within(told.seconds + GRACE_SECONDS):
            await self._send(told.header())
            await self._next(CONNECTED)

    async def prepare(self, orders_max: int, market: Market, method: str, seconds: float) -> Prepared:
        """Make what the round needs besides orders, for up to this many of them, together with all peers.

        Returns what it took. Raises: BookTooLargeError; PeerError, WorkerError, ProtocolError.
        """
        market.check_size(orders_max)
        async with self._within(seconds + GRACE_SECONDS):
            await self._send(Prepare(orders_max, market, method, seconds).header())
            header, _ = await self._next(PREPARED)
        return Prepared.read(header)

    async def clear(
        self,
        given: ClearingInput,
        on_verdicts: OnVerdicts,
        seconds: float,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> ClearingResult:
        """Check and clear the round within this many seconds, together with all peers.

        `on_verdicts` is called unless the verdicts are given. It is cancelled when the attempt fails meanwhile: it must
        store what is to be kept before it waits for anybody. `on_stage` is called with the name of each stage.
        Raises: PeerError, WorkerError, ProtocolError, BookTooLargeError, InvalidSettingsError, ShareError; what
        `on_verdicts` and `on_stage` raise.
        """
        done, payload = await self._compute(given, CLEARED, on_verdicts, seconds, on_stage)
        result = ClearingResult.of(ClearingDone.read(done), payload)
        self._done = True
        return result

    async def settle(
        self,
        given: SettlementInput,
        on_verdicts: OnVerdicts,
        seconds: float,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> SettlementResult:
        """Settle rows of one or more periods within this time, together with all peers; otherwise as `clear`."""
        done, payload = await self._compute(given, SETTLED, on_verdicts, seconds, on_stage)
        result = SettlementResult.of(given, SettlementDone.read(done), payload)
        self._done = True
        return result

    async def close_month(
        self, given: ClosingInput, seconds: float, on_stage: Callable[[str], None] = lambda _: None
    ) -> ClosingResult:
        """Close a month within this many seconds, together with all peers; otherwise as `clear`."""
        done, payload = await self._compute(given, CLOSED, _no_verdicts, seconds, on_stage)
        result = ClosingResult.of(ClosingDone.read(done), payload)
        self._done = True
        return result

    async def _compute(
        self,
        given: ClearingInput | SettlementInput | ClosingInput,
        result: str,
        on_verdicts: OnVerdicts,
        seconds: float,
        on_stage: Callable[[str], None],
    ) -> _Message:
        """Hand over what is to be computed, and wait for the result."""
        self._given = given
        header, raw = given.message(seconds)
        async with self._within(seconds + GRACE_SECONDS):
            await self._send(header.header(), *raw)
            while True:
                told, payload = await self._next(STAGE, VERDICTS, result)
                if kind(told) == STAGE:
                    on_stage(Stage.read(told).name)
                elif kind(told) == VERDICTS:
                    await self._unless_failed(on_verdicts(payload))
                    await self._send({"kind": PROCEED})
                else:
                    return told, payload

    async def kill(self) -> None:
        """End the process at once: by hanging up, and if that does not help, by force. May be called again."""
        self._fail(WorkerError("the worker has been ended"))
        try:
            self._process.channel.hang_up()
            await self._process.wait(_END_SECONDS)
        finally:
            self._process.kill()
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._process.channel.close()

    # What the process sends

    async def _take_messages(self) -> None:
        try:
            while not self.failed.done():
                await self._take(await self._process.channel.receive())
        except ChannelClosedError:
            self._fail(WorkerError(f"the worker: {await self._process.how_it_ended()}"))
        except MarketError as error:
            self._fail(WorkerError(f"the worker: its process sent a malformed message: {error}"))

    async def _take(self, header: Header) -> None:
        what = kind(header)
        if what == FAILURE:
            self._fail(read_failure(header))
            return
        nbytes = 0
        if what == VERDICTS:
            nbytes = self._check_verdicts(FoundVerdicts.read(header))
        elif what == CLEARED:
            nbytes = self._check_result(ClearingDone.read(header))
        elif what == SETTLED:
            nbytes = check_settled(self._given, SettlementDone.read(header))
        elif what == CLOSED:
            nbytes = check_closed(self._given, ClosingDone.read(header))
        self._inbox.put_nowait((header, await self._process.channel.read(nbytes)))

    def _check_verdicts(self, found: FoundVerdicts) -> int:
        """How many bytes are behind it. Raises: WorkerError if it does not answer what was asked."""
        given = self._given
        asked = given.checked if isinstance(given, ClearingInput | SettlementInput) else None
        if found.submissions != asked:
            raise WorkerError("verdicts")
        return found.submissions

    def _check_result(self, result: ClearingDone) -> int:
        """The same."""
        given = self._given
        if not isinstance(given, ClearingInput):
            raise WorkerError("result")
        asked = (len(given.words), given.supplier_count, given.orders_each)
        price_is_possible = result.price is None or result.price < 2**given.market.price_bits
        if (
            (result.submissions, result.suppliers, result.orders_each) != asked
            or result.valid > result.submissions
            or not price_is_possible
        ):
            raise WorkerError("result")
        return result.raw_bytes

    def _fail(self, error: MarketError) -> None:
        if not self.failed.done():
            self.failed.set_result(error)

    # What the methods are made of

    @asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[None]:
        """Give the worker this long for an answer; an attempt in which anything goes wrong is over."""
        if self.failed.done():
            raise self.failed.result()
        try:
            async with asyncio.timeout(seconds) as limit:
                yield
        except BaseException as error:
            if isinstance(error, TimeoutError) and limit.expired():
                late = WorkerError(f"the worker has not answered within {seconds:g} s")
                self._fail(late)
                raise late from None
            self._fail(error if isinstance(error, MarketError) else WorkerError("the attempt was given up"))
            raise

    async def _send(self, header: Header, *raw: bytes) -> None:
        # A worker whose end of the channel is gone is heard of by the listener, with the reason.
        with contextlib.suppress(ChannelClosedError):
            await self._unless_failed(self._process.channel.send(header, *raw))

    async def _next(self, *expected: str) -> _Message:
        """The next message, of one of these kinds."""
        message = await self._unless_failed(self._inbox.get())
        if kind(message[0]) not in expected:
            raise WorkerError(f"the worker sent the message {kind(message[0])!r} instead of {expected[-1]!r}")
        return message

    async def _unless_failed(self, work: Awaitable[_T]) -> _T:
        """The result of `work`, unless the attempt fails before it is there."""
        task = asyncio.ensure_future(work)
        try:
            either: set[asyncio.Future[Any]] = {task, self.failed}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise self.failed.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
