"""From readings of a meter's registers to energies per period: pure arithmetic on whole watt-hours and UTC seconds.

A meter counts imported and exported energy in registers that only grow. The energy of a period is the difference of the
registers at its two ends:

    readings (some seconds apart) ──interpolate──▶ registers at multiples of the period ──subtract──▶ energy per period

Periods are keyed by their UTC start, so a day of 92 or 100 quarter-hours is nothing special. What is not known is left
out, never guessed: a period has no energy if the registers at one of its ends are not known (no reading within
`TOLERANCE` seconds on both sides), or if the meter was exchanged or restarted within it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

TOLERANCE = 60
"""Seconds: readings at most this far apart are interpolated between; meters send one every 1 or 10 s."""

RAN_BACK = 6
"""After this many readings in a row that run back the clock was wrong before them: a minute, with one every 10 s."""

RanBack = Callable[[int, int], None]
"""Told the moment, UTC seconds, from which and to which the clock of the readings ran back."""


@dataclass(frozen=True, slots=True)
class Registers:
    """What the registers of `device` show at the UTC second `at`: watt-hours imported and exported so far."""

    at: int
    device: str = field(repr=False)
    imported: int = field(repr=False)
    exported: int = field(repr=False)

    def runs_on_from(self, earlier: "Registers") -> bool:
        """Whether the same device can have counted from `earlier` to here: nothing has become less."""
        return self.device == earlier.device and self.imported >= earlier.imported and self.exported >= earlier.exported


@dataclass(frozen=True, slots=True)
class Boundary:
    """The registers at a multiple of the period. `unbroken`: no break was seen in the period that ends there."""

    registers: Registers
    unbroken: bool

    @property
    def at(self) -> int:
        """UTC seconds, a multiple of the period."""
        return self.registers.at


@dataclass(frozen=True, slots=True)
class Energy:
    """What went through the meter in one period, watt-hours."""

    imported: int = field(repr=False)
    exported: int = field(repr=False)

    @property
    def net(self) -> int:
        """Imported less exported: positive for a consumer."""
        return self.imported - self.exported


class Boundaries:
    """Finds the boundaries in a stream of readings, in the sequence in which the meter sends them."""

    def __init__(self, length: int, ran_back: RanBack | None = None, tolerance: int = TOLERANCE) -> None:
        """`length`: seconds of a period; `ran_back`: told when it begins anew; `tolerance`: seconds over which readings
        are interpolated.
        """
        self._length = length
        self._tolerance = tolerance
        self._ran_back = ran_back
        self._previous: Registers | None = None
        self._behind: list[Registers] = []  # not later than the previous one, in a row
        self._left_out = 0
        self._broken_in = -1  # the period with the latest break, by its number since 1970

    @property
    def left_out(self) -> int:
        """How many readings were of no use: not later than one before."""
        return self._left_out + len(self._behind)

    def add(self, reading: Registers) -> list[Boundary]:
        """The boundaries that are known now, earliest first; none if the reading is not later than the last.

        Once `RAN_BACK` readings in a row are not, each later than the one before and with registers that run on, it
        begins anew with them.
        """
        previous = self._previous
        if previous is not None and reading.at <= previous.at:
            return self._add_behind(reading, previous)
        self._leave_out()
        self._previous = reading
        runs_on = previous is not None and reading.runs_on_from(previous)
        if previous is not None and not runs_on:
            self._break(previous.at, reading.at)
        if previous is None or not runs_on or reading.at - previous.at > self._tolerance:
            return [self._boundary(reading)] if reading.at % self._length == 0 else []
        first = (previous.at // self._length + 1) * self._length
        return [self._boundary(_between(previous, reading, at)) for at in range(first, reading.at + 1, self._length)]

    def _add_behind(self, reading: Registers, previous: Registers) -> list[Boundary]:
        """Sent twice, or the clock was set back a little: wait until it has caught up. Or it was far ahead before."""
        if self._behind and not (reading.at > self._behind[-1].at and reading.runs_on_from(self._behind[-1])):
            self._leave_out()
        self._behind.append(reading)
        if len(self._behind) < RAN_BACK:
            return []
        again, self._behind, self._previous = self._behind, [], None
        if self._broken_in > again[0].at // self._length:  # seen by the clock that was ahead: it was now
            self._broken_in = (again[0].at - 1) // self._length
        if self._ran_back is not None:
            self._ran_back(previous.at, again[0].at)
        return [boundary for each in again for boundary in self.add(each)]

    def _leave_out(self) -> None:
        self._left_out += len(self._behind)
        self._behind.clear()

    def _break(self, after: int, until: int) -> None:
        """Note a break in (after, until]. All boundaries in between stay unknown; so the last period is enough."""
        assert after < until
        self._broken_in = (until - 1) // self._length

    def _boundary(self, registers: Registers) -> Boundary:
        return Boundary(registers, unbroken=registers.at // self._length - 1 != self._broken_in)


def _between(earlier: Registers, later: Registers, at: int) -> Registers:
    """The registers at a moment between two readings, the energy spread evenly: v + (w − v)·(at − t) / (u − t)."""

    def at_moment(v: int, w: int) -> int:
        return v + (w - v) * (at - earlier.at) // (later.at - earlier.at)

    imported = at_moment(earlier.imported, later.imported)
    return Registers(at, later.device, imported, at_moment(earlier.exported, later.exported))


def energies(boundaries: Iterable[Boundary], length: int) -> dict[int, Energy]:
    """Energy by start of the period, for every period of which both ends are known and between which nothing broke."""
    found = {}
    for start, (begin, end) in spans(boundaries, length).items():
        now, before = end.registers, begin.registers
        found[start] = Energy(now.imported - before.imported, now.exported - before.exported)
    return found


def spans(boundaries: Iterable[Boundary], length: int) -> dict[int, tuple[Boundary, Boundary]]:
    """The registers at both ends of every period that has an energy, by its start."""
    by_moment = {boundary.at: boundary for boundary in boundaries}
    found = {}
    for moment, end in sorted(by_moment.items()):
        begin = by_moment.get(moment - length)
        if begin is not None and why_none(begin, end) is None:
            found[moment - length] = (begin, end)
    return found


def why_none(begin: Boundary | None, end: Boundary | None) -> str | None:
    """Why a period has no energy, in words; None if it has. `begin`, `end`: the registers at its ends, if known."""
    if begin is None or end is None:
        missing = "start" if end is not None else "end" if begin is not None else "ends"
        return f"no telegrams of its meter around its {missing}"
    if begin.registers.device != end.registers.device:
        return "the meter was exchanged for another device within it"
    if not end.registers.runs_on_from(begin.registers):
        return "a register of the meter shows less at its end than at its start: it ran backwards, over, or was reset"
    if not end.unbroken:
        return "a register of the meter ran backwards, over, or was reset within it"
    return None
