"""What a service hands to its worker for settlement, and what it gets back: plain Python, no arrays."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from mpc_market.errors import InvalidSettingsError, ShareError
from mpc_market.rules.model import VOLUMES, Market
from mpc_market.rules.money import Scale
from mpc_market.wire.codec import WORD_BYTES, bytes_words
from mpc_market.wire.errors import WireError
from parties.compute.messages import Effort
from parties.compute.settlement_messages import (
    ENTRY_WORDS,
    GROUP_NUMBERS,
    NOT_APPLICABLE,
    TOTAL_WORDS,
    ClosingDone,
    ClosingJob,
    SettlementDone,
    SettlementJob,
)
from parties.worker.errors import WorkerError

_VALID = 0
_KINDS = ("supplier", "region", "part")
_TOLD_APART_BY = {"supplier": (False, True), "region": (True, False), "part": (True, True)}
"""By kind, whether a total is one of a region, and of a supplier."""


@dataclass(frozen=True, slots=True)
class SettlementInput:
    """n rows, a user in a period each, as one compute party holds them (`mpc_market.secure.readings`).

    Public, the same at all parties: `check_seed`, 32 bytes; `ids`; `maxima`, in lots; `periods`, `suppliers`,
    `regions`: numbers below their counts; `metered`: whether there is a reading, else the row is estimated; `counted`:
    whether it belongs to the totals; `verdicts`, one byte for each metered row, if an earlier attempt has found them.
    Secret: `traded`, this party's shares of what was bought and sold; `words`, its share words of each reading,
    little-endian, nothing for a row that is not metered.

    Raises: InvalidSettingsError or ShareError if it does not fit together; what the numbers are is for the worker to
    check.
    """

    market: Market
    minimum_group: int
    check_seed: bytes
    ids: Sequence[str]
    maxima: Sequence[int]
    periods: Sequence[int]
    period_count: int
    suppliers: Sequence[int]
    supplier_count: int
    regions: Sequence[int]
    region_count: int
    metered: Sequence[bool]
    counted: Sequence[bool]
    traded: Sequence[tuple[int, int]] = field(repr=False)
    words: Sequence[bytes] = field(repr=False)
    verdicts: bytes | None = None

    def __post_init__(self) -> None:
        columns = (self.maxima, self.periods, self.suppliers, self.regions, self.metered, self.counted)
        if {len(self.ids)} != {len(each) for each in (self.ids, *columns, self.traded, self.words)}:
            raise InvalidSettingsError(f"{len(self.ids)} ids, and columns of other lengths")
        if self.verdicts is not None and len(self.verdicts) != self.checked:
            raise InvalidSettingsError(f"{len(self.verdicts)} verdicts on {self.checked} readings")
        for place, (words, metered) in enumerate(zip(self.words, self.metered, strict=True)):
            due = WORD_BYTES * self.market.reading_words if metered else 0
            if len(words) != due:
                raise ShareError(f"the words of row {place} are {len(words)} bytes, not {due}")

    @property
    def checked(self) -> int:
        """How many verdicts are due: one for each metered row."""
        return sum(self.metered)

    def message(self, seconds: float) -> tuple[SettlementJob, list[bytes]]:
        """The message to the worker, and the raw bytes behind it."""
        n, ids = len(self.ids), [each.encode() for each in self.ids]
        try:
            columns = [
                struct.pack(f"<{n}Q", *self.maxima),
                *(struct.pack(f"<{n}I", *each) for each in (self.periods, self.suppliers, self.regions)),
                bytes(map(bool, self.metered)),
                bytes(map(bool, self.counted)),
            ]
            traded = struct.pack(f"<{2 * n}Q", *(word for pair in self.traded for word in pair))
        except struct.error:
            raise InvalidSettingsError("maxima, numbers of rows and shares must be integers from 0 on") from None
        text = b"".join(ids)
        header = SettlementJob(
            n,
            self.checked,
            self.period_count,
            self.supplier_count,
            self.region_count,
            self.minimum_group,
            self.market,
            self.check_seed,
            len(text),
            self.verdicts is not None,
            seconds,
        )
        lengths = struct.pack(f"<{n}I", *map(len, ids))
        return header, [lengths, text, *columns, self.verdicts or b"", traded, b"".join(self.words)]


@dataclass(frozen=True, slots=True)
class GroupTotal:
    """A total that may be shown: to the supplier (kind "supplier"), to the DSO of the region and the TSO ("region"), to
    the DSO ("part": of a supplier in its region). `shares`: import and export, lots.
    """

    kind: str
    period: int
    region: int | None
    supplier: int | None
    users: int
    shares: tuple[int, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SettlementResult:
    """What one compute party holds after a settlement: `verdicts`, one byte for each metered row; `entries`, for each
    row five shares (`rules.settlement.Entry`), nothing for one that is not settled; `totals`.
    """

    verdicts: bytes
    entries: tuple[tuple[int, ...], ...] = field(repr=False)
    totals: tuple[GroupTotal, ...] = field(repr=False)
    effort: Effort

    @classmethod
    def of(cls, given: SettlementInput, done: SettlementDone, raw: bytes) -> "SettlementResult":
        """From the worker's message and the raw bytes behind it. Raises: WorkerError if they contradict each other, or
        what was asked.
        """
        entry_words, group_words = ENTRY_WORDS * done.settled, TOTAL_WORDS * done.groups
        counts = (done.settled, entry_words, GROUP_NUMBERS * done.groups, group_words)
        verdicts, *behind = _cut(raw, [done.metered, *(WORD_BYTES * count for count in counts)])
        found = iter(verdicts)
        due = [i for i, metered in enumerate(given.metered) if not metered or next(found) == _VALID]
        if list(_numbers(behind[0])) != due:
            raise WorkerError("sent a malformed message: settled rows")
        entries: list[tuple[int, ...]] = [()] * len(given.ids)
        for row, words in zip(due, _chunks(_shares(behind[1]), ENTRY_WORDS), strict=True):
            entries[row] = words
        groups = zip(_chunks(_numbers(behind[2]), GROUP_NUMBERS), _chunks(_shares(behind[3]), TOTAL_WORDS), strict=True)
        return cls(verdicts, tuple(entries), tuple(_total(given, *group) for group in groups), done.effort)


def _total(given: SettlementInput, numbers: tuple[int, ...], shares: tuple[int, ...]) -> GroupTotal:
    kind, period, *whose, users = numbers
    region, supplier = (None if number == NOT_APPLICABLE else number for number in whose)
    fits = (
        kind < len(_KINDS)
        and (region is not None, supplier is not None) == _TOLD_APART_BY[_KINDS[kind]]
        and period < given.period_count
        and (region or 0) < given.region_count
        and (supplier or 0) < given.supplier_count
        and users <= len(given.ids)
    )
    if not fits:
        raise WorkerError("sent a malformed message: whose total it is")
    return GroupTotal(_KINDS[kind], period, region, supplier, users, shares)


@dataclass(frozen=True, slots=True)
class ClosingInput:
    """A month as one compute party holds it (`mpc_market.secure.closing`).

    Public, the same at all parties: `ids`, whatever names accounts, lines and totals; `bookings`, for each account how
    many entries it is made of, those taken back included; for each line `accounts`, the number of its account, and
    `rates` (retail, feed-in, fee: money ticks). Secret, this party's shares: `volumes`, seven for each line; `totals`,
    two for each total of corrections that may be shown.

    Raises: InvalidSettingsError if it does not fit together.
    """

    scale: Scale
    ids: Sequence[str]
    bookings: Sequence[int]
    accounts: Sequence[int]
    rates: Sequence[tuple[int, int, int]]
    volumes: Sequence[tuple[int, ...]] = field(repr=False)
    totals: Sequence[tuple[int, ...]] = field(repr=False, default=())

    def __post_init__(self) -> None:
        if not len(self.accounts) == len(self.rates) == len(self.volumes):
            lengths = (len(self.accounts), len(self.rates), len(self.volumes))
            raise InvalidSettingsError(f"{lengths[0]} accounts of lines, {lengths[1]} rates, {lengths[2]} volumes")

    def message(self, seconds: float) -> tuple[ClosingJob, list[bytes]]:
        """The message to the worker, and the raw bytes behind it."""
        ids = [each.encode() for each in self.ids]
        text = b"".join(ids)
        lines, totals = len(self.accounts), len(self.totals)
        try:
            columns = [
                struct.pack(f"<{len(ids)}I", *map(len, ids)),
                text,
                struct.pack(f"<{len(self.bookings)}Q", *self.bookings),
                struct.pack(f"<{lines}Q", *self.accounts),
                struct.pack(f"<{3 * lines}q", *(each for rates in self.rates for each in rates)),
                struct.pack(f"<{VOLUMES * lines}Q", *(word for words in self.volumes for word in words)),
                struct.pack(f"<{TOTAL_WORDS * totals}Q", *(word for words in self.totals for word in words)),
            ]
        except struct.error:
            raise InvalidSettingsError("numbers of a month are out of range, or not as many as there must be") from None
        header = ClosingJob(len(self.bookings), lines, totals, len(ids), len(text), self.scale, seconds)
        return header, columns


@dataclass(frozen=True, slots=True)
class ClosingResult:
    """Fresh shares, to be revealed each to its reader: the amount `due` of each account in cents, signed; seven
    `volumes` of each line; `totals`.
    """

    due: tuple[int, ...] = field(repr=False)
    volumes: tuple[tuple[int, ...], ...] = field(repr=False)
    totals: tuple[tuple[int, ...], ...] = field(repr=False)
    effort: Effort

    @classmethod
    def of(cls, done: ClosingDone, raw: bytes) -> "ClosingResult":
        """From the worker's message and the raw bytes behind it. Raises: WorkerError if a word is no share."""
        words = _shares(raw)
        middle = done.accounts + VOLUMES * done.lines
        volumes = _chunks(words[done.accounts : middle], VOLUMES)
        return cls(words[: done.accounts], volumes, _chunks(words[middle:], TOTAL_WORDS), done.effort)


