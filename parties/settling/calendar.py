"""When a period is settled and a month is closed: pure arithmetic on the market file.

    settlement    opens at the end of the period; closes when every reading is there, at the latest `reading_deadline`
                  after the end
    correction    opens at that moment; closes `correction_deadline` after the end of the period's month, the *last
                  deadline*: then estimates take the places of readings
    closing       of a month: once all its settlements, and the corrections of the month before, are over

A settlement that cannot be computed within `settle_within` after its set was closed is void: that leaves all to the
correction. A correction, once it is open at all parties, and a closing are never void for lack of time.

A billing month is a calendar month in the market's time zone, so it may have 2,972 or 2,980 quarter-hours; or a fixed
number of seconds, for markets that bill otherwise. It owns the periods that start in it. Starts are in seconds, moments
in ms, both since 1970.

Tariffs begin and end with a *day*: a calendar day in the market's time zone; of a billing month of another length its
thirtieth part, in whole periods. A supplier is told one amount for each month, so a tariff of a single quarter-hour,
with nothing before and after it, would show it what was drawn in that quarter-hour.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from mpc_market.errors import InvalidSettingsError

_DATES_END = 2**37
"""Beyond it, in the year 6325, no month or day is looked up."""

_DAYS = 30
"""Of a billing month of another length than a calendar month."""

NEVER_MS = 2**50 - 1
"""Later than any moment that a message can name but itself."""


@dataclass(frozen=True, slots=True)
class Months:
    """Billing months. `length`: seconds of one, or None for calendar months in `timezone`."""

    timezone: str
    length: int | None = None

    def of(self, start: int) -> int:
        """The start of the month that the period belongs to."""
        if self.length is not None:
            return start - start % self.length
        local = datetime.fromtimestamp(start, ZoneInfo(self.timezone))
        return _begin(local.year, local.month, self.timezone)

    def next(self, month: int) -> int:
        """The start of the month after the one that starts (or contains a period that starts) then."""
        if self.length is not None:
            return self.of(month) + self.length
        local = datetime.fromtimestamp(month, ZoneInfo(self.timezone))
        return _begin(local.year + local.month // 12, local.month % 12 + 1, self.timezone)

    def before(self, month: int) -> int:
        """The start of the month before the one that starts then."""
        return self.of(self.of(month) - 1)

    def text(self, month: int) -> str:
        """As people write it: 2026-11; with another length, its start in UTC."""
        if self.length is None:
            return f"{datetime.fromtimestamp(month, ZoneInfo(self.timezone)):%Y-%m}"
        return f"{datetime.fromtimestamp(month, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def read(self, text: str, example: int = 0) -> int:
        """The inverse of `text`. `example`: a month to show. Raises: InvalidSettingsError."""
        try:
            if self.length is None:
                moment = datetime.strptime(text, "%Y-%m")
                month = _begin(moment.year, moment.month, self.timezone)
            else:
                month = int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
        except ValueError:
            raise InvalidSettingsError(f"{text!r} is no month: such as {self.text(example)} is expected") from None
        if month < 0 or self.of(month) != month:
            near = "" if month < 0 else f": one does at {self.text(self.of(month))}"
            raise InvalidSettingsError(f"no billing month starts at {text}{near}")
        if self.text(month) != text:  # 2026-3, or digits of another script
            raise InvalidSettingsError(f"{text!r} is no month: {self.text(month)} is how it is written")
        return month


@dataclass(frozen=True, slots=True)
class Calendar:
    """All moments of settling. Raises: InvalidSettingsError if they cannot follow one another."""

    period_seconds: int
    months: Months
    reading_deadline_ms: int
    correction_deadline_ms: int
    settle_within_ms: int

    def __post_init__(self) -> None:
        if min(self.reading_deadline_ms, self.settle_within_ms, self.correction_deadline_ms) < 1:
            raise InvalidSettingsError("reading_deadline, correction_deadline and settle_within must be greater than 0")
        if self.months.length is not None and self.months.length % self.period_seconds:
            raise InvalidSettingsError("the billing month is not a whole number of periods")
        if self.correction_deadline_ms < self.reading_deadline_ms:
            raise InvalidSettingsError("correction_deadline is before the reading_deadline of a month's last period")
        shortest = 28 * 86_400 if self.months.length is None else self.months.length
        if self.correction_deadline_ms > 1000 * shortest + self.reading_deadline_ms:
            raise InvalidSettingsError("correction_deadline is after the closing of the next month, which it is for")

    def end_ms(self, start: int) -> int:
        """When a period ends: its readings are there from then on."""
        return 1000 * (start + self.period_seconds)

    def reading_deadline(self, start: int) -> int:
        """The last moment for readings to the settlement of a period."""
        return self.end_ms(start) + self.reading_deadline_ms

    def last_deadline(self, start: int) -> int:
        """The last moment for readings at all."""
        return 1000 * self.months.next(start) + self.period_seconds * 1000 + self.correction_deadline_ms

    def closes(self, month: int) -> int:
        """When a month can be closed: its settlements are over by then, and the corrections of the month before too,
        unless a party was away.
        """
        last_settled = 1000 * (self.months.next(month) + self.period_seconds) + self.reading_deadline_ms
        last_corrected = 1000 * (month + self.period_seconds) + self.correction_deadline_ms
        return max(last_settled, last_corrected) + self.settle_within_ms

    def last_closed(self, now_ms: int) -> int:
        """The latest month that can be closed by now; the first one of all if none can."""
        month = self.months.of(now_ms // 1000)
        while month > 0 and self.closes(month) > now_ms:
            month = self.months.before(month)
        return max(month, 0)

    def starts(self, month: int) -> range:
        """The periods of a month: those that start in it. The first need not begin with it: periods start at multiples
        of their length since 1970, and months where the time zone has midnight.
        """
        begin, end = map(self._first_period, (month, self.months.next(month)))
        return range(begin, end, self.period_seconds)

    def periods(self, month: int) -> int:
        """How many periods a month has, where the clocks change too."""
        return len(self.starts(month))

    def day(self, start: int) -> int:
        """The first period of the day that the period belongs to."""
        month, length = self.months.of(start), self._day_length
        if length is not None:
            last = self.months.length // length - 1 if self.months.length else 0
            return month + min((start - month) // length, last) * length
        local = datetime.fromtimestamp(start, ZoneInfo(self.months.timezone))
        return self._first_period(_begin(local.year, local.month, self.months.timezone, local.day))

    def next_day(self, start: int) -> int:
        """The first period of the day after it."""
        day = later = self.day(start)
        while self.day(later) == day:
            later += self._day_length or max(86_400 // self.period_seconds, 1) * self.period_seconds
        return self.day(later)

    def begins_day(self, moment: int) -> bool:
        """Whether a tariff may begin or end then."""
        return 0 <= moment < _DATES_END and moment % self.period_seconds == 0 and self.day(moment) == moment

    def within_month(self, moments: Iterable[int]) -> dict[int, set[int]]:
        """By month, those of the moments at which it does not begin: where its tariffs change."""
        found: defaultdict[int, set[int]] = defaultdict(set)
        for moment in moments:
            month = self.months.of(moment)
            if moment != self._first_period(month):
                found[month].add(moment)
        return found

    def _first_period(self, moment: int) -> int:
        """The first one that starts then or later."""
        return -(-moment // self.period_seconds) * self.period_seconds

    @property
    def _day_length(self) -> int | None:
        if self.months.length is None:
            return None
        return max(self.months.length // _DAYS // self.period_seconds, 1) * self.period_seconds

    @property
    def longest_ms(self) -> int:
        """How long after a period's start its data are needed: until the closing that covers its correction."""
        month = 31 * 86_400_000 if self.months.length is None else 1000 * self.months.length
        return 2 * month + 2000 * self.period_seconds + self.reading_deadline_ms + 2 * self.settle_within_ms


def _begin(year: int, month: int, timezone: str, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=ZoneInfo(timezone)).timestamp())
