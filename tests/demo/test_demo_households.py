"""The street: its calendar, its people and roofs, its orders, and what a trade is worth to it."""

import socket
import warnings
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pytest

from mpc_market.rules.model import Side, check_orders
from parties.demo import tariffs
from parties.demo.calendar import QUARTER_HOUR, local, quarter_hours
from parties.demo.day import make_book
from parties.demo.households import make_households
from parties.demo.orders import Limits, draw_limits, make_order

SUMMER, WINTER = date(2025, 6, 21), date(2025, 12, 21)
SPRING_CHANGE, AUTUMN_CHANGE = date(2025, 3, 30), date(2025, 10, 26)


@pytest.mark.parametrize(("day", "number"), [(SUMMER, 96), (WINTER, 96), (SPRING_CHANGE, 92), (AUTUMN_CHANGE, 100)])
def test_a_day_has_all_its_quarter_hours(day: date, number: int) -> None:
    periods = quarter_hours(day)
    assert len(periods) == number
    assert all(after - before == QUARTER_HOUR for before, after in pairwise(periods))
    assert all(local(start).date() == day for start in periods)
    assert periods[0].utcoffset() == UTC.utcoffset(None)
    assert periods[-1] + QUARTER_HOUR == quarter_hours(date.fromordinal(day.toordinal() + 1))[0]


def test_the_first_period_of_a_summer_day_begins_the_evening_before_in_utc() -> None:
    assert quarter_hours(SUMMER)[0] == datetime(2025, 6, 20, 22, tzinfo=UTC)


@pytest.mark.parametrize("day", [SUMMER, WINTER, SPRING_CHANGE, AUTUMN_CHANGE, date(2024, 2, 29), date(2024, 12, 31)])
def test_every_book_of_a_day_fits_the_default_market(day: date) -> None:
    periods = quarter_hours(day)
    street = make_households(20, day, periods)
    for index in range(len(periods)):
        book = make_book(street, index)
        assert len(book) == 20
        check_orders(book, tariffs.SETTINGS.rules)


def test_the_street_is_the_same_for_everyone() -> None:
    periods = quarter_hours(SUMMER)
    assert make_households(5, SUMMER, periods) == make_households(5, SUMMER, periods)


def test_a_household_stays_itself_on_a_longer_street_and_on_another_day() -> None:
    few, many = (make_households(number, SUMMER, quarter_hours(SUMMER)) for number in (5, 40))
    assert many[:5] == few
    in_winter = make_households(5, WINTER, quarter_hours(WINTER))
    assert [house.limits for house in in_winter] == [house.limits for house in few]
    assert [house.surplus for house in in_winter] != [house.surplus for house in few]


def test_there_is_no_surplus_at_night_and_some_at_noon() -> None:
    periods = quarter_hours(SUMMER)
    street = make_households(60, SUMMER, periods)
    for index, start in enumerate(periods):
        largest = max(house.surplus[index] for house in street)
        if local(start).hour < 5 or local(start).hour == 23:
            assert largest <= 0
        if 10 <= local(start).hour < 17:
            assert largest > 0


def test_consumption_is_that_of_belgian_households() -> None:
    """About 3,500 kWh a year each; a house without a roof never has a surplus."""
    streets = [make_households(60, day, quarter_hours(day)) for day in (SUMMER, WINTER)]
    without_roof = [i for i, house in enumerate(streets[0]) if max(house.surplus) <= 0]
    assert 0.4 < len(without_roof) / 60 < 0.8
    used = -sum(sum(street[i].surplus) for street in streets for i in without_roof)
    assert 2500 < used / len(without_roof) / 2 * 365 / 1000 < 4500


def test_nothing_is_fetched_and_the_filters_of_warnings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the demo must work without a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    before = list(warnings.filters)
    make_households(2, SUMMER, quarter_hours(SUMMER))
    assert list(warnings.filters) == before


def test_limits_keep_to_the_tariffs_and_use_their_range() -> None:
    generator = np.random.default_rng(1)
    limits = [draw_limits(generator) for _ in range(2000)]
    bids, asks = [each.bid for each in limits], [each.ask for each in limits]
    assert 300 <= min(bids) < 500
    assert 1950 < max(bids) <= 2000
    assert 700 <= min(asks) < 750
    assert 1850 < max(asks) <= 2000


@pytest.mark.parametrize(
    ("surplus", "side", "price", "quantity"),
    [
        (1, Side.SELL, 800, 1),
        (-2, Side.BUY, 1500, 2),
        (0, Side.BUY, 1500, 0),
    ],
)
def test_surplus_sells_and_shortage_buys(surplus: int, side: Side, price: int, quantity: int) -> None:
    order = make_order("house-01", surplus, Limits(bid=1500, ask=800))
    assert (order.order_id, order.side, order.price, order.quantity) == ("house-01", side, price, quantity)


def test_a_trade_is_worth_what_the_published_table_says() -> None:
    """market.md §6: U1 sells 2 kWh to U2 at 0.11; U1 receives 0.16 not 0.08, U2 pays 0.62 not 0.80."""
    assert tariffs.euros_exact(tariffs.sellers_gain(1100, 2000)) == "0.0800000"
    assert tariffs.euros_exact(tariffs.buyers_saving(1100, 2000)) == "0.1800000"


def test_nobody_loses_between_the_lowest_ask_and_the_retail_price() -> None:
    assert tariffs.sellers_gain(tariffs.LOWEST_ASK, 1) == 0
    assert tariffs.buyers_saving(tariffs.RETAIL, 1) == 0


def test_prices_and_amounts_are_written_in_full() -> None:
    assert tariffs.price_text(1) == "0.0001"
    assert tariffs.quantity_text(0) == "0.000"
    assert tariffs.euros_rounded(14_516_300_000) == "1,451.63"
