"""Compute parties on this machine, and the clearing of markets by them."""

import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from mpc_market.errors import InvalidSettingsError, PeerError, ProtocolError
from mpc_market.field.shamir import threshold
from mpc_market.network import Vector
from mpc_market.rules.model import Clearing, Market, Order, check_orders
from mpc_market.secure.clearing import Method
from parties.compute.channel import ChannelClosedError, Header
from parties.compute.fields import WORD_BYTES
from parties.compute.messages import (
    CONNECTED,
    FAILURE,
    LISTENING,
    PREPARED,
    PROCEED,
    READY,
    RESULT,
    STAGE,
    VERDICTS,
    Connect,
    Listen,
    Listening,
    Prepare,
    Prepared,
    RoundResult,
    Stage,
    TlsFiles,
    kind,
    read_failure,
)
from parties.compute.settlement_messages import CLOSED, SETTLED
from parties.local.dealing import Columns, Ids, hand_over
from parties.local.delivery import put_together
from parties.local.outcome import Figures, Outcome, Preparing
from parties.local.settlement import Closed, Job, Settled, announced
from parties.local.trouble import Trouble
from parties.net import PARTIES, TOKEN_BYTES
from parties.tls.certificate import make_key_pair
from parties.worker import ClosingInput, SettlementInput
from parties.worker.process import COMMAND, ComputeProcess, end_all

SEED_BYTES = 32
_START_SECONDS = 60.0
_END_SECONDS = 1.5
_JOB_SECONDS = 3600.0

_T = TypeVar("_T")
_Reply = tuple[Header, bytes]


