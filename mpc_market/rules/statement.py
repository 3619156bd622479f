"""A bill as people read it: items of quantity × price = amount, and what is paid (market.md §6).

    every item       rounded once to the cent, half up
    amount due       the exact total, rounded once: what is paid, and what the supplier is told
    rounding         amount due − Σ items: half a cent per item and half a cent more at the most

The amount due does not come from rounded items: one amount is right whether a bill has three items or thirty, and the
parties round once for each user, on shares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from mpc_market.rules.money import Cents
from mpc_market.rules.settlement import Bill, Line, Volumes, amounts


class Item(Enum):
    """What a user pays for, or is paid for."""

    LOCAL_PURCHASES = "local purchases"
    LOCAL_SALES = "local sales"
    FEE_ON_SALES = "fee on sales"
    RESIDUAL_IMPORT = "residual import"
    RESIDUAL_EXPORT = "residual export"


@dataclass(frozen=True, slots=True)
class Charge:
    """One item. `quantity`: lots; `exact`: units of money, `cents`: the same rounded; negative is paid to the user.

    `price`: per unit, as money; of what was traded the average over its periods, rounded half up. None of nothing, or
    where no tariff was published.
    """

    item: Item
    quantity: int
    price: int | None
    exact: int
    cents: int

    def __repr__(self) -> str:
        return f"Charge({self.item.value})"


@dataclass(frozen=True, slots=True)
class Statement:
    """All of it. `rounding`: what the items add up to less than what is due; `without_market`, `saved`: see `Bill`."""

    charges: Mapping[Line, tuple[Charge, ...]]
    due: int
    rounding: int
    without_market: int
    saved: int

    def __repr__(self) -> str:
        return f"Statement({len(self.charges)} lines)"


def statement(bill: Bill, cents: Cents) -> Statement:
    """The statement of a bill, in cents. Run by the user: nobody else has the bill."""
    charges = {line: charges_of(line, volumes, cents) for line, volumes in bill.lines.items()}
    items = sum(charge.cents for each in charges.values() for charge in each)
    due = bill.due(cents)
    return Statement(charges, due, due - items, cents.of(bill.without_market), bill.saved(cents))


def charges_of(line: Line, volumes: Volumes, cents: Cents) -> tuple[Charge, ...]:
    """The items of one line, all five."""
    rates, exact = line.rates, amounts(volumes, line.rates)
    retail, feed_in, fee = rates.facts or (None,) * 3
    rows = (
        (Item.LOCAL_PURCHASES, volumes.bought, _average(volumes.bought_value, volumes.bought), exact.local_purchases),
        (Item.LOCAL_SALES, volumes.sold, _average(volumes.sold_value, volumes.sold), exact.local_sales),
        (Item.FEE_ON_SALES, volumes.sold, fee, exact.fee_on_sales),
        (Item.RESIDUAL_IMPORT, volumes.residual_import, retail, exact.residual_import),
        (Item.RESIDUAL_EXPORT, volumes.residual_export, feed_in, exact.residual_export),
    )
    return tuple(Charge(item, quantity, price, amount, cents.of(amount)) for item, quantity, price, amount in rows)


def _average(value: int, quantity: int) -> int | None:
    """⌊value / quantity + 1/2⌋."""
    return None if quantity == 0 else (2 * value + quantity) // (2 * quantity)
