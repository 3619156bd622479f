"""The day itself: every quarter-hour is one round of the market, cleared by the compute parties."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mpc_market.rules.model import Clearing, Order, Side
from parties.demo import tariffs
from parties.demo.households import Household
from parties.demo.orders import make_order
from parties.local import LocalParties, Outcome


@dataclass(frozen=True, slots=True)
class QuarterHour:
    """One cleared quarter-hour. Quantities in lots, prices in ticks, `start` in UTC.

    `offered` and `wanted` (the totals of all sells and all buys) are known here only because the demo
    plays all the households itself. The parties never learn them.
    """

    start: datetime
    orders: int
    offered: int
    wanted: int
    price: int | None
    traded: int

    @property
    def sellers_gain(self) -> int:
        """What the sellers got above the feed-in price, in ticks × lots."""
        return 0 if self.price is None else tariffs.sellers_gain(self.price, self.traded)

    @property
    def buyers_saving(self) -> int:
        """What the buyers paid below the retail price, in ticks × lots."""
        return 0 if self.price is None else tariffs.buyers_saving(self.price, self.traded)


def make_book(households: Sequence[Household], period: int) -> list[Order]:
    """The orders of all households for the quarter-hour with index `period`."""
    return [make_order(house.name, house.surplus[period], house.limits) for house in households]


def summarise(start: datetime, orders: Sequence[Order], clearing: Clearing) -> QuarterHour:
    """What is shown of one round. `clearing.accepted` is in the sequence of `orders`."""
    return QuarterHour(
        start=start,
        orders=len(orders),
        offered=sum(order.quantity for order in orders if order.side is Side.SELL),
        wanted=sum(order.quantity for order in orders if order.side is Side.BUY),
        price=clearing.price,
        # Both sides trade the same number of lots: the sells are counted.
        traded=sum(lots for order, lots in zip(orders, clearing.accepted, strict=True) if order.side is Side.SELL),
    )


async def clear_day(
    parties: LocalParties, households: Sequence[Household], periods: Sequence[datetime]
) -> AsyncIterator[tuple[QuarterHour, Outcome]]:
    """Clear one quarter-hour after the other with compute parties that keep running, and yield each one.

    Raises: ProtocolError if the compute parties cannot go on.
    """
    for index, start in enumerate(periods):
        orders = make_book(households, index)
        outcome = await parties.clear(orders, tariffs.SETTINGS.rules)
        yield summarise(start, orders, outcome.clearing), outcome
