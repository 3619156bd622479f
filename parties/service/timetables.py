"""When the rounds of settlements, corrections and closings are: `parties.settling.calendar`, as a `Timetable`."""

from collections.abc import Iterator
from dataclasses import dataclass

from parties.settling.calendar import NEVER_MS, Calendar


@dataclass(frozen=True, slots=True)
class _Periods:
    """One round for each period; `opens` grows with the start, in steps that may be of 0."""

    calendar: Calendar

    def opens(self, start: int) -> int:
        """See `Timetable`."""
        raise NotImplementedError

    def opened_by(self, start: int) -> int:
        """See `Timetable`."""
        raise NotImplementedError

    def is_start(self, start: int) -> bool:
        """A multiple of the period."""
        return start >= 0 and start % self.calendar.period_seconds == 0

    def next_start(self, now_ms: int) -> int:
        """The first period that opens later."""
        return next(self._before(now_ms)) + self.calendar.period_seconds

    def open_starts(self, now_ms: int) -> list[int]:
        """Those that have opened and can still be begun, earliest first."""
        starts = []
        for start in self._before(now_ms):
            if start < 0 or self.opened_by(start) <= now_ms:
                break
            starts.append(start)
        return starts[::-1]

    def _before(self, now_ms: int) -> Iterator[int]:
        """The periods that have opened by now, latest first; one before 1970 if there is none."""
        length = self.calendar.period_seconds
        start = now_ms // 1000 // length * length
        while start >= 0 and self.opens(start) > now_ms:
            start -= length
        while True:
            yield start
            start -= length


class SettlementTimes(_Periods):
    """Open from the end of the period to its reading deadline."""

    def opens(self, start: int) -> int:
        """The end of the period."""
        return self.calendar.end_ms(start)

    def gate(self, start: int) -> int:
        """The reading deadline."""
        return self.calendar.reading_deadline(start)

    def deadline(self, start: int) -> int:
        """All is left to the correction then."""
        return self.gate(start) + self.calendar.settle_within_ms

    def opened_by(self, start: int) -> int:
        """As long as it can be computed."""
        return self.deadline(start)


class _NoDeadline:
    def deadline(self, start: int) -> int:  # noqa: ARG002
        """Never: it is computed as soon as all parties are there, however late."""
        return NEVER_MS


class CorrectionTimes(_NoDeadline, _Periods):
    """Open from the reading deadline of the period to the last deadline of its month. The closing of the next month
    waits for it: what a void one would have billed, for readings that were withheld too, nobody would pay.
    """

    def opens(self, start: int) -> int:
        """The reading deadline."""
        return self.calendar.reading_deadline(start)

    def gate(self, start: int) -> int:
        """The last deadline."""
        return self.calendar.last_deadline(start)

    def opened_by(self, start: int) -> int:
        """The last deadline: if it was never open at all parties, nobody was able to read, and nobody is estimated.

        Where that is a moment after it opens, they have `settle_within` to open it all the same.
        """
        return max(self.gate(start), self.opens(start) + self.calendar.settle_within_ms)


@dataclass(frozen=True, slots=True)
class ClosingTimes(_NoDeadline):
    """One round for each month, when everything that it covers is over."""

    calendar: Calendar

    def is_start(self, start: int) -> bool:
        """The start of a month."""
        return start >= 0 and self.calendar.months.of(start) == start

    def opens(self, start: int) -> int:
        """When the month can be closed."""
        return self.calendar.closes(start)

    def gate(self, start: int) -> int:
        """At once: nothing is submitted."""
        return self.opens(start)

    def opened_by(self, start: int) -> int:
        """Never too late."""
        return self.deadline(start)

    def next_start(self, now_ms: int) -> int:
        """The first month that can be closed later."""
        months = self.calendar.months
        month = months.of(now_ms // 1000)
        while month > 0 and self.opens(months.before(month)) > now_ms:
            month = months.before(month)
        while self.opens(month) <= now_ms:
            month = months.next(month)
        return month

    def open_starts(self, now_ms: int) -> list[int]:
        """The last months that can be closed: as many as a party may have been away."""
        months, month = self.calendar.months, self.next_start(now_ms)
        starts: list[int] = []
        while month > 0 and len(starts) < MONTHS_AWAY:
            month = months.before(month)
            if month >= 0:
                starts.append(month)
        return starts[::-1]


MONTHS_AWAY = 12
"""At most this many months are closed after the fact."""
