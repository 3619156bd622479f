"""When the rounds of a market open, close and expire: pure arithmetic on the market file.

    opens = gate − period        gate = start − gate lead        deadline = gate + time to publish

Periods start at multiples of the period since 1970 (a day of 23 or 25 hours has 92 or 100 quarter-hours, and no one
minds). Starts are in seconds, moments in milliseconds, both since 1970.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from mpc_market.errors import InvalidSettingsError


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rhythm of a market: its period, and how long before a start the gate closes; how long after the gate the
    round must be published.

    Raises: InvalidSettingsError if a duration is not a whole number of milliseconds that makes sense.
    """

    period_seconds: int
    gate_lead_ms: int
    deadline_ms: int

    def __post_init__(self) -> None:
        if self.period_seconds < 1:
            raise InvalidSettingsError("the period must be a whole number of seconds, at least 1")
        if self.gate_lead_ms < 0 or self.deadline_ms < 1:
            raise InvalidSettingsError("gate_lead must not be negative, and deadline must be greater than 0")

    @property
    def period_ms(self) -> int:
        """The period in milliseconds."""
        return 1000 * self.period_seconds

    def is_start(self, start: int) -> bool:
        """Whether a period of this market starts there."""
        return start >= 0 and start % self.period_seconds == 0

    def gate(self, start: int) -> int:
        """When the gate of the round closes: orders are taken before, not at this moment."""
        return 1000 * start - self.gate_lead_ms

    def opens(self, start: int) -> int:
        """When the parties begin to open the round."""
        return self.gate(start) - self.period_ms

    def deadline(self, start: int) -> int:
        """When a round of which this party has signed no result is void."""
        return self.gate(start) + self.deadline_ms

    def opened_by(self, start: int) -> int:
        """When a round that not all parties have opened is void."""
        return self.deadline(start)

    def next_start(self, now_ms: int) -> int:
        """The first period whose round opens later than `now_ms`."""
        first_ms = now_ms + 1 + self.period_ms + self.gate_lead_ms
        return -(-first_ms // self.period_ms) * self.period_seconds

    def open_starts(self, now_ms: int) -> list[int]:
        """The periods whose rounds have opened and can still be published in time, earliest first."""
        after = self.next_start(now_ms)
        starts = []
        while (after := after - self.period_seconds) >= 0 and self.deadline(after) > now_ms:
            starts.append(after)
        return starts[::-1]


def day_of(start: int) -> str:
    """The UTC day of a period, as "2026-11-21": the day whose sealing key its round uses."""
    return datetime.fromtimestamp(start, UTC).date().isoformat()
