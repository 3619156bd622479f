"""The quarter-hours of a local day: 96, or 92 and 100 on the days when the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

TIMEZONE = ZoneInfo("Europe/Brussels")
QUARTER_HOUR = timedelta(minutes=15)


def quarter_hours(day: date) -> list[datetime]:
    """The UTC starts of all settlement periods that begin on `day` in local time, in sequence."""
    start = datetime.combine(day, time(), TIMEZONE).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), TIMEZONE).astimezone(UTC)
    return [start + i * QUARTER_HOUR for i in range((end - start) // QUARTER_HOUR)]


def local(moment: datetime) -> datetime:
    """The same moment as the clock on the wall shows it."""
    return moment.astimezone(TIMEZONE)
