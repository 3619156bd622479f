"""How long does settlement take: one period of n users, and a month of 2,976 periods with its bills?

python -m benchmarks.settlement            everything, then the picture: five minutes; goes on if it was interrupted
python -m benchmarks.settlement 10000      only periods of up to this many users; prints, writes nothing

Real compute processes over loopback, which stay for all jobs of a case. Entries, totals and bills are compared with the
plaintext rule; of what is repeated, the last.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import numpy as np

from benchmarks import calibration, settlement_picture
from benchmarks.measure import book
from benchmarks.record import Record, Row, forget_partial, headline, say
from benchmarks.settlement_rows import MARKET, MINIMUM_GROUP, Rows, check, entries_of, inputs, make_rows, volumes_of
from mpc_market.field.mersenne import GF, Vector
from mpc_market.rules.model import VOLUMES
from mpc_market.rules.money import Cents, Scale
from mpc_market.rules.settlement import Bill, Line, Volumes
from mpc_market.rules.tariff import Rates
from parties.compute.messages import Effort
from parties.local import LocalParties
from parties.local.settlement import Closed, Settled
from parties.settling.accounts import Account, Booking, LineKey, month_books
from parties.worker import ClosingInput

NAME = "settlement"
QUESTION = "How long does settlement take, for a period and for a month?"

PARTIES = 3
PERIODS = {1_000: 9, 10_000: 5, 100_000: 3}
"""Repetitions by number of users."""

USERS, DAYS, DAY = 1_000, 31, 96
RATES = Rates(2000, 400, 300)
SCALE = Scale(MARKET, 0, 1, 3072, Cents(1, 100_000))
_WARM_UP = 1_000


def period(users: int, repetitions: int) -> Row:
    """A period of this many users, several times; the row is that of the run in the middle."""
    return asyncio.run(_period(users, repetitions))


async def _period(users: int, repetitions: int) -> Row:
    rows, runs = make_rows(users, 1, 0), []
    given = inputs(rows, PARTIES, "period")
    async with _parties() as (parties, start_seconds):
        for _ in range(repetitions):
            settled = await parties.settle(given)
            runs.append(settled)
        check(rows, settled, entries_of(settled))
    ordered = sorted(runs, key=lambda run: run.compute_seconds)
    figures = _figures([ordered[(len(ordered) - 1) // 2]])
    return {
        **_settings(users, 1, 1),
        **figures,
        "start_seconds": start_seconds,
        "runs": [round(run.compute_seconds, 4) for run in runs],
    }


def one_by_one() -> Row:
    """A day of 1,000 users, a job for each period: what putting periods together saves."""
    return asyncio.run(_one_by_one())


async def _one_by_one() -> Row:
    runs = []
    async with _parties() as (parties, start_seconds):
        for number in range(DAY):
            rows = make_rows(USERS, 1, number)
            runs.append(await parties.settle(inputs(rows, PARTIES, f"{number}")))
        check(rows, runs[-1], entries_of(runs[-1]))
    return {**_settings(USERS, DAY, DAY), **_figures(runs), "start_seconds": start_seconds}


def month(days: int = DAYS, users: int = USERS, periods: int = DAY) -> Row:
    """A month, a job for each day, and its bills."""
    return asyncio.run(_month(days, users, periods))


async def _month(days: int, users: int, periods: int) -> Row:
    prices = np.random.default_rng(days).integers(700, 2_000, (days, periods)).astype(np.uint64)
    held = [np.zeros((users, VOLUMES), np.uint64) for _ in range(PARTIES)]
    expected = np.zeros((users, VOLUMES), np.int64)
    runs, add_up_seconds = [], 0.0
    async with _parties() as (parties, start_seconds):
        for number in range(days):
            rows = make_rows(users, periods, number)
            settled = await parties.settle(inputs(rows, PARTIES, f"{number}"))
            entries = entries_of(settled)
            check(rows, settled, entries)
            today = [volumes_of(each, prices[number], users) for each in entries]
            if number == 0:
                add_up_seconds = _add_up(entries[0], prices[0], today[0])
            held = [GF.add(before, new) for before, new in zip(held, today, strict=True)]
            expected += _volumes(rows, prices[number])
            runs.append(_Run.of(settled))
        closed = await parties.close_month([_closing(each, days * periods) for each in held])
    _check_bills(closed, expected)
    figures = _figures([*runs, _Run.of(closed)])
    return {
        **_settings(users, days * periods, days),
        **figures,
        "settle_seconds": [round(run.compute_seconds, 3) for run in runs],
        "close_seconds": round(closed.compute_seconds, 3),
        "add_up_seconds_of_a_day": round(add_up_seconds, 3),
        "start_seconds": start_seconds,
    }


class _Run:
    """The figures of a job, without its shares: a month of them is not kept."""

    def __init__(self, efforts: Sequence[Effort], input_seconds: float, compute_seconds: float) -> None:
        self.efforts = efforts
        self.input_seconds = input_seconds
        self.compute_seconds = compute_seconds

    @classmethod
    def of(cls, done: Settled | Closed) -> "_Run":
        """Of what the parties have answered."""
        return cls(done.efforts, done.input_seconds, done.compute_seconds)


@asynccontextmanager
async def _parties() -> AsyncIterator[tuple[LocalParties, float]]:
    """Compute parties that have cleared a little and settled a little, which does not count; seconds to start them."""
    async with LocalParties(PARTIES) as parties:
        outcome = await parties.clear(book(100), MARKET)
        await parties.settle(inputs(make_rows(_WARM_UP, 1, 0), PARTIES, "warm"))
        yield parties, round(outcome.figures.seconds["start"], 3)


def _figures(runs: Sequence[Settled | _Run]) -> Row:
    """Of one job, or of several together: seconds and bytes add up, memory is the largest."""
    by_party = list(zip(*(run.efforts for run in runs), strict=True))
    stages: dict[str, float] = {}
    for run in runs:
        for name, seconds in run.efforts[0].stage_seconds.items():
            stages[name] = stages.get(name, 0.0) + seconds
    return {
        "compute_seconds": round(sum(run.compute_seconds for run in runs), 4),
        "input_seconds": round(sum(run.input_seconds for run in runs), 4),
        "communication_rounds": sum(run.efforts[0].communication_rounds for run in runs),
        "cpu_seconds": [round(sum(each.cpu_seconds for each in efforts), 4) for efforts in by_party],
        "bytes_sent": [sum(each.bytes_sent for each in efforts) for efforts in by_party],
        "peak_memory": [max(each.peak_memory for each in efforts) for efforts in by_party],
        "stage_seconds": {name: round(seconds, 4) for name, seconds in stages.items()},
        "load": round(os.getloadavg()[0], 2),
    }


def _settings(users: int, periods: int, jobs: int) -> Row:
    return {
        "m": PARTIES,
        "n": users,
        "periods": periods,
        "jobs": jobs,
        "price_bits": MARKET.price_bits,
        "quantity_bits": MARKET.quantity_bits,
        "threads": int(os.environ.get("MPC_MARKET_THREADS") or max(1, (os.cpu_count() or 1) // PARTIES)),
    }


def _add_up(entries: Vector, prices: Vector, expected: Vector) -> float:
    """CPU seconds in which a party's service adds up one day's entries. Raises: RuntimeError if it comes to others."""
    users, line = len(expected), LineKey(RATES, 0, estimated=False)
    accounts = [Account(f"{user:06}", "green", owner="") for user in range(users)]
    words, money = entries.tolist(), prices.tolist()
    before = time.process_time()
    books = month_books(
        (
            Booking(accounts[row % users], line, "north", money[row // users], correction=False, entry=tuple(entry))
            for row, entry in enumerate(words)
        ),
        MINIMUM_GROUP,
    )
    seconds = time.process_time() - before
    if [books.lines[account][line].volumes for account in accounts] != expected.tolist():
        raise RuntimeError("a party's service adds up to something else")
    return seconds


def _volumes(rows: Rows, prices: Vector) -> Vector:
    """Each user's volumes by the rule, (users, volumes), in plain."""
    shape = (rows.periods, rows.users)
    bought, sold = rows.bought.reshape(shape), rows.sold.reshape(shape)
    d = (rows.imported - rows.exported).reshape(shape) - (bought - sold)
    price = prices.astype(np.int64)[:, None]
    imported = rows.imported.reshape(shape)
    lines = (bought, sold, np.maximum(d, 0), np.maximum(-d, 0), price * bought, price * sold, imported)
    return np.stack([line.sum(axis=0) for line in lines], axis=1)


