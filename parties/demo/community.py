"""What the market changes for whom: the table of market.md §6 for the whole street, from the settled day.

All amounts are what somebody receives (+) or pays (−), in cents, so that each column adds up to nothing:

    households          − what they pay, each rounded to the cent as billed
    a supplier          + what its households pay − network fee − what it owes other suppliers for trades across
    network operators   + network fee n·(import + export), the same with and without the market
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mpc_market.rules import settlement as rule
from parties.demo.settlement import Day
from parties.demo.tariffs import SETTINGS, SUPPLIERS, Supplier


@dataclass(frozen=True, slots=True)
class Share:
    """Who, how many, and what they receive (+) or pay (−) in cents without and with the market."""

    who: str
    number: int
    without: int
    with_market: int

    @property
    def change(self) -> int:
        """The gain, in cents."""
        return self.with_market - self.without

    @property
    def percent(self) -> float | None:
        """The gain in per cent of what there was without the market; None if that was next to nothing beside it."""
        return 100 * self.change / abs(self.without) if abs(self.change) < 10 * abs(self.without) else None


@dataclass(frozen=True, slots=True)
class Community:
    """The rows of the table. `sellers`: who has sold anything to neighbours; `buyers`: all others."""

    sellers: Share
    buyers: Share
    households: Share
    suppliers: tuple[Share, ...]
    all_suppliers: Share
    grid: Share

    @property
    def rows(self) -> tuple[Share, ...]:
        """From top to bottom."""
        return self.sellers, self.buyers, self.households, *self.suppliers, self.all_suppliers, self.grid


def make_community(days: Sequence[Day]) -> Community:
    """The table of a settled day."""
    suppliers = [
        _supplier(supplier, [day for day in days if day.household.supplier == supplier]) for supplier in SUPPLIERS
    ]
    fees = _cents(sum(_fee(day) for day in days))
    households = _households("all households", days)
    return Community(
        _households("sellers", [day for day in days if day.sells]),
        _households("buyers", [day for day in days if not day.sells]),
        households,
        tuple(suppliers),
        # What is left: rounded amounts of each need not add up to it, the money does.
        Share("all suppliers", len(suppliers), -households.without - fees, -households.with_market - fees),
        Share("DSO and TSO", 1, fees, fees),
    )


def _households(who: str, days: Sequence[Day]) -> Share:
    return Share(who, len(days), -sum(day.without for day in days), -sum(day.due for day in days))


def _supplier(supplier: Supplier, days: Sequence[Day]) -> Share:
    fee, owes = sum(map(_fee, days)), sum(day.local for day in days)

    def keeps(paid: Callable[[Day], int], owed: int) -> int:
        return sum(map(paid, days)) - _cents(fee + owed)

    return Share(f"supplier {supplier.name}", 1, keeps(lambda day: day.without, 0), keeps(lambda day: day.due, owes))


def _fee(day: Day) -> int:
    return rule.network_fee(day.imported, day.exported, day.household.supplier.rates)


def _cents(amount: int) -> int:
    return SETTINGS.scale.cents.of(amount)
