"""Settlement in plaintext: what promises and readings are worth (market.md §6, word for word).

This is the specification: exact integers, lots and money (`money`: ticks × lots), no cryptography and no cleverness.
The secure engine computes the same on shares, and must agree with it to the last unit.

A supplier that has published no tariff for a period is owed nothing for what it delivered in it, but its users have
traded with others: they pay p*·buy − p*·sell, as if all of r, f and n were 0 (`NO_TARIFF`), on a line of its own.

    accepted quantities, reading ──settle──▶ Entry ──value──▶ Volumes ──bill──▶ amounts, cents

`Entry` and `Volumes` are linear in what they are made of, but for the sign of the deviation that `settle` looks at:
once an entry is there, everything else is sums and public multiples. A compute party does them on its shares.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass

from mpc_market.rules.money import Cents
from mpc_market.rules.tariff import Rates


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter has metered in one period, in lots. `estimated`: nobody has read it."""

    imported: int
    exported: int
    estimated: bool = False

    def __repr__(self) -> str:
        return f"Reading(estimated={self.estimated})"


def estimate(maximum: int) -> Reading:
    """What takes the place of a reading at the last deadline: import at the enrolled maximum, no export.

    It is never to the user's advantage: of all readings that the meter could have sent it has the largest deviation,
    and of tariffs that a settled market takes (`Rates.check_charges`) a larger one never costs less.
    """
    return Reading(maximum, 0, estimated=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """One user in one settled period, in lots: what was traded, what was metered, and where the two differ.

    `residual_import` and `residual_export`: max(d, 0) and max(−d, 0) of the deviation d; one of them is 0.
    """

    bought: int
    sold: int
    imported: int
    exported: int
    residual_import: int

    def __repr__(self) -> str:
        return "Entry(…)"

    @property
    def residual_export(self) -> int:
        """max(−d, 0) = max(d, 0) − d."""
        return self.residual_import - deviation(self.bought, self.sold, self.imported, self.exported)


def deviation(bought: int, sold: int, imported: int, exported: int) -> int:
    """d = (imp − exp) − (buy − sell)."""
    return (imported - exported) - (bought - sold)


def settle(bought: int, sold: int, reading: Reading) -> Entry:
    """One user in one period. After a void round, or one in which the user took no part, nothing was bought or sold."""
    d = deviation(bought, sold, reading.imported, reading.exported)
    return Entry(bought, sold, reading.imported, reading.exported, max(d, 0))


# --- money ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Volumes:
    """What a user has traded, drawn and fed in over some periods: quantities in lots, values in units of money.

    Amounts follow from all but `imported`, which shows what the market has saved.
    """

    bought: int = 0
    sold: int = 0
    residual_import: int = 0
    residual_export: int = 0
    bought_value: int = 0
    sold_value: int = 0
    imported: int = 0

    def __repr__(self) -> str:
        return "Volumes(…)"

    @property
    def exported(self) -> int:
        """From imp − exp = (buy − sell) + d."""
        return self.imported - (self.bought - self.sold) - (self.residual_import - self.residual_export)

    def __add__(self, other: "Volumes") -> "Volumes":
        return Volumes(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Volumes") -> "Volumes":
        return Volumes(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))


def value(entry: Entry, price: int | None) -> Volumes:
    """The volumes of one entry. `price`: the clearing price as money; None if nothing was traded."""
    p = 0 if price is None else price
    residuals = (entry.residual_import, entry.residual_export)
    return Volumes(entry.bought, entry.sold, *residuals, p * entry.bought, p * entry.sold, entry.imported)


@dataclass(frozen=True, slots=True)
class Amounts:
    """What the user pays for volumes at given rates, in units of money, item by item; negative is paid to the user."""

    local_purchases: int
    local_sales: int
    fee_on_sales: int
    residual_import: int
    residual_export: int

    def __repr__(self) -> str:
        return "Amounts(…)"

    @property
    def total(self) -> int:
        """p*·buy − (p* − n)·sell + r·max(d, 0) − f·max(−d, 0)."""
        return sum(astuple(self))


def amounts(volumes: Volumes, rates: Rates) -> Amounts:
    """What the volumes cost. All periods that they are made of have the same rates."""
    return Amounts(
        local_purchases=volumes.bought_value,
        local_sales=-volumes.sold_value,
        fee_on_sales=rates.fee * volumes.sold,
        residual_import=rates.retail * volumes.residual_import,
        residual_export=-rates.feed_in * volumes.residual_export,
    )


def without_market(imported: int, exported: int, rates: Rates) -> int:
    """What the user would pay if there were no local market: r·imp − f·exp, both registers of the meter as they are."""
    return rates.retail * imported - rates.feed_in * exported


def network_fee(imported: int, exported: int, rates: Rates) -> int:
    """n·(imp + exp): what is due to DSO and TSO for a user, or for all users of a supplier in a region."""
    return rates.fee * (imported + exported)


def supplier_owes(price: int | None, bought: int, sold: int) -> int:
    """p*·(Σ buy − Σ sell) over a supplier's users: due to the other suppliers; over all of them these sum to 0."""
    return 0 if price is None else price * (bought - sold)


# --- a month ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """A user at a supplier: one amount is due for each month. Who changes supplier within it has two."""

    user: str
    supplier: str


@dataclass(frozen=True, slots=True)
class Line:
    """What the volumes of a bill are told apart by: their rates, and what they are about.

    `month`: the billing month in which the periods lie; on a later month's bill they are late or corrected ones.
    `estimated`: an estimate stands in for the readings.
    """

    rates: Rates
    month: str
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Booking:
    """An entry on its way to a bill. `price`: as money, None for no trade.

    `replaces`: what was booked before for the same period, now taken back: the bill that it was on stays as it is, and
    this month's gets the difference. A period is booked for the first time when its reading is there, in whichever
    month that is; a period without one is not booked before it is estimated, at the last deadline.
    """

    account: Account
    line: Line
    price: int | None
    entry: Entry
    replaces: Entry | None = None

    @property
    def volumes(self) -> Volumes:
        """What the bill gains."""
        new = value(self.entry, self.price)
        return new if self.replaces is None else new - value(self.replaces, self.price)


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of one account for one month: volumes by line. All exact.

    For people each item of each line is rounded once, half up, and so is the total `due`, which is what is paid and
    what the supplier is told. It can differ from the sum of the rounded items, by less than a cent per item: a
    statement shows that difference as a line of its own.
    """

    lines: Mapping[Line, Volumes]

    @property
    def total(self) -> int:
        """Exactly, in units of money."""
        return sum(amounts(volumes, line.rates).total for line, volumes in self.lines.items())

    def due(self, cents: Cents) -> int:
        """The amount due in cents; negative: due to the user."""
        return cents.of(self.total)

    @property
    def without_market(self) -> int:
        """What would have been paid if there were no local market, exactly, in units of money.

        Without a tariff that is not known: it counts as what is paid, so that the market has neither saved nor cost.
        """
        return sum(
            without_market(each.imported, each.exported, line.rates)
            if line.rates.published
            else amounts(each, line.rates).total
            for line, each in self.lines.items()
        )

    def saved(self, cents: Cents) -> int:
        """What would have been paid less what is paid, in cents, each rounded once; negative: what the market cost."""
        return cents.of(self.without_market) - self.due(cents)


def bill(bookings: Iterable[Booking]) -> dict[Account, Bill]:
    """The bills of one month: of all that was booked in it, whichever month it is about."""
    lines: dict[Account, dict[Line, Volumes]] = {}
    for booking in bookings:
        of_account = lines.setdefault(booking.account, {})
        of_account[booking.line] = of_account.get(booking.line, Volumes()) + booking.volumes
    return {account: Bill(of_account) for account, of_account in lines.items()}


# --- totals -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Total:
    """What a group of users has imported and exported together, in lots, and how many users they are."""

    users: int
    imported: int
    exported: int

    def __repr__(self) -> str:
        return f"Total(users={self.users})"


def total(entries: Sequence[Entry]) -> Total:
    """Over one period, and over those of a group whose readings are there when it is settled.

    What they have bought and sold in total was shown when the round was cleared, and is not shown again: over another
    set of users the difference would be somebody's. For the same reason late and corrected readings change no total;
    they enter a total of the month's corrections.
    """
    return Total(len(entries), sum(entry.imported for entry in entries), sum(entry.exported for entry in entries))
