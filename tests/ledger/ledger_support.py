"""What the tests of the ledger share: an event loop that complains, an open ledger, things to put into it."""

import asyncio
import contextlib
import functools
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import uvloop

from parties.ledger import Forward, Ledger, RecordRow, RoundRow, SubmissionRow

MARKET, START = "village", 1_800_000_000
PARTY = 1


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in the event loop that parties use; what the loop or a library complains about is a failure."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        complaints: list[Any] = []

        async def limited() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            await asyncio.wait_for(test(*args, **kwargs), 120)
            await asyncio.sleep(0)

        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: None if record.name.startswith("parties.") else complaints.append(record)
        logging.getLogger().addHandler(handler)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(limited())
        finally:
            logging.getLogger().removeHandler(handler)
        assert complaints == []

    return run


@contextlib.asynccontextmanager
async def opened(url: str, party: int = PARTY) -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(url, party)
    try:
        yield ledger
    finally:
        await ledger.close()


async def create(ledger: Ledger, market: str = MARKET, start: int = START, **changed: Any) -> RoundRow:
    """A round that opens a quarter of an hour before its gate, an hour before its period."""
    gate_ms = 1000 * (start - 3600)
    times = {"opens_ms": gate_ms - 900_000, "gate_ms": gate_ms, "deadline_ms": gate_ms + 600_000}
    return await ledger.create_round(market, start, **times | {"state": "open"} | changed)


def submission(meter: str = "meter-1", number: int = 1, **changed: Any) -> SubmissionRow:
    """A submission with contents of its own: two calls with the same arguments contradict each other."""
    given: dict[str, Any] = {
        "market": MARKET,
        "start": START,
        "meter": meter,
        "number": number,
        "header": secrets.token_bytes(200),
        "header_digest": secrets.token_bytes(32),
        "signature": secrets.token_bytes(64),
        "nonce": secrets.token_bytes(32),
        "words": secrets.token_bytes(360),
        "received_ms": 1_799_996_000_123,
        "receipt": secrets.token_bytes(150),
    }
    return SubmissionRow(**given | changed)


def forward(party: int, data: bytes = b"sealed", start: int = START) -> Forward:
    return Forward(MARKET, start, party, data)


async def append(ledger: Ledger, record: RecordRow) -> None:
    """Whatever stands before it."""
    await ledger.append_record(record.market, record.start, lambda _: record)


def chain(length: int, market: str = MARKET) -> list[RecordRow]:
    digests = [secrets.token_bytes(32) for _ in range(length + 1)]
    return [
        RecordRow(market, i + 1, START + 900 * i, digests[i], digests[i + 1], b"record %d" % i) for i in range(length)
    ]
