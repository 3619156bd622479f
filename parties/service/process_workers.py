"""Workers as processes of their own (`parties.worker`), speaking with the others' over mutual TLS."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from mpc_market.errors import MarketError
from parties.compute.messages import Connect, TlsFiles
from parties.files.party_home import PartyHome
from parties.net import Address
from parties.service.workers import AttemptError, OnVerdicts, Way
from parties.worker import (
    ClearingInput,
    ClearingResult,
    ClosingInput,
    ClosingResult,
    SettlementInput,
    SettlementResult,
    Worker,
)

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

    async def clear(self, way: Way, given: ClearingInput, on_verdicts: OnVerdicts) -> ClearingResult:
        """See `Worker`. Raises: AttemptError; whatever `on_verdicts` raises."""
        return await self._run(way, on_verdicts, partial(self._worker.clear, given, seconds=way.seconds))

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
