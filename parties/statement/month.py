"""A supplier's month: one amount for each customer, and the totals of the month's corrections. No customer's volumes.

There are none: the amounts are rounded to the cent on shares, and nothing else is revealed to the supplier.
"""

from collections import Counter
from dataclasses import dataclass, field

from mpc_market.wire.identifiers import MEMBER_SLASH
from mpc_market.wire.sheet import AMOUNT_COLUMNS, AMOUNT_FACTS, TOTALS_COLUMNS, ReceivedSheet, key_text
from parties.files.market import MarketFile
from parties.settling.calendar import Calendar
from parties.statement.errors import StatementError


@dataclass(frozen=True, slots=True)
class CustomerAmount:
    """`cents`: negative is due to the customer. `periods`: of the month itself, settled; `corrections`: of the month
    before, corrected, late or estimated; `estimated`: how many of all these are. `key`: how the customer's identity key
    begins, which tells two owners of one meter apart.
    """

    meter: str
    cents: int = field(repr=False)
    periods: int
    corrections: int
    estimated: int
    key: str


@dataclass(frozen=True, slots=True)
class Corrections:
    """What late and corrected readings have changed, over this many users, in lots; may be negative."""

    users: int
    imported: int = field(repr=False)
    exported: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class SupplierMonth:
    """`month`: as `Months.text` has it; `periods`: how many it has. `corrections`: None if none are to be shown."""

    supplier: str
    month: str
    customers: tuple[CustomerAmount, ...]
    corrections: Corrections | None
    periods: int
    settings: MarketFile = field(repr=False)
    parties: int

    @property
    def short(self) -> int:
        """Of how many customers fewer periods are billed than the month has, corrections aside."""
        return sum(customer.periods < self.periods for customer in self.customers)

    @property
    def shared(self) -> list[str]:
        """Meters that have had more than one owner, so that each has several amounts."""
        owners = Counter(customer.meter for customer in self.customers)
        return [meter for meter, count in owners.items() if count > 1]

    @property
    def market(self) -> str:
        """The market's id."""
        assert self.settings.id is not None, "a running market has one"
        return self.settings.id

    @property
    def total(self) -> int:
        """Of all amounts, cents: what the supplier collects."""
        return sum(customer.cents for customer in self.customers)


def supplier_month(
    supplier: str,
    month: int,
    amounts: ReceivedSheet,
    corrections: ReceivedSheet | None,
    settings: MarketFile,
    calendar: Calendar,
    parties: int,
) -> SupplierMonth:
    """Put it together. `month`: its start; `corrections`: None if none are to be shown. Raises: StatementError."""
    shown = None
    if corrections is not None:
        if corrections.title.columns != len(TOTALS_COLUMNS) or len(corrections.values) != 1:
            raise StatementError("the totals of corrections are not of one group, import and export")
        shown = Corrections(corrections.title.rows[0].users, *corrections.values[0])
    ordered = sorted(_customers(amounts), key=lambda each: (each.meter.encode(), each.key))
    text, periods = calendar.months.text(month), calendar.periods(month)
    return SupplierMonth(supplier, text, tuple(ordered), shown, periods, settings, parties)


def _customers(amounts: ReceivedSheet) -> list[CustomerAmount]:
    if amounts.title.columns != len(AMOUNT_COLUMNS):
        raise StatementError(f"amounts of {amounts.title.columns} columns: {len(AMOUNT_COLUMNS)} is expected")
    found = []
    for row, (cents,) in zip(amounts.title.rows, amounts.values, strict=True):
        if len(row.facts) != len(AMOUNT_FACTS):
            raise StatementError(f"an amount with {len(row.facts)} facts: {len(AMOUNT_FACTS)} are expected")
        periods, corrections, estimated, key = row.facts
        meter = row.name.partition(MEMBER_SLASH)[2]
        found.append(CustomerAmount(meter, cents, periods, corrections, estimated, key_text(key)))
    return found
