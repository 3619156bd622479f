"""The prices around the market, and what a trade is worth beside them (market.md §6). Ticks and lots only."""

from dataclasses import dataclass
from decimal import Decimal

from mpc_market.rules.tariff import Rates
from parties.files.market import MarketFile

SETTINGS = MarketFile()  # the default market, in EUR; its lowest price is 0
TICK, LOT = SETTINGS.price_tick, SETTINGS.lot  # EUR/kWh, kWh

RETAIL = 2000  # 0.20 EUR/kWh: what a buyer pays the cheapest supplier otherwise; the network fee is inside
FEED_IN = 400  # 0.04 EUR/kWh: what a seller gets at most from its supplier otherwise
NETWORK_FEE = 300  # 0.03 EUR/kWh: what a seller pays the network for energy sold to a neighbour


@dataclass(frozen=True, slots=True)
class Supplier:
    """A supplier of some households; prices in ticks, the network fee inside the retail price."""

    name: str
    retail: int
    feed_in: int

    @property
    def rates(self) -> Rates:
        """What counts for its households."""
        return Rates(self.retail, self.feed_in, NETWORK_FEE)


SUPPLIERS = (Supplier("Green", RETAIL, FEED_IN), Supplier("City", 2100, FEED_IN), Supplier("Valley", 2200, 350))
"""None is cheaper to buy from than RETAIL, none pays more than FEED_IN: a trade is to the gain of both sides."""

LOWEST_ASK = FEED_IN + NETWORK_FEE  # below it, selling to a neighbour is worse than feeding in


def sellers_gain(price: int, quantity: int) -> int:
    """What the sellers of `quantity` lots get above the feed-in price, in ticks × lots."""
    # (p* − n)·sell instead of f·sell
    return (price - NETWORK_FEE - FEED_IN) * quantity


def buyers_saving(price: int, quantity: int) -> int:
    """What the buyers of `quantity` lots pay below the retail price, in ticks × lots."""
    # p*·buy instead of r·buy
    return (RETAIL - price) * quantity


def price_text(price: int) -> str:
    """A price in EUR/kWh with all decimals of the tick, e.g. `0.1250`."""
    return SETTINGS.price_text(price)


def quantity_text(quantity: int) -> str:
    """A quantity in kWh with all decimals of the lot, e.g. `1.250`."""
    return SETTINGS.quantity_text(quantity)


def euros_exact(amount: int) -> str:
    """An amount in ticks × lots as EUR with every decimal, e.g. `0.1358679`."""
    return f"{amount * TICK * LOT:f}"


def euros_rounded(amount: int) -> str:
    """An amount in ticks × lots as EUR, rounded to the cent for people to read, e.g. `1,451.63`."""
    return f"{amount * TICK * LOT:,.2f}"


def cents_signed(cents: int) -> str:
    """Cents as EUR with their sign, for people to read, e.g. `+1,451.63` or `−0.12`; nothing is `0.00`."""
    return f"{Decimal(cents) / 100:+,.2f}".replace("-", "−") if cents else "0.00"
