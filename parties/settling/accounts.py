"""What a month's closing adds up: from the entries of its settlements and corrections to accounts and bill lines.

A party runs it on its shares: a volume is a sum of public multiples of share words mod p (`rules.settlement.value`), so
the sums of all parties' shares are shares of the sums. What follows from public numbers only (accounts, lines, how many
entries each has) is the same at all parties.

    entry of a settlement      + value(entry)
    entry of a correction      + value(entry) − value(the entry that it replaces, if there is one)
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Self

from mpc_market.rules.groups import large_enough, shown_parts
from mpc_market.rules.model import VOLUMES
from mpc_market.rules.settlement import Entry, Volumes, value
from mpc_market.rules.tariff import Rates
from mpc_market.wire.codec import P
from mpc_market.wire.identifiers import MEMBER_SLASH
from parties.settling.groups import part_group, region_group, supplier_group

Words = tuple[int, ...]

_words = attrgetter(*(each.name for each in fields(Volumes)))  # millions of times a month: `astuple` copies deeply


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """A user at a supplier. `owner`: the identity key of the meter on the roll of the period, in hex: a meter's next
    owner, with keys of its own, has another account, and gets nothing of the one before.
    """

    meter: str
    supplier: str
    owner: str

    @property
    def key(self) -> tuple[bytes, bytes, bytes]:
        """What accounts are sorted by."""
        return self.meter.encode(), self.supplier.encode(), self.owner.encode()

    @property
    def name(self) -> str:
        """As rows of the ledger have it. No id has a slash."""
        return MEMBER_SLASH.join((self.meter, self.supplier, self.owner))

    @classmethod
    def of(cls, name: str) -> Self:
        """The inverse."""
        return cls(*name.split(MEMBER_SLASH))


@dataclass(frozen=True, slots=True)
class LineKey:
    """What the lines of a bill are told apart by. `month`: start of the month that the periods lie in."""

    rates: Rates
    month: int
    estimated: bool

    @property
    def facts(self) -> tuple[int, ...]:
        """As they stand in a sheet."""
        return (*self.rates.facts, self.month, int(self.estimated))


@dataclass(frozen=True, slots=True)
class Booking:
    """One entry. `price`: the clearing price as money, None for no trade. `entry`, `replaces`: five share words each.

    `correction`: late, corrected or estimated, and so in no period's totals.
    """

    account: Account
    line: LineKey
    region: str
    price: int | None
    correction: bool
    entry: Words = field(repr=False)
    replaces: Words | None = field(default=None, repr=False)


@dataclass(slots=True)
class BillLine:
    """One line of one account: `entries` added or subtracted, and this party's shares of its volumes. `periods` were
    settled; `corrections` of the month before were corrected, came late or are estimated: each once.
    """

    entries: int = 0
    periods: int = 0
    corrections: int = 0
    volumes: list[int] = field(default_factory=lambda: [0] * VOLUMES, repr=False)

    def add(self, booking: Booking) -> None:
        """Take in an entry."""
        self.periods += not booking.correction
        self.corrections += booking.correction
        for sign, words in ((1, booking.entry), (-1, booking.replaces)):
            if words is not None:
                self.entries += 1
                for i, word in enumerate(_words(value(Entry(*words), booking.price))):
                    self.volumes[i] = (self.volumes[i] + sign * word) % P


@dataclass(slots=True)
class _Group:
    users: set[str] = field(default_factory=set, repr=False)
    words: list[int] = field(default_factory=lambda: [0, 0], repr=False)


@dataclass(frozen=True)
class MonthBooks:
    """Everything of a month. `lines`: by account, each in a fixed sequence. `totals`: of corrections, by group's name,
    with the number of users; only those that may be shown.
    """

    lines: dict[Account, dict[LineKey, BillLine]] = field(repr=False)
    totals: dict[str, tuple[int, Words]] = field(repr=False)

    @property
    def accounts(self) -> list[Account]:
        """In the sequence that all parties use."""
        return list(self.lines)

    def periods(self, account: Account) -> int:
        """How many periods of the month itself were settled."""
        return sum(line.periods for line in self.lines[account].values())

    def corrections(self, account: Account) -> int:
        """How many periods of the month before were corrected, late or estimated."""
        return sum(line.corrections for line in self.lines[account].values())

    def estimates(self, account: Account) -> int:
        """How many periods of an account rest on estimates."""
        found = (line for key, line in self.lines[account].items() if key.estimated)
        return sum(line.periods + line.corrections for line in found)

    def entries(self, account: Account) -> int:
        """How many entries an account has: those taken back count too."""
        return sum(line.entries for line in self.lines[account].values())


class MonthSums:
    """A month's sums, entry by entry: no more is kept of an entry than what it adds."""

    def __init__(self) -> None:
        self._lines: defaultdict[Account, defaultdict[LineKey, BillLine]] = defaultdict(lambda: defaultdict(BillLine))
        self._groups: defaultdict[str, _Group] = defaultdict(_Group)
        self._parts: set[tuple[str, str]] = set()

    def add(self, booking: Booking) -> None:
        """Take in an entry."""
        self._lines[booking.account][booking.line].add(booking)
        if booking.correction and not booking.line.estimated:
            supplier, region = booking.account.supplier, booking.region
            self._parts.add((region, supplier))
            for name in (supplier_group(supplier), region_group(region), part_group(region, supplier)):
                _count(self._groups[name], booking)

    def books(self, minimum_group: int) -> MonthBooks:
        """What they come to."""
        lines, groups = self._lines, self._groups
        ordered = {
            account: {key: lines[account][key] for key in sorted(lines[account], key=lambda key: key.facts)}
            for account in sorted(lines, key=lambda account: account.key)
        }
        shown = _shown(groups, sorted(self._parts), minimum_group)
        return MonthBooks(ordered, {name: (len(groups[name].users), tuple(groups[name].words)) for name in shown})


def month_books(bookings: Iterable[Booking], minimum_group: int) -> MonthBooks:
    """Add up. Run by every party on its shares; the same public outcome at all."""
    sums = MonthSums()
    for booking in bookings:
        sums.add(booking)
    return sums.books(minimum_group)


def _count(group: _Group, booking: Booking) -> None:
    group.users.add(booking.account.meter)
    for i, place in enumerate((2, 3)):  # imported, exported
        before = 0 if booking.replaces is None else booking.replaces[place]
        group.words[i] = (group.words[i] + booking.entry[place] - before) % P


def _shown(groups: dict[str, _Group], parts: Sequence[tuple[str, str]], minimum: int) -> list[str]:
    """The groups whose totals may be shown: large enough, and no smaller one follows from them."""
    names = {name for name, group in groups.items() if large_enough(len(group.users), minimum)}
    for region in {region for region, _ in parts}:
        suppliers = [supplier for other, supplier in parts if other == region]
        users = [len(groups[part_group(region, supplier)].users) for supplier in suppliers]
        may = shown_parts(users, minimum) if region_group(region) in names else [False] * len(users)
        names -= {part_group(region, each) for each, shown in zip(suppliers, may, strict=True) if not shown}
    return sorted(names, key=str.encode)
