"""The services of all compute parties, each with a worker of its own: real processes, TLS on loopback."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import uvloop

from mpc_market.errors import MarketError
from mpc_market.rules.model import Market
from parties.compute.messages import Connect, TlsFiles
from parties.net import TOKEN_BYTES, Address
from parties.tls.certificate import make_key_pair
from parties.worker import ClearingInput, ClearingResult, OnVerdicts, Worker
from parties.worker.process import COMMAND
from tests.secure.meters import Sent, submissions_at

CHECK_SEED, TICKET_SEED = bytes(range(32)), bytes(range(100, 132))


async def accept(verdicts: bytes) -> None:
    """All have signed and stored them."""


def tls_files(folder: Path, parties: int) -> list[TlsFiles]:
    """Keys and certificates of all parties."""
    made = [make_key_pair(f"party {number}", ["127.0.0.1"]) for number in range(parties)]
    identities = []
    for number, pair in enumerate(made):
        (folder / str(number)).mkdir()
        identities.append(pair.write(folder / str(number)))
    return [TlsFiles(identities[i], {j: made[j].certificate for j in range(parties) if j != i}) for i in range(parties)]


def told(addresses: Sequence[Address], tls: Sequence[TlsFiles | None], seconds: float = 8.0) -> list[Connect]:
    """What every worker is told of its peers."""
    tokens: list[dict[int, bytes]] = [{} for _ in addresses]
    for i in range(len(addresses)):
        for j in range(i):
            tokens[i][j] = tokens[j][i] = secrets.token_bytes(TOKEN_BYTES)
    return [Connect(i, addresses, tokens[i], tls[i], seconds) for i in range(len(addresses))]


@asynccontextmanager
async def workers(
    folder: Path, parties: int = 3, commands: Sequence[Sequence[str]] | None = None
) -> AsyncIterator[list[Worker]]:
    """Workers that are connected with each other."""
    commands = commands or [COMMAND] * parties
    async with AsyncExitStack() as stack:
        started = await asyncio.gather(*map(Worker.start, commands))
        for worker in started:
            await stack.enter_async_context(worker)
        addresses = await asyncio.gather(*(worker.listen("127.0.0.1", range(0)) for worker in started))
        connects = told(addresses, tls_files(folder, parties))
        await asyncio.gather(*(worker.connect(each) for worker, each in zip(started, connects, strict=True)))
        yield started


def inputs(
    sent: Sequence[Sent],
    market: Market,
    each: int = 1,
    parties: int = 3,
    suppliers: int = 1,
    verdicts: bytes | None = None,
    method: str = "sort",
) -> list[ClearingInput]:
    """What the services hand to their workers."""
    held = [submissions_at(party, sent, market, each, suppliers) for party in range(parties)]
    return [
        ClearingInput(
            market,
            each,
            one.order_ids,
            one.maxima.tolist(),
            one.suppliers.tolist(),
            suppliers,
            [np.ascontiguousarray(words, "<u8").tobytes() for words in one.words],
            CHECK_SEED,
            TICKET_SEED,
            verdicts,
            method,
        )
        for one in held
    ]


async def run_all(
    started: Sequence[Worker],
    given: Sequence[ClearingInput],
    on_verdicts: Sequence[OnVerdicts] | None = None,
    seconds: float = 30.0,
) -> list[ClearingResult | BaseException]:
    """What every worker gives, or how it failed."""
    callbacks = on_verdicts or [accept] * len(started)
    return await asyncio.gather(
        *(worker.clear(*each, seconds) for worker, *each in zip(started, given, callbacks, strict=True)),
        return_exceptions=True,
    )


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def run(test: Callable[[], Awaitable[None]], seconds: float = 60.0, loop: str = "uvloop") -> None:
    """Run a test in an event loop that complains about everything."""

    async def limited() -> None:
        complaints: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        await asyncio.wait_for(test(), seconds)
        assert not complaints

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(limited())


def errors(results: Sequence[ClearingResult | BaseException]) -> list[str]:
    """The failures, by class and text."""
    for result in results:
        assert isinstance(result, MarketError), result
    return [f"{type(result).__name__}: {result}" for result in results]
