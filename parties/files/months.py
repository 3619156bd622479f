"""Billing months: calendar months of the market's time zone, over periods that are keyed in UTC."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from mpc_market.errors import InvalidSettingsError

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


def month_of(start: int, timezone: str) -> str:
    """The billing month, such as "2026-03", of the period that starts then (seconds since 1970)."""
    return datetime.fromtimestamp(start, ZoneInfo(timezone)).strftime("%Y-%m")


def month_bounds(month: str, timezone: str) -> tuple[int, int]:
    """When a billing month starts and when the next one does: seconds since 1970.

    Its periods are those that start from the one to before the other.
    Raises: InvalidSettingsError if `month` is not written as year and month.
    """
    match = _MONTH.fullmatch(month)
    if match is None or int(match[1]) == 0:
        raise InvalidSettingsError(f'{month!r}: a month such as "2026-03" is expected')
    year, number = int(match[1]), int(match[2])
    following = (year + number // 12, number % 12 + 1)
    first, last = (_midnight(*each, timezone) for each in ((year, number), following))
    return first, last


def _midnight(year: int, month: int, timezone: str) -> int:
    return int(datetime(year, month, 1, tzinfo=ZoneInfo(timezone)).astimezone(UTC).timestamp())