class LocalParties:
    """m compute parties on this machine, from `async with` to its end: then nothing of them is left.

    `on_stage` is called with "start", "input", and the name of every stage of computing as it begins.
    `command` starts one party's process; tests put faulty ones in its place. `tls`: whether they speak TLS with each
    other; on one machine that protects nothing more, but it costs what it costs between machines.

    Raises: InvalidSettingsError if `parties` is not 3, 5 or 7.
    """

    def __init__(
        self,
        parties: int = 3,
        on_stage: Callable[[str], None] | None = None,
        *,
        command: Sequence[str] = COMMAND,
        tls: bool = False,
    ) -> None:
        if parties not in PARTIES:
            raise InvalidSettingsError(f"{parties} compute parties: there must be 3, 5 or 7")
        self._parties = parties
        self._on_stage = on_stage or (lambda _: None)
        self._command = command
        self._tls = tls
        self._processes: list[ComputeProcess] = []
        self._listeners: list[asyncio.Task[None]] = []
        self._inboxes: list[asyncio.Queue[_Reply]] = []
        self._heard: set[int] = set()
        self._trouble = Trouble(parties)
        self._busy = asyncio.Lock()
        self._usable = False
        self._orders = 0
        self._given: Job | None = None
        self._prepared: Preparing | None = None
        self._start_seconds = 0.0

    async def __aenter__(self) -> Self:
        """Start the processes and have them connect with each other.

        Raises: PeerError naming a party that did not come up.
        """
        begin = time.perf_counter()
        self._on_stage("start")
        try:
            await self._start()
            self._usable = True
        finally:
            if not self._usable:
                await self._end()
        self._start_seconds = time.perf_counter() - begin
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the processes, whatever has happened."""
        await self._end()

    async def prepare(self, orders_max: int, market: Market, method: Method = Method.SORT) -> None:
        """Have the parties make what the next clearing needs besides orders, for up to `orders_max` of them.

        The next `clear` uses it, and only that one: it must be of the same market and method.
        Raises: BookTooLargeError; PeerError, ProtocolError as `clear`.
        """
        market.check_size(orders_max)
        begin = time.perf_counter()
        if self._prepared is not None:
            raise ProtocolError("the compute parties have prepared a round already")
        async with self._turn():
            self._on_stage("prepare")
            await self._tell([Prepare(orders_max, market, method.value).header()] * self._parties)
            replies = await self._unless_trouble(self._replies(PREPARED))
        reports = [Prepared.read(header) for header, _ in replies]
        self._prepared = Preparing(orders_max, market, method, time.perf_counter() - begin, reports)

    async def clear(
        self, orders: Sequence[Order], market: Market, seed: bytes | None = None, method: Method = Method.SORT
    ) -> Outcome:
        """Clear a market once; may be called again and again, every time with fresh keys.

        `seed`: 32 bytes, public, for the lots drawn among equal claims; None: the parties make it together.
        `method`: how it is computed; the outcome is the same.
        Raises: InvalidOrderError, BookTooLargeError, InvalidSettingsError before anything is sent;
        PeerError naming a party that was lost or broke the protocol; ProtocolError. After the latter two
        the parties are of no more use.
        """
        begin = time.perf_counter()
        if seed is not None and len(seed) != SEED_BYTES:
            raise InvalidSettingsError(f"the seed has {len(seed)} bytes, not {SEED_BYTES}")
        check_orders(orders, market)
        columns, ids = Columns.of(orders), Ids.of(orders)
        if self._prepared is not None:
            self._prepared.check(len(orders), market, method)
        async with self._turn():
            self._on_stage("input")
            self._orders = len(orders)
            channels = [process.channel for process in self._processes]
            await self._unless_trouble(hand_over(channels, ids, columns, market, seed, method.value))
            handed_over = time.perf_counter()
            replies = await self._unless_trouble(self._replies(RESULT))
            results = [(RoundResult.read(header), np.frombuffer(words, np.uint64)) for header, words in replies]
            clearing = put_together(results, orders, columns, seed)
            known = time.perf_counter()
        return self._outcome(clearing, results, handed_over - begin, known - handed_over)

    async def settle(self, given: Sequence[SettlementInput]) -> Settled:
        """Settle rows of any number of periods; may be called again and again, every time with fresh keys.

        `given`: what each party holds, in order of party number.
        Raises: PeerError, ProtocolError as `clear`; what the engine refuses (`SettlementInput`).
        """
        replies, times = await self._compute(given, SETTLED)
        return Settled.of(given, replies, times)

    async def close_month(self, given: Sequence[ClosingInput]) -> Closed:
        """Close a month; otherwise as `settle`."""
        replies, times = await self._compute(given, CLOSED)
        return Closed.of(replies, times)

    async def _compute(self, given: Sequence[Job], result: str) -> tuple[list[_Reply], tuple[float, float]]:
        """What every party answers to its job; seconds of handing over, and of computing."""
        begin = time.perf_counter()
        messages = [each.message(_JOB_SECONDS) for each in given]
        async with self._turn():
            self._on_stage("input")
            self._given = given[0]
            sending = (
                process.channel.send(replace(job, stays=True).header(), *raw)
                for process, (job, raw) in zip(self._processes, messages, strict=True)
            )
            await self._unless_trouble(_all(sending))
            handed_over = time.perf_counter()
            if isinstance(given[0], SettlementInput) and given[0].verdicts is None:
                found = await self._unless_trouble(self._replies(VERDICTS))
                if any(codes != found[0][1] for _, codes in found):
                    raise ProtocolError("the parties have found different verdicts")
                await self._tell([{"kind": PROCEED}] * self._parties)
            replies = await self._unless_trouble(self._replies(result))
            known = time.perf_counter()
        return replies, (handed_over - begin, known - handed_over)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Have the parties for oneself; whoever leaves it with an error leaves them of no more use."""
        async with self._busy:
            if not self._usable:
                raise ProtocolError("the compute parties do not run, or have stopped after a failure")
            self._usable = False
            yield
            self._usable = True

    def _outcome(
        self,
        clearing: Clearing,
        replies: Sequence[tuple[RoundResult, Vector]],
        input_seconds: float,
        compute_seconds: float,
    ) -> Outcome:
        results = [result for result, _ in replies]
        start, self._start_seconds = self._start_seconds, 0.0
        prepared, self._prepared = self._prepared, None
        prepare_seconds = prepared.seconds if prepared else 0.0
        reports = prepared.reports if prepared else [Prepared(0, 0.0)] * self._parties
        figures = Figures(
            orders=len(clearing.accepted),
            parties=self._parties,
            threshold=threshold(self._parties),
            communication_rounds=results[0].communication_rounds,
            bytes_sent=tuple(result.bytes_sent for result in results),
            seconds={
                "start": start,
                "input": input_seconds,
                "prepare": prepare_seconds,
                "compute": compute_seconds,
                "total": start + input_seconds + prepare_seconds + compute_seconds,
            },
            cpu_seconds=tuple(result.cpu_seconds for result in results),
            prepare_cpu_seconds=tuple(report.cpu_seconds for report in reports),
            prepare_bytes_sent=tuple(report.bytes_sent for report in reports),
            peak_memory=tuple(result.peak_memory for result in results),
            stage_seconds=results[0].stage_seconds,
        )
        return Outcome(clearing, results[0].seed, figures, [shares for _, shares in replies])

    async def _start(self) -> None:
        for number in range(self._parties):
            process = ComputeProcess(self._command)
            self._processes.append(process)
            self._inboxes.append(asyncio.Queue())
            self._listeners.append(asyncio.create_task(self._listen(number, process)))
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._unless_trouble(self._replies(READY))
        except TimeoutError:
            silent = next(number for number in range(self._parties) if number not in self._heard)
            raise PeerError(silent, f"its process did not come up within {_START_SECONDS:g} s") from None
        await self._tell([Listen("127.0.0.1").header()] * self._parties)
        replies = await self._unless_trouble(self._replies(LISTENING))
        addresses = [Listening.read(header).address for header, _ in replies]
        tokens: list[dict[int, bytes]] = [{} for _ in addresses]
        for i in range(self._parties):
            for j in range(i):
                tokens[i][j] = tokens[j][i] = secrets.token_bytes(TOKEN_BYTES)
        with _certificates(self._parties) if self._tls else nullcontext([None] * self._parties) as tls:
            await self._tell([Connect(i, addresses, tokens[i], tls[i]).header() for i in range(self._parties)])
            await self._unless_trouble(self._replies(CONNECTED))

    async def _tell(self, headers: Sequence[Header]) -> None:
        """Send every party its message, in order of party number."""
        sending = (process.channel.send(header) for process, header in zip(self._processes, headers, strict=True))
        await self._unless_trouble(_all(sending))

    async def _end(self) -> None:
        self._usable = False
        try:
            for listener in self._listeners:
                listener.cancel()
            await asyncio.gather(*self._listeners, return_exceptions=True)
        finally:
            end_all(self._processes, _END_SECONDS)

    async def _replies(self, expected: str) -> list[_Reply]:
        """The next message of every party, in order of party number."""
        replies = await _all(inbox.get() for inbox in self._inboxes)
        for party, (header, _) in enumerate(replies):
            if kind(header) != expected:
                raise ProtocolError(f"party {party} sent the message {kind(header)!r} instead of {expected!r}")
        return replies

    async def _listen(self, number: int, process: ComputeProcess) -> None:
        """Take what one party sends, until it ends."""
        try:
            while True:
                await self._take(number, process, await process.channel.receive())
        except ChannelClosedError:
            self._trouble.ended(number, await process.how_it_ended())
        except ProtocolError as error:
            self._trouble.ended(number, f"its process sent a malformed message: {error}")

    async def _take(self, number: int, process: ComputeProcess, header: Header) -> None:
        what = kind(header)
        self._heard.add(number)
        if what == FAILURE:
            self._trouble.reported(number, read_failure(header))
        elif what == STAGE:
            if number == 0:
                self._on_stage(Stage.read(header).name)
        else:
            nbytes = WORD_BYTES * self._orders if what == RESULT else announced(self._given, header)
            self._inboxes[number].put_nowait((header, await process.channel.read(nbytes)))

    async def _unless_trouble(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of `work`; or, when a party fails meanwhile, the error that says which and why."""
        task = asyncio.create_task(work)
        trouble = asyncio.create_task(self._trouble.begun.wait())
        either: set[asyncio.Task[Any]] = {task, trouble}
        try:
            await asyncio.wait({*either, *self._listeners}, return_when=asyncio.FIRST_COMPLETED)
            for listener in self._listeners:
                if listener.done():
                    listener.result()  # raises what `on_stage` has raised
            if task.done() and not isinstance(task.exception(), ChannelClosedError):
                return task.result()
            raise await self._trouble.verdict()
        finally:
            for each in either:
                each.cancel()
            await asyncio.gather(*either, return_exceptions=True)


async def _all(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    return await asyncio.gather(*work)


@contextmanager
def _certificates(parties: int) -> Iterator[list[TlsFiles | None]]:
    """Keys and certificates for the parties, in files that are gone afterwards: they are read while connecting."""
    with tempfile.TemporaryDirectory(prefix="mpc-market-") as name:
        folders = [Path(name, str(number)) for number in range(parties)]
        made = [make_key_pair(f"party {number}", ["127.0.0.1"]) for number in range(parties)]
        for folder in folders:
            folder.mkdir()
        identities = [pair.write(folder) for pair, folder in zip(made, folders, strict=True)]
        yield [
            TlsFiles(identities[i], {j: made[j].certificate for j in range(parties) if j != i}) for i in range(parties)
        ]
