"""The messages of settlement, between a compute party's service and its worker.

    service → worker   SettlementJob    rows of one or more periods, with this party's words of them
    worker  → service  FoundVerdicts    which readings are valid; not if the service knew it already
    service → worker   PROCEED          all parties have signed and stored these verdicts
    worker  → service  SettlementDone   entries and totals

    service → worker   ClosingJob       a month's accounts, with this party's shares of their volumes
    worker  → service  ClosingDone      amounts due, volumes and totals to be revealed

As in `messages`, public numbers travel in the header, everything by row as raw bytes behind it: little-endian.
"""

from dataclasses import dataclass
from math import prod

from mpc_market.rules.model import VOLUMES, Market
from mpc_market.rules.money import Cents, Scale
from parties.compute.channel import Header
from parties.compute.fields import (
    WORD_BYTES,
    malformed,
    market_header,
    numbers_header,
    read,
    read_market,
    read_numbers,
    read_seconds,
    read_seed,
)
from parties.compute.messages import Effort

SETTLE, SETTLED, CLOSE, CLOSED = "settle", "settled", "close", "closed"

ENTRY_WORDS, GROUP_NUMBERS, TOTAL_WORDS, RATES = 5, 5, 2, 3
NOT_APPLICABLE = 2**64 - 1
"""In place of the number of a region or supplier."""

_CELLS_MAX = 2**24
_ROWS = ("rows", "metered", "period_count", "supplier_count", "region_count", "minimum_group", "ids_bytes")
_SETTLED = ("metered", "settled", "groups")
_MONTH = ("accounts", "lines", "totals", "ids", "ids_bytes")
_SCALE = ("orders", "periods")
_CLOSED = ("accounts", "lines", "totals")


@dataclass(frozen=True, slots=True)
class SettlementJob:
    """Service to worker: n rows, `metered` of them with readings, to be settled within `seconds`.

    `stays`: whether the party stays for another job, on the same connections; if not, its process ends with this one.

    Behind it: the lengths in bytes of the n ids (uint32) and the ids (UTF-8, `ids_bytes`); for every row the enrolled
    maximum (uint64), then its period, then its supplier, then its region (uint32 each), then whether it is metered,
    then whether it counts (uint8 each); if `verdicts_known`, the verdict on every metered row (uint8); then for every
    row the shares of what was bought and sold, then for every metered row 4·quantity_bits share words (uint64 each).
    """

    rows: int
    metered: int
    period_count: int
    supplier_count: int
    region_count: int
    minimum_group: int
    market: Market
    check_seed: bytes
    ids_bytes: int
    verdicts_known: bool
    seconds: float
    stays: bool = False

    @property
    def words_each(self) -> int:
        """Share words of one reading."""
        return self.market.reading_words

    def header(self) -> Header:
        """As a message."""
        return {
            "kind": SETTLE,
            **numbers_header(self, _ROWS),
            **market_header(self.market),
            "check_seed": self.check_seed.hex(),
            "verdicts_known": self.verdicts_known,
            "seconds": float(self.seconds),
            "stays": self.stays,
        }

    @classmethod
    def read(cls, header: Header) -> "SettlementJob":
        """From a message."""
        rows, metered, periods, suppliers, regions, minimum_group, ids_bytes = read_numbers(header, _ROWS)
        given = cls(
            rows,
            metered,
            periods,
            suppliers,
            regions,
            minimum_group,
            read_market(header),
            read_seed(header, "check_seed"),
            ids_bytes,
            read(header, "verdicts_known", bool),
            read_seconds(header, "seconds"),
            read(header, "stays", bool),
        )
        if given.metered > given.rows:
            raise malformed("metered")
        if prod((given.period_count, given.supplier_count, given.region_count)) > _CELLS_MAX:
            raise malformed("period_count, supplier_count or region_count")
        return given


@dataclass(frozen=True, slots=True)
class SettlementDone:
    """Worker to service: the outcome, and what it took.

    Behind it: the verdict on every metered row (uint8); the numbers of the `settled` rows (uint64) and for each of them
    five shares; for each of the `groups` its kind, period, region, supplier (2^64 − 1 for what does not apply) and
    users, then for each the shares of import and export (uint64 each).
    """

    metered: int
    settled: int
    groups: int
    effort: Effort

    @property
    def raw_bytes(self) -> int:
        """How many bytes are behind it."""
        words = self.settled * (1 + ENTRY_WORDS) + self.groups * (GROUP_NUMBERS + TOTAL_WORDS)
        return self.metered + WORD_BYTES * words

    def header(self) -> Header:
        """As a message."""
        return {"kind": SETTLED, **numbers_header(self, _SETTLED), **self.effort.fields()}

    @classmethod
    def read(cls, header: Header) -> "SettlementDone":
        """From a message."""
        metered, settled, groups = read_numbers(header, _SETTLED)
        return cls(metered, settled, groups, Effort.read(header))


@dataclass(frozen=True, slots=True)
class ClosingJob:
    """Service to worker: a month of this many accounts, lines and totals of corrections. `stays`: as in
    `SettlementJob`.

    Behind it: the lengths in bytes of `ids` (uint32) and the ids (UTF-8, `ids_bytes`); for every account how many
    entries it is made of (uint64); for every line the number of its account (uint64), then for every line its retail
    price, feed-in price and network fee (int64); shares: seven volumes for each line, two for each total (uint64).
    """

    accounts: int
    lines: int
    totals: int
    ids: int
    ids_bytes: int
    scale: Scale
    seconds: float
    stays: bool = False

    def header(self) -> Header:
        """As a message."""
        return {
            "kind": CLOSE,
            **numbers_header(self, _MONTH),
            **market_header(self.scale.market),
            "base": self.scale.base,
            **numbers_header(self.scale, _SCALE),
            "cents": [self.scale.cents.numerator, self.scale.cents.denominator],
            "seconds": float(self.seconds),
            "stays": self.stays,
        }

    @classmethod
    def read(cls, header: Header) -> "ClosingJob":
        """From a message. Raises: InvalidSettingsError too."""
        cents = read(header, "cents", list)
        if [type(each) for each in cents] != [int, int]:
            raise malformed("cents")
        orders, periods = read_numbers(header, _SCALE)
        scale = Scale(read_market(header), read(header, "base", int), orders, periods, Cents(*cents))
        accounts, lines, totals, ids, ids_bytes = read_numbers(header, _MONTH)
        seconds, stays = read_seconds(header, "seconds"), read(header, "stays", bool)
        return cls(accounts, lines, totals, ids, ids_bytes, scale, seconds, stays)


@dataclass(frozen=True, slots=True)
class ClosingDone:
    """Worker to service: the outcome, and what it took.

    Behind it fresh shares (uint64): the amount due of each account, seven volumes of each line, two words of each
    total.
    """

    accounts: int
    lines: int
    totals: int
    effort: Effort

    @property
    def raw_bytes(self) -> int:
        """How many bytes are behind it."""
        return WORD_BYTES * (self.accounts + VOLUMES * self.lines + TOTAL_WORDS * self.totals)

    def header(self) -> Header:
        """As a message."""
        return {"kind": CLOSED, **numbers_header(self, _CLOSED), **self.effort.fields()}

    @classmethod
    def read(cls, header: Header) -> "ClosingDone":
        """From a message."""
        accounts, lines, totals = read_numbers(header, _CLOSED)
        return cls(accounts, lines, totals, Effort.read(header))
