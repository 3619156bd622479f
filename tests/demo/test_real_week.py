"""Ten weeks of one real Flemish household, taken as ten households of one street in one week.

The data stay outside the project (../shared/data); where they are absent these tests are skipped.
"""

import asyncio
import csv
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from random import Random

import numpy as np
import pytest

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Clearing, Order, Rationing
from parties.demo.calendar import QUARTER_HOUR
from parties.demo.orders import draw_limits, make_order
from parties.demo.tariffs import SETTINGS
from parties.local import LocalParties
from tests.simulation import clear_in_memory

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "household_be_15min.csv"
HOUSEHOLDS = 10
SAMPLE = 40
WEEK = 7 * 96
MARKET = SETTINGS.rules

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the real meter data are not here")


def surplus(row: dict[str, str]) -> int:
    """Export minus import in Wh. Without a reading the household takes part with quantity 0."""
    if row["import_wh"] == "" or row["export_wh"] == "":
        return 0
    return int(row["export_wh"]) - int(row["import_wh"])


@pytest.fixture(scope="module")
def books() -> list[list[Order]]:
    """The book of every quarter-hour of the week."""
    with open(DATA, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[: HOUSEHOLDS * WEEK]
    starts = [datetime.fromisoformat(row["start_utc"]) for row in rows]
    assert all(after - before == QUARTER_HOUR for before, after in pairwise(starts))
    generator = np.random.default_rng(1)
    limits = [draw_limits(generator) for _ in range(HOUSEHOLDS)]
    return [
        [make_order(f"week-{week}", surplus(rows[week * WEEK + period]), limits[week]) for week in range(HOUSEHOLDS)]
        for period in range(WEEK)
    ]


def seed_of(period: int) -> bytes:
    return period.to_bytes(32, "big")


@pytest.fixture(scope="module")
def expected(books: list[list[Order]]) -> list[Clearing]:
    return [clear(book, MARKET, seed_of(period)) for period, book in enumerate(books)]


def test_the_week_is_worth_clearing(books: list[list[Order]], expected: list[Clearing]) -> None:
    assert len(books) == 672
    assert books[0][0].quantity == 0, "the first quarter-hour has no reading"
    with_trade = [clearing for clearing in expected if clearing.price is not None]
    assert 100 < len(with_trade) < 400, "the sun of an autumn shines by day"
    assert len({clearing.price for clearing in with_trade}) > 10


def test_every_quarter_hour_is_cleared_as_the_rule_says(books: list[list[Order]], expected: list[Clearing]) -> None:
    seeds = [seed_of(period) for period in range(WEEK)]
    # Where nothing trades nothing is rationed: there the lottery, which is quicker to compute, must say the same; a
    # sample of them is cleared by the market's own rule all the same.
    without = [period for period, clearing in enumerate(expected) if clearing.price is None]
    quicker = set(without) - set(Random(1).sample(without, SAMPLE))
    lottery = replace(MARKET, rationing=Rationing.LOTTERY)
    markets = [lottery if period in quicker else MARKET for period in range(WEEK)]
    assert MARKET.rationing is Rationing.PRO_RATA
    # A week in memory is two minutes of one core: every core there is takes its share.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as cores:
        cleared = list(cores.map(clear_in_memory, books, markets, seeds, chunksize=16))
    assert cleared == expected


def test_those_with_a_trade_are_cleared_alike_by_real_processes(
    books: list[list[Order]], expected: list[Clearing]
) -> None:
    async def clear_week() -> None:
        async with LocalParties() as parties:
            for period, (book, clearing) in enumerate(zip(books, expected, strict=True)):
                if clearing.price is not None:
                    outcome = await parties.clear(book, MARKET, seed_of(period))
                    assert outcome.clearing == clearing, f"period {period}"

    asyncio.run(clear_week())
