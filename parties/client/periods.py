"""Periods as people and files write them.

A period is known by its UTC start: `2026-11-21T12:00:00Z`, in the software seconds since 1970. Periods start at
multiples of their length since 1970, so days of 23 or 25 hours are nothing special.
"""

import re
from datetime import UTC, datetime

from mpc_market.errors import InvalidOrderError
from parties.files.problems import printable
from parties.files.values import moment_text

_TEXT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?Z", re.ASCII)


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
            f"period '{text}': no period starts there, but one does at {moment_text(earlier)} "
            f"and one at {moment_text(earlier + length)}"
        )
    return start
