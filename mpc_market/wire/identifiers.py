"""Names: of markets, meters, suppliers, regions, orders; and the period, which together with a market names a round."""

import re
from dataclasses import dataclass
from typing import Self

from mpc_market.wire.checks import require_int
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.errors import WireError

ID_LENGTH_MAX = 64
"""Unicode characters, not bytes."""

START_MAX = 2**40 - 1
"""The last start of a period, in seconds since 1970."""

_MARKET = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

# A fixed list, the same in every language and for every version of Unicode: control characters (C0, DEL, C1), line and
# paragraph separators, characters without width or that turn the direction of writing, and the slash of order ids.
_NOT_IN_ID = re.compile("[\u0000-\u001f\u007f-\u009f/\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")


def check_market_id(market: str) -> str:
    """`[a-z0-9][a-z0-9._-]{0,63}`. Raises: WireError."""
    if not isinstance(market, str) or _MARKET.fullmatch(market) is None:
        raise WireError("a market id is 1 to 64 of a-z, 0-9, '.', '_', '-', the first a letter or a digit")
    return market


def check_id(name: str, value: str) -> str:
    """The id of a meter, supplier or region: opaque, 1 … 64 characters, no '/', none that is invisible.

    "." and ".." are refused: in an address they mean something else. `name` says what it is, for the message.
    Raises: WireError.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= ID_LENGTH_MAX:
        raise WireError(f"the id of a {name} is 1 to {ID_LENGTH_MAX} characters")
    if _NOT_IN_ID.search(value) or value in (".", ".."):
        raise WireError(f"the id of a {name} holds a character that is not allowed ('/', control or invisible)")
    return value


def id_key(value: str) -> bytes:
    """What ids are sorted by: their UTF-8 bytes."""
    return value.encode("utf-8")


def order_id(meter: str, k: int) -> str:
    """The id of the k-th order (from 0) of a meter's submission: what its ticket is drawn for."""
    return f"{meter}/{k}"


@dataclass(frozen=True, slots=True)
class Period:
    """One round: of a market, and of the period that starts at `start` (UTC, seconds since 1970).

    Raises: WireError.
    """

    market: str
    start: int

    def __post_init__(self) -> None:
        check_market_id(self.market)
        require_int("the start of a period", self.start, 0, START_MAX)

    def __str__(self) -> str:
        return f"{self.market}@{self.start}"

    def write(self, writer: Writer) -> Writer:
        return writer.text(self.market).u64(self.start)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.text(), reader.u64())
