"""What a household bids for: its surplus or shortage of one quarter-hour, within limits it keeps all day."""

from dataclasses import dataclass

from numpy.random import Generator

from mpc_market.rules.model import Order, Side
from parties.demo.tariffs import LOWEST_ASK, NETWORK_FEE, RETAIL


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a household pays at most (`bid`) and takes at least (`ask`), in ticks."""

    bid: int
    ask: int


def draw_limits(generator: Generator) -> Limits:
    """Draw the limits of one household.

    Bids lie between the network fee and the retail price, asks between feed-in plus fee and the retail
    price. Most households are content with any gain, so the bids crowd at the top and the asks at the bottom.
    """
    bid = generator.triangular(NETWORK_FEE, RETAIL, RETAIL)
    ask = generator.triangular(LOWEST_ASK, LOWEST_ASK, RETAIL)
    return Limits(bid=round(bid), ask=round(ask))


def make_order(household: str, surplus: int, limits: Limits) -> Order:
    """The order of one household for one quarter-hour.

    `surplus` in lots: positive sells, negative buys. A household in balance sends an order of quantity 0:
    taking part says nothing.
    """
    if surplus > 0:
        return Order(household, Side.SELL, limits.ask, surplus)
    return Order(household, Side.BUY, limits.bid, -surplus)
