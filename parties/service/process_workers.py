"""Workers as processes of their own (`parties.worker`), speaking with the others' over mutual TLS."""

import struct
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from mpc_market.errors import MarketError
from mpc_market.wire.identifiers import order_id
from parties.compute.messages import Connect, TlsFiles
from parties.files.party_home import PartyHome
from parties.net import Address
from parties.service.workers import AttemptError, Computed, OnVerdicts, Task, Way
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
"""From this many orders on, and always for more than three parties, the method without a sort is the faster one."""

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

    async def compute(self, way: Way, task: Task, on_verdicts: OnVerdicts) -> Computed:
        """See `Worker`. Raises: AttemptError; whatever `on_verdicts` raises."""
        given = _input(task, len(way.addresses))
        return _computed(await self._run(way, on_verdicts, partial(self._worker.run, given, seconds=way.seconds)))

    async def settle(self, way: Way, given: SettlementInput, on_verdicts: OnVerdicts) -> SettlementResult:
        """See `Worker`. Raises: AttemptError; whatever `on_verdicts` raises."""
        return await self._run(way, on_verdicts, partial(self._worker.settle, given, seconds=way.seconds))

    async def close(self, way: Way, given: ClosingInput) -> ClosingResult:
        """See `Worker`. Raises: AttemptError."""

        async def nothing(_: bytes) -> None:
            """A closing finds no verdicts."""

        return await self._run(way, nothing, lambda _: self._worker.close_month(given, way.seconds))

    async def _run(self, way: Way, on_verdicts: OnVerdicts, run: Callable[[OnVerdicts], Awaitable[_R]]) -> _R:
        """Connect, then have the worker run. Raises: AttemptError; whatever `on_verdicts` raises."""
        answered: list[MarketError] = []

        async def answer(verdicts: bytes) -> None:
            try:
                await on_verdicts(verdicts)
            except MarketError as error:
                answered.append(error)
                raise

        try:
            await self._worker.connect(Connect(self._party, way.addresses, way.tokens, self._tls))
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
        effort=result.effort,
    )
