"""When periods are settled and months closed: the days of 92 and 100 quarter-hours, and moments that fit together."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import InvalidSettingsError
from parties.settling.calendar import Calendar, Months

BRUSSELS = Months("Europe/Brussels")
DAY_MS = 86_400_000
CALENDAR = Calendar(900, BRUSSELS, DAY_MS, 10 * DAY_MS, 2 * DAY_MS)


def moment(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())


def quarter_hours(begin: int, end: int) -> list[int]:
    return [start for start in range(begin // 900 * 900, end, 900) if start >= begin]


@pytest.mark.parametrize(
    ("month", "quarters"),
    [((2026, 2), 28 * 96), ((2026, 3), 31 * 96 - 4), ((2026, 10), 31 * 96 + 4), ((2026, 11), 30 * 96)],
)
def test_a_month_owns_its_quarter_hours_on_days_of_92_and_100_too(month, quarters):
    begin = BRUSSELS.read(f"{month[0]}-{month[1]:02}")
    end = BRUSSELS.next(begin)
    assert len(quarter_hours(begin, end)) == quarters
    assert {BRUSSELS.of(start) for start in quarter_hours(begin, end)} == {begin}
    assert BRUSSELS.of(end) == end
    assert BRUSSELS.before(end) == begin
    assert BRUSSELS.text(begin) == f"{month[0]}-{month[1]:02}"


@pytest.mark.parametrize("seconds", [900, 3600, 5400, 14_400, 86_400])
@pytest.mark.parametrize("timezone", ["Europe/Brussels", "Asia/Kathmandu", "UTC"])
def test_a_month_has_the_periods_that_start_in_it(seconds, timezone):
    """Periods of 4 hours do not begin at midnight in Brussels: in March 186 of them start, in 743 hours."""
    months = Months(timezone)
    calendar = Calendar(seconds, months, DAY_MS, 10 * DAY_MS, 2 * DAY_MS)
    for number in range(1, 13):
        month = months.read(f"2026-{number:02}")
        first = month - month % seconds
        starts = range(first, months.next(month) + seconds, seconds)
        assert list(calendar.starts(month)) == [start for start in starts if months.of(start) == month]
        assert calendar.periods(month) == len(calendar.starts(month))
    if (seconds, timezone) == (14_400, "Europe/Brussels"):
        assert calendar.periods(months.read("2026-03")) == 186


@pytest.mark.parametrize("seconds", [900, 3600, 14_400])
@pytest.mark.parametrize("timezone", ["Europe/Brussels", "Asia/Kathmandu", "America/Santiago", "UTC"])
def test_a_day_is_that_of_the_time_zone_and_none_is_shorter(seconds, timezone):
    """Of 23, 24 or 25 hours, to the next start of a period; in Santiago there is a day that does not begin at 0:00."""
    calendar = Calendar(seconds, Months(timezone), DAY_MS, 10 * DAY_MS, 2 * DAY_MS)
    start = moment(2026, 1, 1)
    starts = range(start, start + 366 * 86_400, seconds)
    dates = [datetime.fromtimestamp(each, ZoneInfo(timezone)).date() for each in starts]
    firsts = [each for each, (before, own) in zip(starts[1:], pairwise(dates), strict=True) if own != before]
    assert [each for each in starts[1:] if calendar.begins_day(each)] == firsts
    assert len(firsts) >= 365
    for first, following in pairwise(firsts[:100]):
        assert {calendar.day(each) for each in range(first, following, seconds)} == {first}
        assert calendar.next_day(first) == calendar.next_day(following - seconds) == following
    assert min(b - a for a, b in pairwise(firsts)) >= 23 * 3600 - seconds
    of_months = [each for before, each in pairwise(starts) if calendar.months.of(before) != calendar.months.of(each)]
    assert calendar.within_month(of_months) == {}
    assert sum(map(len, calendar.within_month(firsts).values())) == len(firsts) - len(of_months)


@pytest.mark.parametrize(
    ("length", "seconds", "days"),
    [(3600, 900, 4), (3600, 20, 30), (30 * 900, 900, 30), (31 * 900, 900, 31), (900, 900, 1)],
)
def test_the_days_of_a_month_of_another_length_are_about_thirty(length, seconds, days):
    calendar = Calendar(seconds, Months("UTC", length), 1000, 2000, 1000)
    starts = range(5 * length, 6 * length, seconds)
    assert sum(map(calendar.begins_day, starts)) == days
    assert calendar.begins_day(starts[0])
    assert calendar.next_day(starts[-1]) == 6 * length
    assert not calendar.begins_day(starts[0] + 1)
    assert calendar.within_month([5 * length]) == {}
    for each in starts[1:]:
        assert calendar.within_month([each, 5 * length, each]) == {5 * length: {each}}


def test_beyond_all_dates_no_day_begins():
    for calendar in (CALENDAR, Calendar(900, Months("UTC", 3600), 1000, 2000, 1000)):
        assert not any(map(calendar.begins_day, (-900, 2**37, 2**40 - 1, 2**40 // 900 * 900)))


def test_the_days_of_the_change_of_clocks_are_settled_quarter_hour_by_quarter_hour():
    """29 March 2026: 92 quarter-hours, 25 October: 100; each has moments of its own, 15 minutes after the last."""
    for begin, end, count in (
        (moment(2026, 3, 28, 23), moment(2026, 3, 29, 22), 92),
        (moment(2026, 10, 24, 22), moment(2026, 10, 25, 23), 100),
    ):
        starts = quarter_hours(begin, end)
        deadlines = [CALENDAR.reading_deadline(start) for start in starts]
        assert len(starts) == count
        assert [b - a for a, b in pairwise(deadlines)] == [900_000] * (count - 1)
        assert len({CALENDAR.last_deadline(start) for start in starts}) == 1


def test_months_begin_at_midnight_in_the_time_zone_of_the_market():
    assert BRUSSELS.of(moment(2026, 10, 31, 23)) == moment(2026, 10, 31, 23)  # winter time has begun
    assert BRUSSELS.of(moment(2026, 10, 31, 22, 45)) == moment(2026, 9, 30, 22)
    assert BRUSSELS.next(moment(2026, 12, 5)) == moment(2026, 12, 31, 23)
    assert BRUSSELS.before(moment(2025, 12, 31, 23)) == moment(2025, 11, 30, 23)


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.sampled_from(["Europe/Brussels", "Pacific/Apia", "UTC", "Asia/Kathmandu"]))
def test_months_follow_one_another(start, timezone):
    months = Months(timezone)
    begin = months.of(start)
    assert begin <= start < months.next(start)
    assert months.of(begin) == begin
    assert months.next(begin) == months.next(start)
    assert months.before(months.next(start)) == begin


@settings(max_examples=200)
@given(
    st.integers(0, 2**31),
    st.sampled_from([Months("Europe/Brussels"), Months("UTC", 3600), Months("UTC", 86_400)]),
    st.integers(1, 3_600_000),
    st.integers(0, 3_600_000),
    st.integers(1, 10**8),
)
def test_nothing_is_closed_before_what_it_covers_is_over(start, months, reading, more, within):
    calendar = Calendar(900, months, reading, reading + more, within)
    start -= start % 900
    month = months.of(start)
    assert calendar.end_ms(start) < calendar.reading_deadline(start) < calendar.last_deadline(start)
    assert calendar.reading_deadline(start) + within <= calendar.closes(month)
    # its correction is in the amounts of the next month
    assert calendar.last_deadline(start) + within <= calendar.closes(months.next(month))
    assert calendar.closes(months.next(month)) - 1000 * start <= calendar.longest_ms


def test_bad_calendars():
    for changes in ((900, BRUSSELS, 0, 1, 1), (900, BRUSSELS, 2, 1, 1), (900, Months("UTC", 1000), 1, 1, 1)):
        with pytest.raises(InvalidSettingsError):
            Calendar(*changes)
    with pytest.raises(InvalidSettingsError, match="after the closing"):
        Calendar(900, BRUSSELS, DAY_MS, 30 * DAY_MS, DAY_MS)


@pytest.mark.parametrize(
    "text", ["2026", "2026-3", "2026-13", "2026-00", "0000-01", "november", "", "2026-11-01", "٢٠٢٦-03", "1969-12"]
)
def test_bad_months(text):
    with pytest.raises(InvalidSettingsError):
        BRUSSELS.read(text)


def test_another_length_than_a_month():
    months = Months("Europe/Brussels", 3600)
    assert months.text(7200) == "1970-01-01T02:00:00Z"
    assert months.read("1970-01-01T02:00:00Z") == 7200
    with pytest.raises(InvalidSettingsError, match="no billing month"):
        months.read("1970-01-01T02:00:01Z")
