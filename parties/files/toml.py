"""TOML files whose problems are told with file and line; texts as TOML writes them."""

import re
import tomllib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from mpc_market.errors import InvalidSettingsError
from parties.files.problems import Problems, printable
from parties.files.source import BOM, read_text
from parties.files.values import shown

Place = tuple[str | int, ...]
"""Where a table stands: `("party", 1)` is the second `[[party]]`."""

Readers = Mapping[str, Callable[[object], object]]
"""What reads the value of each key that a table may have. Each raises InvalidSettingsError for what it cannot take."""


@dataclass(frozen=True)
class Document:
    """A TOML file that was read. `text`: without byte order mark, for the lines of messages."""

    path: str
    text: str = field(repr=False)
    content: dict[str, Any] = field(repr=False)

    def where(self, place: Place = (), key: str = "") -> str:
        """`file:line` of a key of a table, or of the table if it has no such key."""
        return f"{self.path}:{_line_of(self.text, place, key)}"

    def loose_keys(self, problems: Problems, *, belong: str) -> None:
        """Note keys that stand outside any table. `belong`: the table where they belong."""
        for key, value in self.content.items():
            if key != belong and not isinstance(value, dict | list):
                problems.add(
                    self.where((), key),
                    f"key '{printable(key)}' stands outside any table: the settings belong under [{belong}]",
                )

    def table(self, name: str, problems: Problems) -> dict[str, object] | None:
        """The table of that name, or None, noted as a problem."""
        table = self.content.get(name)
        if isinstance(table, dict):
            return table
        problems.add(f"{self.path}:1", f"there is no table [{name}]: the settings belong under [{name}]")
        return None

    def array(self, name: str, problems: Problems) -> list[tuple[int, dict[str, object]]]:
        """The tables of that name, `[[name]]`, numbered; none if it is anything else, noted as a problem."""
        tables = self.content.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            problems.add(self.where((), name), f"[[{name}]] with two brackets is expected: there may be several")
            return []
        return list(enumerate(tables))

    def read(
        self,
        place: Place,
        table: Mapping[str, object],
        readers: Readers,
        problems: Problems,
        *,
        need: bool = False,
        hide: Container[str] = (),
    ) -> dict[str, Any] | None:
        """The values of a table, each read and checked by itself; None if there is any problem with one.

        `need`: every key must be there. `hide`: keys whose values are not to be shown in messages.
        """
        before, values = problems.count, {}
        for key, value in table.items():
            try:
                values[key] = _value(place, key, value, readers, hide)
            except InvalidSettingsError as error:
                problems.add(self.where(place, key), str(error))
        for key in readers if need else ():
            if key not in table:
                problems.add(self.where(place), f"{key} is missing in {_name(place)}")
        return values if problems.count == before else None


def read_document(path: str, problems: Problems) -> Document | None:
    """Read and parse a file; None if there is any problem."""
    text = read_text(path, problems)
    if text is None:
        return None
    return parse_document(path, text.removeprefix(BOM), problems)


def parse_document(path: str, text: str, problems: Problems) -> Document | None:
    """Parse a text; `path` is what messages call it. None if there is any problem."""
    before = problems.count
    content = _parse(path, text, problems)
    return Document(path, text, content) if problems.count == before else None


_ESCAPED = re.compile(r"[\x00-\x1f\x7f\"\\]")


def quoted(value: str) -> str:
    """A TOML string on one line. Controls, quotes and backslashes are escaped."""
    return '"' + _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04X}", value) + '"'


def _parse(path: str, text: str, problems: Problems) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=_parse_float)
    except RecursionError:
        problems.add(f"{path}:1", "the TOML is nested too deeply")
    except ValueError as error:
        # tomllib says where within the message; a number too long for int() does not say it at all
        match = re.search(r"^(.*) \(at line (\d+), column \d+\)$", str(error), re.DOTALL)
        if match:
            problems.add(f"{path}:{match[2]}", f"not TOML: {printable(match[1], 200)}")
        else:
            problems.add(f"{path}:{text.count(chr(10)) + 1}", f"not TOML: {printable(str(error), 200)}")
    return {}


def _parse_float(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the number {printable(text)} is beyond any range") from None


def _value(place: Place, key: str, value: object, readers: Readers, hide: Container[str]) -> object:
    """One value. Raises: InvalidSettingsError with the key and what stands there."""
    reader = readers.get(key)
    if reader is None:
        raise InvalidSettingsError(f"unknown key '{printable(key)}': {_name(place)} has {', '.join(readers)}")
    try:
        return reader(value)
    except InvalidSettingsError as error:
        raise InvalidSettingsError(f"{key} = {'…' if key in hide else shown(value)}: {error}") from None


def _name(place: Place) -> str:
    """A table as it is written: `[market]`, `[[party]]`, `[[party.keys]]`."""
    dotted = ".".join(part for part in place if isinstance(part, str))
    if not dotted:
        return "this file"
    return f"[[{dotted}]]" if isinstance(place[-1], int) else f"[{dotted}]"


# --- lines, for messages ----------------------------------------------------------------------------------

_HEADER = re.compile(r"\s*(\[{1,2})\s*([\w\"'.\- ]+?)\s*\]")


def _line_of(text: str, place: Place, key: str) -> int:
    """The line on which `key` of the table is set, else on which the table begins."""
    here: Place = ()
    begin, counts = 1, dict[Place, int]()
    assignment = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]")
    for line, piece in enumerate(text.split("\n"), 1):
        header = _HEADER.match(piece)
        if header:
            here = _enter(header[2], array=header[1] == "[[", counts=counts)
            if here[: len(place) + 1] == (*place, key):  # the key is a table itself
                return line
            begin = line if here == place else begin
        elif here == place and assignment.match(piece):
            return line
    return begin


def _enter(dotted: str, *, array: bool, counts: dict[Place, int]) -> Place:
    """The place that a header opens. `counts`: how many tables each array of tables has so far."""
    *parents, last = (part.strip(" \"'") for part in dotted.split("."))
    place: Place = ()
    for part in parents:
        place = (*place, part)
        if place in counts:
            place = (*place, counts[place] - 1)
    place = (*place, last)
    if array:
        counts[place] = counts.get(place, 0) + 1
        place = (*place, counts[place] - 1)
    return place
