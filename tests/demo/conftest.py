"""A small street on one day, cleared by the plaintext rule: what tables and pictures are tried on."""

from collections.abc import Callable
from datetime import date

import pytest

from mpc_market.rules.clearing import clear
from parties.demo.calendar import quarter_hours
from parties.demo.day import QuarterHour, make_book, summarise
from parties.demo.households import make_households
from parties.demo.tariffs import SETTINGS

SEED = bytes(32)


@pytest.fixture(scope="session")
def cleared_day() -> Callable[[date, int], list[QuarterHour]]:
    """`cleared_day(day, households)`: the quarter-hours of that day."""

    def quarters(day: date, households: int) -> list[QuarterHour]:
        periods = quarter_hours(day)
        street = make_households(households, day, periods)
        books = [make_book(street, index) for index in range(len(periods))]
        return [
            summarise(start, book, clear(book, SETTINGS.rules, SEED))
            for start, book in zip(periods, books, strict=True)
        ]

    return quarters
