"""The rhythm of rounds.

round of P:   opens ──── one period ────▶ gate ── gate lead ──▶ start of P
"""

from dataclasses import dataclass

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
