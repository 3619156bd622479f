"""Billing months in local time, over periods that are keyed in UTC; the days on which the clock is changed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mpc_market.errors import InvalidSettingsError
from parties.files.months import month_bounds, month_of

BRUSSELS = "Europe/Brussels"
QUARTER = 900


def quarters(month):
    start, end = month_bounds(month, BRUSSELS)
    return range(start, end, QUARTER)


def test_days_have_92_96_or_100_quarter_hours():
    zone = ZoneInfo(BRUSSELS)
    by_day = {}
    for month in ("2026-03", "2026-10"):
        for start in quarters(month):
            assert month_of(start, BRUSSELS) == month
            day = datetime.fromtimestamp(start, zone).date().isoformat()
            by_day[day] = by_day.get(day, 0) + 1
    unusual = {day: count for day, count in by_day.items() if count != 96}
    assert unusual == {"2026-03-29": 92, "2026-10-25": 100}
    assert (len(quarters("2026-03")), len(quarters("2026-10"))) == (31 * 96 - 4, 31 * 96 + 4)


def test_months_follow_one_another_in_local_time():
    start, end = month_bounds("2026-12", BRUSSELS)
    assert start == int(datetime.fromisoformat("2026-11-30T23:00:00+00:00").timestamp())
    assert end == month_bounds("2027-01", BRUSSELS)[0]
    assert [month_of(start - 1, BRUSSELS), month_of(start, BRUSSELS), month_of(end, BRUSSELS)] == [
        "2026-11", "2026-12", "2027-01",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", ["2026", "2026-3", "2026-13", "2026-00", "0000-01", "2026-03-01", "٢٠٢٦-03", ""])
def test_what_is_no_month_is_refused(wrong):
    with pytest.raises(InvalidSettingsError, match="2026-03"):
        month_bounds(wrong, BRUSSELS)
