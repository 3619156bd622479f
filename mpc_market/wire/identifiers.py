"""Names: of markets, meters, suppliers, regions, orders; and the period, which together with a market names a round.

A period is cleared in one round and settled in two more, a month is closed in one. All four run alike and have chains
of records of their own; in every message the market's name says which it is:

    oak-street                 the clearing of a period
    oak-street:settlement      its settlement, from the readings that are there in time
    oak-street:correction      what is settled of it afterwards: late and corrected readings, estimates
    oak-street:closing         the closing of a month; `start`: that of the month

No market id has a colon, so what is signed or sealed for one of them is of no use in another.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from mpc_market.wire.checks import require_int
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.errors import WireError

ID_LENGTH_MAX = 64
"""Unicode characters, not bytes."""

START_MAX = 2**40 - 1
"""The last start of a period, in seconds since 1970."""

_MARKET = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Stage(StrEnum):
    """What is done in a round; the value is what follows the colon in the market's name."""

    CLEARING = ""
    SETTLEMENT = "settlement"
    CORRECTION = "correction"
    CLOSING = "closing"

    @property
    def label(self) -> str:
        """Its name where it must have one: the value of the first stage is empty."""
        return self.value or "clearing"

    def of(self, market: str) -> str:
        """The name in messages of this stage. `market`: the id alone."""
        return f"{market}:{self}" if self else market


# A fixed list, the same in every language and for every version of Unicode: control characters (C0, DEL, C1), line and
# paragraph separators, characters without width or that turn the direction of writing, and the slash of order ids.
_NOT_IN_ID = re.compile("[\u0000-\u001f\u007f-\u009f/\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")


def check_market_id(market: str) -> str:
    """`[a-z0-9][a-z0-9._-]{0,63}`. Raises: WireError."""
    if not isinstance(market, str) or _MARKET.fullmatch(market) is None:
        raise WireError("a market id is 1 to 64 of a-z, 0-9, '.', '_', '-', the first a letter or a digit")
    return market


def split_market(name: str) -> tuple[str, Stage]:
    """The id and the stage in a market's name. Raises: WireError."""
    market, colon, stage = name.partition(":") if isinstance(name, str) else ("", "", "")
    if bool(colon) != bool(stage) or stage not in set(Stage):
        raise WireError("a market's name is its id, or the id with ':settlement', ':correction' or ':closing'")
    return check_market_id(market), Stage(stage)


def check_id(name: str, value: str) -> str:
    """The id of a meter, supplier or region: opaque, 1 … 64 characters, no '/', none that is invisible.

    "." and ".." are refused: in an address they mean something else. `name` says what it is, for the message.
    Raises: WireError.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= ID_LENGTH_MAX:
        raise WireError(f"the id of {_a(name)} is 1 to {ID_LENGTH_MAX} characters")
    if _NOT_IN_ID.search(value) or value in (".", ".."):
        raise WireError(f"the id of {_a(name)} holds a character that is not allowed ('/', control or invisible)")
    return value


def _a(name: str) -> str:
    return f"{'an' if name.startswith(tuple('aeiou')) else 'a'} {name}"


MEMBER_SLASH = "/"
"""Between the kind and the name of what is a member of a set and no meter; no id has one."""


def member(kind: str, name: str) -> str:
    """The id, in a set, of something else than a submission: of a tariff of a supplier, say."""
    return f"{kind}{MEMBER_SLASH}{name}"


def is_meter(value: str) -> bool:
    """Whether a member of a set is a meter's submission, not one made by `member`."""
    return MEMBER_SLASH not in value


def check_member(value: str) -> str:
    """The id of a member of a set: a meter's, or one made by `member`. Raises: WireError."""
    if not isinstance(value, str):
        raise WireError("the id of a member of a set is a text")
    kind, slash, name = value.partition(MEMBER_SLASH)
    if not slash:
        return check_id("meter", value)
    check_id("kind of member", kind)
    check_id("member", name)
    return value


def id_key(value: str) -> bytes:
    """What ids are sorted by: their UTF-8 bytes."""
    return value.encode("utf-8")


def order_id(meter: str, k: int) -> str:
    """The id of the k-th order (from 0) of a meter's submission: what its ticket is drawn for."""
    return f"{meter}/{k}"


@dataclass(frozen=True, slots=True)
class Period:
    """One round: of a market, by its name, and of the period that starts at `start` (UTC, seconds since 1970).

    Raises: WireError.
    """

    market: str
    start: int

    def __post_init__(self) -> None:
        split_market(self.market)
        require_int("the start of a period", self.start, 0, START_MAX)

    def __str__(self) -> str:
        """For people: "settlement of 2026-11-26T15:48:30Z in oak-street"."""
        market, stage = split_market(self.market)
        return f"{stage.value or 'clearing'} of {_utc(self.start)} in {market}"

    @property
    def stage(self) -> Stage:
        """What is done in the round."""
        return split_market(self.market)[1]

    def write(self, writer: Writer) -> Writer:
        return writer.text(self.market).u64(self.start)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.text(), reader.u64())


def _utc(seconds: int) -> str:
    """A moment in UTC. Exact for every start; the library has no clock and no calendar of its own but this.

    Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days: eras of 400 years, each of which
    begins on a 1 March.
    """
    days, rest = divmod(seconds, 86_400)
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153  # 0: March
    date = f"{400 * era + year + (month >= 10):04}-{(month + 2) % 12 + 1:02}-{day - (153 * month + 2) // 5 + 1:02}"
    return f"{date}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"
