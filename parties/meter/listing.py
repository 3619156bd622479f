"""CSV files of what meters do in periods, read again when they change.

    meter,period,…
    m17,2026-11-21T12:00:00Z,…

`meter` may be left out if there is one only. Messages name the file's own words: they go to whoever wrote the file, and
to no log.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

from mpc_market.errors import InvalidOrderError
from parties.client.periods import period_start
from parties.files.problems import Problems, printable
from parties.files.records import records
from parties.files.source import BOM, read_text

Key = tuple[str, int]
"""A meter, and the start of a period."""

_T = TypeVar("_T")


def stamp(path: str) -> tuple[int, int, int] | None:
    """Changes when a file does."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):  # ValueError: a NUL byte in the path; reading it says what is wrong
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def read_listing(
    path: str,
    columns: Sequence[str],
    meters: Collection[str],
    length: int,
    problems: Problems,
    take: Callable[[Key, Sequence[str]], None],
) -> None:
    """Read a file; every problem is a line of it. `length`: seconds of a period.

    `take` is given the meter and period of each row, and its other fields in the sequence of `columns`; it raises
    InvalidOrderError if they cannot be used.
    """
    text = read_text(path, problems)
    if text is None:
        return
    rows = records(text.removeprefix(BOM), path, problems)
    line, _, header = next(rows, (1, "", []))
    needed = (*(() if len(meters) == 1 else ("meter",)), "period", *columns)
    if any(header.count(column) != 1 for column in needed):
        problems.add(
            f"{path}:{line}",
            f"the first line must name each of the columns {', '.join(needed)} once, separated by commas",
        )
        return
    places = {column: place for place, column in enumerate(header)}
    for line, _, fields in rows:
        try:
            if len(fields) != len(header):
                raise InvalidOrderError(f"{len(fields)} fields where the header has {len(header)}")
            meter = fields[places["meter"]] if "meter" in places else next(iter(meters))
            if meter not in meters:
                raise InvalidOrderError(f"meter '{printable(meter)}' is none of the homes given")
            start = period_start(fields[places["period"]], length)
            take((meter, start), [fields[places[column]] for column in columns])
        except InvalidOrderError as error:
            problems.add(f"{path}:{line}", str(error))


class Listing(Generic[_T]):
    """What a file lists, by meter and then by period: a representative asks for each of thousands of meters.

    Raises: InputError if it cannot be used.
    """

    def __init__(self, path: str, read: Callable[[Problems], Mapping[Key, _T]]) -> None:
        self.path = path
        self._read = read
        self._stamp = stamp(path)
        self.listed = self._checked()

    def refresh(self) -> bool:
        """Read it again if it has changed since; whether it has. Raises: InputError; what was read before stays."""
        if (now := stamp(self.path)) == self._stamp:
            return False
        self._stamp = now
        self.listed = self._checked()
        return True

    def of_meter(self, meter: str) -> Mapping[int, _T]:
        """What is listed for one meter, by period, as last read."""
        return self.listed.get(meter, {})

    def _checked(self) -> Mapping[str, Mapping[int, _T]]:
        problems = Problems()
        found = self._read(problems)
        problems.check()
        by_meter: defaultdict[str, dict[int, _T]] = defaultdict(dict)
        for (meter, start), listed in found.items():
            by_meter[meter][start] = listed
        return dict(by_meter)
