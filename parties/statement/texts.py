"""Money, prices, quantities and months as people write them, exactly."""

from collections.abc import Sequence
from datetime import datetime

from mpc_market.rules.settlement import Line
from mpc_market.rules.statement import Charge, Item
from parties.files.market import MarketFile

ITEMS = {
    Item.LOCAL_PURCHASES: "Bought on the local market",
    Item.LOCAL_SALES: "Sold on the local market",
    Item.FEE_ON_SALES: "Network fee on what was sold",
    Item.RESIDUAL_IMPORT: "Drawn beyond that, from the supplier",
    Item.RESIDUAL_EXPORT: "Fed in beyond that, to the supplier",
}
_BEYOND = " beyond that"

SAVED_BY = (
    "That is by trade, and by setting import and export within one period against each other before they are priced, "
    "which saves something even without any trade."
)

RULE = (
    "In every period your meter's import less export is compared with what you bought less sold on the local market. "
    "You pay the clearing price for what you bought, and receive it, less the network fee, for what you sold. What you "
    "drew beyond that costs the retail price, which includes the network fee; what you fed in beyond that earns the "
    "feed-in price."
)
FORMULA = ("d = (imp − exp) − (buy − sell)", "you pay = p·buy − (p − n)·sell + r·max(d, 0) − f·max(−d, 0)")
SYMBOLS = (
    "p: clearing price of the period, r: retail price, f: feed-in price, n: network fee; imp and exp as metered, buy "
    "and sell as traded"
)
ROUNDING = (
    "Nothing is rounded in between. Every line is rounded once to the cent, half a cent up. The amount due is the "
    "exact total, rounded once in the same way, so it can differ from the sum of the rounded lines; where it does, the "
    "difference is a line of its own."
)


_MONTHS = ("January", "February", "March", "April", "May", "June", "July",
           "August", "September", "October", "November", "December")  # fmt: skip


def verified_text(parties: int) -> str:
    """Who has computed it, what was checked, and who is told what."""
    return (
        f"Computed by {parties} compute parties on secret shares; none of them knows your readings, orders or amounts. "
        "The amount due is what they have computed together. When this statement was made it was checked, from the "
        "signed shares of all of them, that it is the exact total of these lines, rounded once. Your supplier is told "
        "the amount due, how many periods it covers and how many of them are estimated, and nothing else of this."
    )


def cents_text(cents: int) -> str:
    """Hundredths of the currency: -1234 is "-12.34"."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02}"


def money_price_text(price: int, settings: MarketFile) -> str:
    """A price as money (ticks counted from 0) in currency per kWh, also one that is off the grid, such as a fee."""
    return settings.price_text(price - settings.base)


def line_title(line: Line, month: str) -> str:
    """What a line of the bill of a month is about."""
    title = month_title(line.month)
    if line.estimated:
        return f"{title}: estimated"
    return title if line.month == month else f"{title}: late and corrected readings"


def tariff_text(line: Line, settings: MarketFile) -> str:
    """Its rates."""
    if not line.rates.published:
        return "no tariff was published: only local trade is billed"
    rates = line.rates
    retail, feed_in, fee = (money_price_text(each, settings) for each in (rates.retail, rates.feed_in, rates.fee))
    return f"retail {retail}, feed-in {feed_in}, network fee {fee} {settings.prices.unit}"


def is_traded(charges: Sequence[Charge]) -> bool:
    """Whether something of a line was traded."""
    return any(charge.quantity for charge in charges if charge.item in (Item.LOCAL_PURCHASES, Item.LOCAL_SALES))


def item_text(item: Item, *, traded: bool) -> str:
    """An item by name. `traded`: whether lines of trade stand above it, which it is beyond."""
    return ITEMS[item] if traded else ITEMS[item].replace(_BEYOND, "")


def month_title(month: str) -> str:
    """A month as `Months.text` has it, in words; one of another length stays as it is."""
    year, dash, number = month.partition("-")
    if not dash or not number.isdigit() or not 1 <= int(number) <= len(_MONTHS):
        return f"the billing period from {_moment(month)}"
    return f"{_MONTHS[int(number) - 1]} {year}"


def _moment(start: str) -> str:
    """A start in UTC, such as "26 Nov 2026, 15:48 UTC"; what is none stays as it is."""
    try:
        moment = datetime.strptime(start, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return start
    time = f"{moment:%H:%M:%S}".removesuffix(":00")
    return f"{moment.day} {_MONTHS[moment.month - 1][:3]} {moment.year}, {time} UTC"