def _closing(volumes: Vector, periods: int) -> ClosingInput:
    users = len(volumes)
    return ClosingInput(
        scale=SCALE,
        ids=[f"{user}" for user in range(users)],
        bookings=[periods] * users,
        accounts=list(range(users)),
        rates=[(RATES.retail, RATES.feed_in, RATES.fee)] * users,
        volumes=[tuple(row) for row in volumes.tolist()],
    )


def _check_bills(closed: Closed, expected: Vector) -> None:
    """Raises: RuntimeError if a bill differs from the plaintext rule."""
    line = Line(RATES, "the month")
    if closed.volumes() != expected.tolist():
        raise RuntimeError("volumes of a month differ from the plaintext rule")
    if closed.due() != [Bill({line: Volumes(*row)}).due(SCALE.cents) for row in expected.tolist()]:
        raise RuntimeError("an amount due differs from the plaintext rule")


def main(*, resume: bool = False) -> None:
    """Measure everything; write `results/settlement.json` and the picture."""
    record = Record(NAME, QUESTION, resume=resume)
    record.measure("calibration", calibration.measure)
    for users, times in PERIODS.items():
        record.measure(f"a period of {users:,} users", partial(period, users, times))
    record.measure(f"a day of {USERS:,} users, period by period", one_by_one)
    record.measure(f"a month of {USERS:,} users", month)
    record.measure("calibration again", calibration.measure)
    record.finish()
    say(f"picture: {settlement_picture.draw().name}")


def look(n_max: int) -> None:
    """A quick look at periods of up to this many users; nothing is written."""
    for users, times in PERIODS.items():
        if users <= n_max:
            row = period(users, times)
            size = f"{row['communication_rounds']} rounds, {max(row['bytes_sent']):,} bytes"
            say(f"{users:,} users: {headline(row)}, {size}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        look(int(sys.argv[1]))
    else:
        main(resume=True)
        forget_partial(NAME)
