"""What was metered in a period: from the meter's registers, or read from a CSV file.

    meter,period,import,export
    m17,2026-11-21T12:00:00Z,0.412,0

What is not known is left out: a period of which a register is not known at one end, or in which the meter was exchanged
or a register ran backwards, has no reading. It stays provisional, and is estimated at the last deadline.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from mpc_market.errors import InvalidOrderError
from mpc_market.wire.layout import Reading
from parties.files.market import MarketFile
from parties.files.problems import Problems, printable
from parties.meter.listing import Key, Listing, read_listing
from parties.meter.registers import spans, why_none
from parties.meter.store import Store

_COLUMNS = ("import", "export")


class Metered(Protocol):
    """Where the readings of a meter come from."""

    def of(self, start: int) -> Reading | None:
        """The reading of a period that is over; None if it is not known."""

    def since(self, start: int) -> Mapping[int, Reading]:
        """All that are known of periods from one on."""

    def why_none(self, start: int) -> str:
        """Why a period has no reading, in words; without a quantity, since it may go to a log."""


class FromRegisters:
    """From the registers in the meter's store, which `listen` and `read` fill."""

    def __init__(self, store: Store, market: MarketFile) -> None:
        self._store, self._length = store, int(market.period.total_seconds())
        self._grid = market.quantities

    def of(self, start: int) -> Reading | None:
        """See `Metered`. The difference of what the registers show in whole lots: over the periods nothing is lost."""
        return self._readings(start, start + self._length).get(start)

    def since(self, start: int) -> Mapping[int, Reading]:
        """See `Metered`."""
        return self._readings(start, None)

    def why_none(self, start: int) -> str:
        """See `Metered`."""
        known = {boundary.at: boundary for boundary in self._store.boundaries(start, start + self._length)}
        return why_none(known.get(start), known.get(start + self._length)) or "it is above what is enrolled"

    def _readings(self, first: int, until: int | None) -> dict[int, Reading]:
        found = {}
        for start, ends in spans(self._store.boundaries(first, until), self._length).items():
            begin, end = (boundary.registers for boundary in ends)
            imported = self._lots(end.imported) - self._lots(begin.imported)
            found[start] = Reading(imported, self._lots(end.exported) - self._lots(begin.exported))
        return found

    def _lots(self, watt_hours: int) -> int:
        # a lot is step / 10^decimals kWh
        per_kwh: int = 10**self._grid.decimals
        return watt_hours * per_kwh // (1000 * self._grid.step)


class ReadingFile(Listing[Reading]):
    """The readings of several meters in one CSV file, read again when it changes.

    Raises: InputError if the file cannot be used; after a change the readings that were read before stay.
    """

    def __init__(self, path: str, market: MarketFile, maxima: Mapping[str, int]) -> None:
        """`maxima`: by meter, its enrolled largest quantity in lots."""
        super().__init__(path, lambda problems: read_readings(path, market, maxima, problems))


class FromFile:
    """What a file lists for one meter."""

    def __init__(self, file: ReadingFile, meter: str) -> None:
        self._file, self._meter = file, meter

    def of(self, start: int) -> Reading | None:
        """See `Metered`."""
        return self._file.of_meter(self._meter).get(start)

    def since(self, start: int) -> Mapping[int, Reading]:
        """See `Metered`."""
        listed = self._file.of_meter(self._meter)
        return {period: reading for period, reading in listed.items() if period >= start}

    def why_none(self, start: int) -> str:  # noqa: ARG002  (the same for every period)
        """See `Metered`."""
        return f"none is listed in {self._file.path}"


def read_readings(path: str, market: MarketFile, maxima: Mapping[str, int], problems: Problems) -> dict[Key, Reading]:
    """Read a file of readings; every problem is a line of it. `maxima`: see `ReadingFile`."""
    listed: dict[Key, Reading] = {}

    def take(key: Key, fields: Sequence[str]) -> None:
        imported, exported = (market.lots(field) for field in fields)
        if max(imported, exported) > maxima[key[0]]:
            raise InvalidOrderError(
                f"a reading of {printable(fields[0])} and {printable(fields[1])} kWh is above the enrolled maximum of "
                f"{market.quantity_text(maxima[key[0]])} kWh"
            )
        if key in listed:
            raise InvalidOrderError("a second reading of the same meter for the same period")
        listed[key] = Reading(imported, exported)

    read_listing(path, _COLUMNS, maxima.keys(), int(market.period.total_seconds()), problems, take)
    return listed
