"""JSON of the API, taken apart: what is not as it must be is a `WireError`, as with every message from outside."""

import json
from dataclasses import dataclass, field
from typing import Any, Self

from mpc_market.wire.committee import PARTIES
from mpc_market.wire.errors import WireError

_PROBLEM = "urn:mpc-market:problem:"
_PROBLEM_LENGTH = 64


@dataclass(frozen=True, slots=True)
class PeriodDocument:
    """What a party tells of a round: signed messages, not yet checked. A party that has none of a kind sends none."""

    openings: tuple[bytes, ...] = field(repr=False)
    outcomes: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Raises: WireError."""
        table = _table(body)
        return cls(_messages(table, "openings"), _messages(table, "outcomes"))


def problem_of(media_type: str, body: bytes) -> str | None:
    """The last part of the type of a problem document (RFC 9457), or None if this is none of this service."""
    if media_type.partition(";")[0].strip().lower() != "application/problem+json":
        return None
    try:
        kind = _table(body).get("type")
    except WireError:
        return None
    name = kind.removeprefix(_PROBLEM) if isinstance(kind, str) and kind.startswith(_PROBLEM) else ""
    # it is shown to the user: no more than a word gets through
    plain = name.isascii() and name.replace("-", "").isalnum() and len(name) <= _PROBLEM_LENGTH
    return name if plain else None


def _table(body: bytes) -> dict[str, Any]:
    try:
        table = json.loads(body)
    except RecursionError:
        raise WireError("an answer nested too deeply") from None
    # UnicodeDecodeError, JSONDecodeError, and an integer too long for int() are all of this kind
    except ValueError:
        raise WireError("an answer that is not JSON") from None
    if not isinstance(table, dict):
        raise WireError("an answer that is not a JSON object")
    return table


def _messages(table: dict[str, Any], key: str) -> tuple[bytes, ...]:
    """A list of messages in hex, at most one for each party."""
    values = table.get(key) or []
    if not isinstance(values, list) or len(values) > max(PARTIES):
        raise WireError(f"{key} is not a list of at most {max(PARTIES)}")
    found = []
    for value in values:
        try:
            found.append(bytes.fromhex(value))
        # TypeError: not a text
        except (ValueError, TypeError):
            raise WireError(f"{key} holds something else than hex") from None
    return tuple(found)
