"""Periods as people and files write them, and the rhythm of rounds.

A period is known by its UTC start: `2026-11-21T12:00:00Z`, in the software seconds since 1970. Periods start at
multiples of their length since 1970, so days of 23 or 25 hours are nothing special.

    round of P:   opens ──── one period ────▶ gate ── gate lead ──▶ start of P
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from mpc_market.errors import InvalidOrderError
from parties.files.problems import printable

_TEXT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?Z", re.ASCII)


def period_text(start: int) -> str:
    """The start of a period as text."""
    return datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def period_start(text: str, length: int) -> int:
    """The start of a period from text. Raises: InvalidOrderError if it is none, or no period starts there."""
    match = _TEXT.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        start = int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        raise InvalidOrderError(
            f"period '{printable(text)}' is not the UTC start of a period such as 2026-11-21T12:00:00Z"
        ) from None
    if start % length or start < 0:
        earlier = max(start // length, 0) * length
        raise InvalidOrderError(
            f"period '{text}': no period starts there, but one does at {period_text(earlier)} "
            f"and one at {period_text(earlier + length)}"
        )
    return start


_SOON_MS = 5000
"""This long before the gate an order should be on its way, or a quarter of the period if that is less."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When rounds open and close. `length`: seconds of a period; `gate_lead_ms`: from the gate to the start."""

    length: int
    gate_lead_ms: int

    def gate(self, start: int) -> int:
        """When the gate closes, ms since 1970: orders must be there before."""
        return 1000 * start - self.gate_lead_ms

    def opens(self, start: int) -> int:
        """When the round opens, ms since 1970."""
        return self.gate(start) - 1000 * self.length

    def closes_soon(self, start: int, now_ms: int) -> bool:
        """Whether so little time is left before the gate that an order may well come too late."""
        return self.gate(start) - now_ms < min(_SOON_MS, 250 * self.length)

    def next_gate(self, now_ms: int) -> int:
        """The period whose gate is the next one to close (later than now): the round that takes orders now."""
        return (now_ms + self.gate_lead_ms) // (1000 * self.length) * self.length + self.length
