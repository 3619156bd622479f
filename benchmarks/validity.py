"""What does checking that every submission is an order cost, beside clearing the orders? At most 15 % is the target.

python -m benchmarks.validity

A round of a running market, as the parties' services have it computed: fresh worker processes for each, over loopback.
With the check, and without it, as at a second attempt, where the verdicts are known; by turns, so that both meet the
same machine. Of what is repeated the fastest counts. The verdicts' way to the other services is not in it.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

import numpy as np

from benchmarks.measure import PRICE_BITS, QUANTITY_BITS, book
from benchmarks.record import Record, Row, say
from mpc_market.field.shamir import recombine, share, threshold
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Market, Order, Rationing
from mpc_market.secure.clearing import Method
from mpc_market.wire.layout import order_bits
from parties.compute.messages import Connect
from parties.net import TOKEN_BYTES
from parties.worker import ClearingInput, ClearingResult, Worker

NAME = "validity"
QUESTION = "What does checking that every submission is an order add to the clearing?"

PARTIES, METERS, REPETITIONS = 3, 10_000, 5
CASES = (
    (Rationing.LOTTERY, Method.SELECT),  # the fastest clearing: of it the check is the largest part
    (Rationing.LOTTERY, Method.SORT),
    (Rationing.PRO_RATA, Method.SORT),
)
_MAXIMUM = 2**QUANTITY_BITS - 1
_SEED = bytes(32)  # a benchmark's orders are no secret
_SECONDS = 600.0


def measure(rationing: Rationing, method: Method, meters: int = METERS, repetitions: int = REPETITIONS) -> Row:
    """Rounds of this many meters with one order each, with and without the check.

    Raises: RuntimeError if an outcome differs from the plaintext rule.
    """
    return asyncio.run(_measure(Market(PRICE_BITS, QUANTITY_BITS, rationing), method, meters, repetitions))


async def _measure(market: Market, method: Method, meters: int, repetitions: int) -> Row:
    orders = [Order(f"{one.order_id}/0", one.side, one.price, one.quantity) for one in book(meters)]
    words = _dealt(orders, market)
    runs: dict[bool, list[Sequence[ClearingResult]]] = {True: [], False: []}
    for _ in range(repetitions):
        for checked in (True, False):
            verdicts = None if checked else bytes(meters)
            runs[checked].append(await _round(_inputs(orders, market, words, verdicts, method)))
            _compare(runs[checked][-1], orders, market)
    with_check, without = ([_seconds(each) for each in runs[checked]] for checked in (True, False))
    return {
        "m": PARTIES,
        "n": meters,
        "rationing": market.rationing.value,
        "method": method.value,
        "price_bits": PRICE_BITS,
        "quantity_bits": QUANTITY_BITS,
        "seconds": min(with_check),
        "unchecked_seconds": min(without),
        "part": round(min(with_check) / min(without) - 1, 4),
        "check_seconds": min(round(each[0].effort.stage_seconds["validity"], 5) for each in runs[True]),
        "runs": with_check,
        "unchecked_runs": without,
    }


def _dealt(orders: Sequence[Order], market: Market) -> list[list[bytes]]:
    """For every party its words of each submission."""
    rows = [order_bits([order], order.order_id.removesuffix("/0"), market, _MAXIMUM) for order in orders]
    held = share(np.array(rows, np.uint64), PARTIES)
    return [[row.tobytes() for row in words.astype("<u8", copy=False)] for words in held]


def _inputs(
    orders: Sequence[Order], market: Market, words: Sequence[Sequence[bytes]], verdicts: bytes | None, method: Method
) -> list[ClearingInput]:
    n = len(orders)
    return [
        ClearingInput(
            market=market,
            orders_each=1,
            order_ids=[order.order_id for order in orders],
            maxima=[_MAXIMUM] * n,
            suppliers=[0] * n,
            supplier_count=1,
            words=held,
            check_seed=_SEED,
            ticket_seed=_SEED,
            verdicts=verdicts,
            method=method.value,
        )
        for held in words
    ]


async def _round(given: Sequence[ClearingInput]) -> list[ClearingResult]:
    """One round by fresh workers of all parties."""

    async def stored(_: bytes) -> None:
        """All services have the verdicts, at once."""

    async with AsyncExitStack() as stack:
        workers = await asyncio.gather(*(Worker.start() for _ in given))
        for worker in workers:
            await stack.enter_async_context(worker)
        addresses = await asyncio.gather(*(worker.listen("127.0.0.1", range(0)) for worker in workers))
        tokens: list[dict[int, bytes]] = [{} for _ in workers]
        for i in range(len(workers)):
            for j in range(i):
                tokens[i][j] = tokens[j][i] = secrets.token_bytes(TOKEN_BYTES)
        await asyncio.gather(
            *(worker.connect(Connect(i, addresses, tokens[i], None, _SECONDS)) for i, worker in enumerate(workers))
        )
        return await asyncio.gather(
            *(worker.clear(each, stored, _SECONDS) for worker, each in zip(workers, given, strict=True))
        )


def _seconds(results: Sequence[ClearingResult]) -> float:
    """From the beginning of the computation to its end, at the slowest party."""
    return round(max(sum(result.effort.stage_seconds.values()) for result in results), 5)


def _compare(results: Sequence[ClearingResult], orders: Sequence[Order], market: Market) -> None:
    """Raises: RuntimeError."""
    expected = clear(orders, market, _SEED)
    accepted = recombine([np.array(each.accepted, np.uint64) for each in results], threshold(len(results)))
    if {each.price for each in results} != {expected.price} or tuple(accepted[:, 0].tolist()) != expected.accepted:
        raise RuntimeError(f"{market}: the outcome differs from the plaintext rule")


def main(*, resume: bool = False) -> None:
    """Measure everything and write `results/validity.json`."""
    record = Record(NAME, QUESTION, resume=resume)
    for rationing, method in CASES:
        row = record.measure(f"n={METERS} {rationing.value} {method.value}", partial(measure, rationing, method))
        say(f"the check adds {row['part']:.1%}")
    record.finish()


if __name__ == "__main__":
    main()