def check_settled(given: object, done: SettlementDone) -> int:
    """How many bytes are behind it. Raises: WorkerError if it does not answer what was asked."""
    if not isinstance(given, SettlementInput):
        raise WorkerError("settled")
    groups_max = given.period_count * (given.supplier_count + given.region_count * (1 + given.supplier_count))
    if done.metered != given.checked or done.settled > len(given.ids) or done.groups > groups_max:
        raise WorkerError("settled")
    return done.raw_bytes


def check_closed(given: object, done: ClosingDone) -> int:
    """The same."""
    if not isinstance(given, ClosingInput):
        raise WorkerError("closed")
    if (done.accounts, done.lines, done.totals) != (len(given.bookings), len(given.accounts), len(given.totals)):
        raise WorkerError("closed")
    return done.raw_bytes


def _cut(raw: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Pieces of this many bytes, one after the other."""
    ends = list(accumulate(sizes, initial=0))
    return [raw[begin:end] for begin, end in pairwise(ends)]


def _numbers(raw: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(raw) // WORD_BYTES}Q", raw)


def _shares(raw: bytes) -> tuple[int, ...]:
    """Raises: WorkerError."""
    try:
        return bytes_words(raw)
    except WireError:
        raise WorkerError("sent a malformed message: a word that is no share") from None


def _chunks(words: tuple[int, ...], size: int) -> tuple[tuple[int, ...], ...]:
    return tuple(words[at : at + size] for at in range(0, len(words), size))
