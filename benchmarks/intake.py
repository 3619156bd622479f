"""How many orders a second does one party take in, and how long does a meter wait for its receipt?

python -m benchmarks.intake              about two minutes; writes `results/intake.json`

One party on one core, all others ended; the sender is on the other core, with kept-alive TLS connections. A receipt
comes when the order is on the disk: at the end the party is killed, and every order with a receipt is looked for.
"""

import asyncio
import ssl
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.lone_party import LoneParty, lone_party
from benchmarks.quantiles import quantiles
from benchmarks.record import Record, Row, say
from benchmarks.usage import Usage
from mpc_market.wire.message import read_signed
from mpc_market.wire.receipt import Receipt, check_receipt
from mpc_market.wire.submission import Submission
from parties.compute.event_loop import new_event_loop
from parties.tls import client_context

NAME = "intake"
QUESTION = "How many orders a second does one party on one core take in, each durable before its receipt?"

CONNECTIONS = 64
RATE = 300
"""Orders a second that were aimed at."""

ORDERS = 6_000
"""Of each case."""

_ENDS = b"\r\n\r\n"
_TRY_AGAIN_SECONDS = 0.1


@dataclass(frozen=True)
class Sent:
    """A request that was answered. Times in seconds: when it was to be sent, and when its receipt was there."""

    submission: Submission
    due: float
    done: float
    receipt: bytes = field(repr=False)


class Sender:
    """Sends submissions over kept-alive connections: each takes the next as soon as it is free."""

    def __init__(self, party: LoneParty, seals: Sequence[int]) -> None:
        """`seals`: for which parties each copy holds the seals."""
        self._party, self._seals = party, seals
        now = int(time.time())
        running = party.community.running
        url = urlsplit(running.parties[0].api)
        self._host, self._port = url.hostname or "", url.port or 0
        self._tls: ssl.SSLContext = client_context(running.parties[0].certificates(now))
        self._head = (
            f"POST /v1/markets/{running.id}/periods/{party.terms.period.start}/orders HTTP/1.1\r\n"
            f"host: {url.netloc}\r\ncontent-type: application/octet-stream\r\ncontent-length: "
        ).encode("ascii")

    async def send(self, submissions: Sequence[Submission], connections: int, rate: float | None) -> list[Sent]:
        """Send all of them, `rate` of them a second (None: as fast as they are answered). Raises: RuntimeError."""
        bodies = [submission.only_for(*self._seals).encode() for submission in submissions]
        requests = [self._head + f"{len(body)}".encode() + _ENDS + body for body in bodies]
        ways = [
            await asyncio.open_connection(self._host, self._port, ssl=self._tls, server_hostname=self._host)
            for _ in range(connections)
        ]
        begun = time.perf_counter()
        waiting = iter(enumerate(requests))
        sent: list[Sent] = []

        async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for number, request in waiting:
                due = time.perf_counter() if rate is None else begun + number / rate
                if (early := due - time.perf_counter()) > 0:
                    await asyncio.sleep(early)
                writer.write(request)
                while (receipt := await _answer(reader)) is None:
                    await asyncio.sleep(_TRY_AGAIN_SECONDS)
                    writer.write(request)
                sent.append(Sent(submissions[number], due, time.perf_counter(), receipt))
            writer.close()
            await writer.wait_closed()

        async with asyncio.TaskGroup() as group:
            for way in ways:
                group.create_task(use(*way))
        return sent


async def _answer(reader: asyncio.StreamReader) -> bytes | None:
    """The receipt; None for "not open yet": a party says that a round collects a moment before it takes orders."""
    head = (await reader.readuntil(_ENDS)).lower()
    body = await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
    if head.startswith(b"http/1.1 200 "):
        return body
    if head.startswith(b"http/1.1 425 "):
        return None
    raise RuntimeError(f"an order was not taken: {head[:400]!r}")


def check(party: LoneParty, sent: Sequence[Sent]) -> None:
    """Are all receipts signed by the party, each for its submission? Raises: WireError."""
    committee = party.community.running.committee(party.terms.period.start)
    for each in sent:
        receipt = read_signed(Receipt, each.receipt, committee, party.terms.period, 0).message
        check_receipt(receipt, each.submission.header)


async def _case(party: LoneParty, submissions: Sequence[Submission], rate: float | None, connections: int) -> Row:
    usage = Usage([party.pid], [])
    usage.look()
    begun = time.time()
    sent = await Sender(party, [0]).send(submissions, connections, rate)
    usage.look()
    check(party, sent)
    seconds = max(each.done for each in sent) - min(each.due for each in sent)
    (cpu,) = usage.parties_between(begun, time.time())
    return {
        "orders": len(sent),
        "connections": connections,
        "offered_per_second": rate,
        "orders_per_second": round(len(sent) / seconds, 1),
        "receipt_seconds": quantiles([each.done - each.due for each in sent]),
        "cpu_milliseconds_per_order": round(1000 * cpu / len(sent), 3),
        "peak_memory": usage.peak_memory[0],
    }


CASES: dict[str, float | None] = {"as fast as it can": None, f"{RATE} a second": RATE}


async def run(orders: int, connections: int, report: Callable[[str, Row], None]) -> None:
    """Measure both cases with this many orders each. Raises: RuntimeError if an order with a receipt is not stored."""
    with tempfile.TemporaryDirectory(prefix="mpc-market-") as name:
        async with lone_party(Path(name), len(CASES) * orders) as party:
            say(f"{NAME}: {len(party.submissions)} submissions are made")
            await party.leave_alone()
            for number, (case, rate) in enumerate(CASES.items()):
                some = party.submissions[number * orders : (number + 1) * orders]
                report(case, await _case(party, some, rate, connections))
            held = await party.kill()
        if held != len(party.submissions):
            raise RuntimeError(f"{len(party.submissions)} orders have receipts, and {held} are held after a crash")


def main() -> None:
    """Measure and write `results/intake.json`."""
    record = Record(NAME, QUESTION)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run(ORDERS, CONNECTIONS, lambda case, row: print(record.measure(case, lambda: row))))
    record.finish()


if __name__ == "__main__":
    main()
