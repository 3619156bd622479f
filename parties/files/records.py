"""The records of a CSV file (RFC 4180), each with its physical line and its text as it stands in the file."""

import re
from collections.abc import Iterator

from parties.files.problems import Problems

_QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"(,|\Z)')
_STRAY = 'a stray quote or carriage return: a field with quotes in it is written "like ""this"" one"'
_PLAIN = re.compile(r'([^",\r\n]*)(,|\Z)')


def records(text: str, name: str, problems: Problems) -> Iterator[tuple[int, str, list[str]]]:
    """Yield `(line, text, fields)` of every record; malformed ones become problems, blank lines are skipped.

    `line` is the physical line on which the record begins, 1 for the first; its text has no line end.
    Lines end in LF or CRLF.
    """
    pending: list[str] = []
    start = quotes = 0
    pieces = text.split("\n")
    del text  # the caller does not keep it either
    for line, piece in enumerate(pieces, 1):
        if not pending:
            if '"' not in piece:
                row = piece.removesuffix("\r")
                if "\r" in row:
                    problems.add(f"{name}:{line}", "a carriage return within the line: end lines with LF or CRLF")
                elif row and not row.isspace():
                    yield line, row, row.split(",")
                continue
            start, quotes = line, 0
        pending.append(piece)
        quotes += piece.count('"')
        if quotes % 2 == 0:  # every quote that was opened is closed again
            row = "\n".join(pending).removesuffix("\r")
            pending = []
            fields = _split(row)
            if fields is None:
                problems.add(f"{name}:{start}", _STRAY)
            else:
                yield start, row, fields
    if pending:
        problems.add(
            f"{name}:{start}",
            "a quoted field begins here or below and is never closed: add the missing quote",
        )


def _split(row: str) -> list[str] | None:
    """The fields of a record with quotes in it, or None if it is malformed."""
    fields: list[str] = []
    position, more = 0, True
    while more:
        match = _QUOTED.match(row, position)
        if match:
            fields.append(match[1].replace('""', '"'))
        else:
            match = _PLAIN.match(row, position)
            if match is None:
                return None
            fields.append(match[1])
        position, more = match.end(), bool(match[2])
    return fields
