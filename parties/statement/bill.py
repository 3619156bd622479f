"""A user's bill of one month, from the two sheets that only the user can open.

What is checked: that there is one amount for each supplier with lines and the other way round, and that each amount,
which the parties have rounded on shares and which is all that the supplier is told, is the exact total of its lines,
rounded once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mpc_market.errors import InvalidSettingsError
from mpc_market.rules.settlement import Bill, Line, Volumes
from mpc_market.rules.statement import Statement, statement
from mpc_market.rules.tariff import Rates
from mpc_market.wire.identifiers import MEMBER_SLASH
from mpc_market.wire.sheet import AMOUNT_COLUMNS, BILL_COLUMNS, ReceivedSheet
from parties.files.market import MarketFile
from parties.settling.calendar import Calendar
from parties.statement.errors import StatementError

_LINE_FACTS = (5, 2)
"""With a tariff and without."""


@dataclass(frozen=True, slots=True)
class SupplierPart:
    """What is due to one supplier. `entries`: by line, how many settled or corrected periods it is made of."""

    supplier: str
    bill: Bill = field(repr=False)
    statement: Statement
    entries: Mapping[Line, int] = field(repr=False)

    @property
    def estimated(self) -> int:
        """How many periods are estimated."""
        return sum(count for line, count in self.entries.items() if line.estimated)


@dataclass(frozen=True, slots=True)
class UserBill:
    """`month`: as `Months.text` has it. `periods`: how many the month has. `parties`: how many delivered shares."""

    meter: str
    month: str
    parts: tuple[SupplierPart, ...]
    periods: int
    settings: MarketFile = field(repr=False)
    parties: int

    @property
    def market(self) -> str:
        """The market's id."""
        assert self.settings.id is not None, "a running market has one"
        return self.settings.id

    @property
    def due(self) -> int:
        """To all suppliers, cents."""
        return sum(part.statement.due for part in self.parts)

    @property
    def without_market(self) -> int:
        """What would have been due to them if there were no local market, cents."""
        return sum(part.statement.without_market for part in self.parts)

    @property
    def saved(self) -> int:
        """The difference."""
        return self.without_market - self.due

    @property
    def imported(self) -> int:
        """Lots, of all lines."""
        return sum(each.imported for _, each in self._lines())

    @property
    def exported(self) -> int:
        """The same."""
        return sum(each.exported for _, each in self._lines())

    @property
    def at_retail(self) -> int:
        """All imports at retail prices, cents."""
        return self._cents(sum(line.rates.retail * each.imported for line, each in self._lines()))

    @property
    def at_feed_in(self) -> int:
        """All exports at feed-in prices, cents: negative."""
        return self._cents(-sum(line.rates.feed_in * each.exported for line, each in self._lines()))

    def _lines(self) -> Iterator[tuple[Line, Volumes]]:
        for part in self.parts:
            yield from part.bill.lines.items()

    def _cents(self, exact: int) -> int:
        return self.settings.scale.cents.of(exact)

    @property
    def tariffs_published(self) -> bool:
        """Whether its suppliers have published a tariff for all of it."""
        return all(line.rates.published for line, _ in self._lines())

    @property
    def billed(self) -> int:
        """Each period of the month itself that was settled in time is one entry."""
        return sum(count for part in self.parts for line, count in part.entries.items() if line.month == self.month)

    @property
    def missing(self) -> int:
        """Periods of the month that are not on this bill."""
        return max(self.periods - self.billed, 0)


def user_bill(
    meter: str,
    month: int,
    amounts: ReceivedSheet,
    lines: ReceivedSheet,
    settings: MarketFile,
    calendar: Calendar,
    parties: int,
) -> UserBill:
    """Put it together. `month`: its start; `parties`: how many have delivered shares. Raises: StatementError."""
    due = _due(amounts)
    by_supplier: dict[str, dict[Line, tuple[int, Volumes]]] = {}
    if lines.title.columns != len(BILL_COLUMNS):
        raise StatementError(f"a bill of {lines.title.columns} columns: {len(BILL_COLUMNS)} are expected")
    for row, values in zip(lines.title.rows, lines.values, strict=True):
        line = _line(row.facts, month, settings, calendar)
        by_supplier.setdefault(_name(row.name), {})[line] = (row.users, Volumes(*values))
    if set(by_supplier) != set(due):
        raise StatementError("amounts and lines are not of the same suppliers: the bill is not to be relied on")
    parts = tuple(
        _part(supplier, by_supplier[supplier], due[supplier], calendar.months.text(month), settings)
        for supplier in sorted(due, key=str.encode)
    )
    return UserBill(meter, calendar.months.text(month), parts, calendar.periods(month), settings, parties)


def _line(facts: tuple[int, ...], month: int, settings: MarketFile, calendar: Calendar) -> Line:
    """What a line is about. Raises: StatementError unless it can be on the bill of this month."""
    if len(facts) not in _LINE_FACTS:
        raise StatementError(
            f"a line of a bill with {len(facts)} facts: {' or '.join(map(str, _LINE_FACTS))} are expected"
        )
    begins, estimated = facts[-2:]
    rates = Rates.of(facts[:-2])
    try:
        if rates.published:
            rates.check(settings.scale)
    except InvalidSettingsError as error:
        raise StatementError(f"a line of a bill: {error}") from None
    if not 0 <= begins <= month or calendar.months.of(begins) != begins or estimated not in (0, 1):
        raise StatementError("a line of a bill is of a later month, or of none")
    return Line(rates, calendar.months.text(begins), bool(estimated))


def _due(amounts: ReceivedSheet) -> dict[str, int]:
    if amounts.title.columns != len(AMOUNT_COLUMNS):
        raise StatementError(f"amounts of {amounts.title.columns} columns: {len(AMOUNT_COLUMNS)} is expected")
    return {_name(row.name): amount for row, (amount,) in zip(amounts.title.rows, amounts.values, strict=True)}


def _part(
    supplier: str, found: Mapping[Line, tuple[int, Volumes]], due: int, month: str, settings: MarketFile
) -> SupplierPart:
    """Lines of the month itself first, then those of earlier months, estimates last."""
    ordered = sorted(found, key=lambda line: (line.month != month, line.estimated, line.month))
    bill = Bill({line: found[line][1] for line in ordered})
    made = statement(bill, settings.scale.cents)
    if made.due != due:
        raise StatementError(
            f"the amount due to supplier {supplier!r} is not what its lines come to: the bill is not to be relied on"
        )
    return SupplierPart(supplier, bill, made, {line: found[line][0] for line in ordered})


def _name(row: str) -> str:
    return row.partition(MEMBER_SLASH)[2]
