"""Workers as processes of their own (`parties.worker`), speaking with the others' over mutual TLS."""

import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from mpc_market.errors import MarketError
from mpc_market.wire.identifiers import order_id
from parties.compute.messages import Connect, TlsFiles
from parties.files.party_home import PartyHome
from parties.net import Address
from parties.service.workers import (
    AttemptError,
    Closed,
    CloseTask,
    Computed,
    GroupTotal,
    OnVerdicts,
    Settled,
    SettleTask,
    Task,
)
from parties.worker import (
    ClosingInput,
    ClosingResult,
    SettlementInput,
    SettlementResult,
    Worker,
    WorkerInput,
    WorkerResult,
)

SELECT_ORDERS = 10_000
"""From so many orders on, and always for more than three parties, the method without a sort is the faster one."""

_R = TypeVar("_R")


class ProcessWorkers:
    """Starts worker processes."""

    async def start(self, home: PartyHome, now: int) -> "ProcessWorker":
        """A fresh worker that listens where the market file says. Raises: AttemptError."""
        try:
            worker = await Worker.start()
            try:
                bound = await worker.listen(home.listen.mpc, home.party.mpc_ports)
            except BaseException:
                await worker.kill()
                raise
        except MarketError as error:
            raise AttemptError(str(error)) from None
        return ProcessWorker(home, now, worker, bound)


class ProcessWorker:
    """One worker process, for one attempt."""

    def __init__(self, home: PartyHome, now: int, worker: Worker, bound: Address) -> None:
        parties = home.market.parties
        peers = {
            number: party.keys_at(now).certificate or ""
            for number, party in enumerate(parties)
            if number != home.number
        }
        self.address = Address(home.party.mpc_host, bound.port, bound.pulse_port)
        self._party = home.number
        self._tls = TlsFiles(home.identity(now), peers)
        self._worker = worker

    async def compute(
        self, addresses: Sequence[Address], tokens: Mapping[int, bytes], task: Task, on_verdicts: OnVerdicts
    ) -> Computed:
        """See `Worker`. Raises: AttemptError; whatever `on_verdicts` raises."""
        given = _input(task, len(addresses))

        async def run(answer: OnVerdicts) -> WorkerResult:
            return await self._worker.run(given, answer, task.seconds)

        return _computed(await self._run(addresses, tokens, run, on_verdicts))

    async def settle(
        self, addresses: Sequence[Address], tokens: Mapping[int, bytes], task: SettleTask, on_verdicts: OnVerdicts
    ) -> Settled:
        """See `Worker`. Raises: AttemptError; whatever `on_verdicts` raises."""

        async def run(answer: OnVerdicts) -> SettlementResult:
            return await self._worker.settle(_settlement_input(task), answer, task.seconds)

        return _settled(await self._run(addresses, tokens, run, on_verdicts))

    async def close(self, addresses: Sequence[Address], tokens: Mapping[int, bytes], task: CloseTask) -> Closed:
        """See `Worker`. Raises: AttemptError."""

        async def run(_: OnVerdicts) -> ClosingResult:
            return await self._worker.close_month(_closing_input(task), task.seconds)

        async def nothing(_: bytes) -> None:
            """A closing finds no verdicts."""

        return _closed(await self._run(addresses, tokens, run, nothing))

    async def _run(
        self,
        addresses: Sequence[Address],
        tokens: Mapping[int, bytes],
        run: Callable[[OnVerdicts], Awaitable[_R]],
        on_verdicts: OnVerdicts,
    ) -> _R:
        """Connect, then have the worker run. Raises: AttemptError; whatever `on_verdicts` raises."""
        answered: list[MarketError] = []

        async def answer(verdicts: bytes) -> None:
            try:
                await on_verdicts(verdicts)
            except MarketError as error:
                answered.append(error)
                raise

        try:
            await self._worker.connect(Connect(self._party, addresses, tokens, self._tls))
            return await run(answer)
        except MarketError as error:
            if error in answered:
                raise
            raise AttemptError(str(error)) from None

    async def end(self) -> None:
        """End the process."""
        await self._worker.kill()


def _input(task: Task, parties: int) -> WorkerInput:
    orders = len(task.meters) * task.orders
    return WorkerInput(
        market=task.rules,
        orders_each=task.orders,
        order_ids=[order_id(meter, k) for meter in task.meters for k in range(task.orders)],
        maxima=task.maxima,
        suppliers=task.suppliers,
        supplier_count=task.supplier_count,
        words=task.words,
        check_seed=task.check_seed,
        ticket_seed=task.ticket_seed,
        verdicts=task.verdicts,
        method="select" if parties > 3 or orders >= SELECT_ORDERS else "sort",
    )


def _computed(result: WorkerResult) -> Computed:
    return Computed(
        price=result.price,
        verdicts=result.verdicts,
        accepted=[struct.pack(f"<{len(words)}Q", *words) for words in result.accepted if words],
        traded=[struct.pack("<2Q", *words) for words in result.traded if words],
        users=result.users,
        totals=[struct.pack("<2Q", bought, sold) for bought, sold in zip(result.bought, result.sold, strict=True)],
        stages=result.effort.stage_seconds,
        bytes_sent=result.effort.bytes_sent,
    )


def _settlement_input(task: SettleTask) -> SettlementInput:
    rows = len(task.ids)
    return SettlementInput(
        market=task.rules,
        minimum_group=task.minimum_group,
        check_seed=task.check_seed,
        ids=task.ids,
        periods=[0] * rows,
        period_count=1,
        maxima=task.maxima,
        suppliers=task.suppliers,
        supplier_count=task.supplier_count,
        regions=task.regions,
        region_count=task.region_count,
        metered=task.metered,
        counted=task.counted,
        traded=task.traded,
        words=task.words,
        verdicts=task.verdicts,
    )


def _settled(result: SettlementResult) -> Settled:
    totals = [GroupTotal(each.supplier, each.region, each.users, each.shares) for each in result.totals]
    effort = result.effort
    return Settled(result.verdicts, result.entries, totals, effort.stage_seconds, effort.bytes_sent)


def _closing_input(task: CloseTask) -> ClosingInput:
    return ClosingInput(
        scale=task.scale,
        accounts=[account for account, _ in task.lines],
        rates=[(rates.retail, rates.feed_in, rates.fee) for _, rates in task.lines],
        volumes=task.volumes,
        bookings=task.bookings,
        totals=[(imported, exported) for imported, exported in task.totals],
        ids=task.ids,
    )


def _closed(result: ClosingResult) -> Closed:
    effort = result.effort
    return Closed(result.due, result.volumes, result.totals, effort.stage_seconds, effort.bytes_sent)
