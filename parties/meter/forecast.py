"""A simple forecast, and the order that follows from it. Nothing in it is secret but the numbers.

*Forecast.* What a household takes from the grid, or gives, in a period is forecast as the weighted mean of the same
period of the last days; a day further back counts 4/5 of the day after it:

    net = Σ_d w_d · e_d / Σ_d w_d,    w_d = (4/5)^(d − 1),    d = 1 … 14, over the days whose energy e_d is known

"The same period" is the one at the same local wall-clock time, since people follow the clock: on the day after the
clocks change that is 23 or 25 hours before. Where the wall clock skips an hour, that day is left out; where it
repeats one, the same one of the two is taken.

*Order.* A household that will take `net` > 0 buys that much at up to the retail price, and one that will give sells
as much at no less than feed-in price plus network fee: at any price in between neither is worse off than without the
market (market.md §6). Quantities are rounded down to whole lots, never above the enrolled maximum. No known day, or
less than one lot: quantity 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from mpc_market.rules.model import Side
from parties.files.market import MarketFile
from parties.meter.registers import Energy

DAYS = 14
DECAY = Fraction(4, 5)


@dataclass(frozen=True, slots=True)
class Wish:
    """An order before it has a place in a submission: side, price in ticks, quantity in lots."""

    side: Side = field(repr=False)
    price: int = field(repr=False)
    quantity: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """The price strategy, in ticks: buy at up to `buy` (retail), sell at no less than `sell` (feed-in + fee)."""

    buy: int
    sell: int


def same_periods(start: int, zone: ZoneInfo) -> dict[int, int]:
    """By d = 1 … 14: the start at the same local wall-clock time d days before, UTC seconds."""
    local = datetime.fromtimestamp(start, zone)
    found = {}
    for day in range(1, DAYS + 1):
        earlier = local.replace(tzinfo=None, fold=0) - timedelta(days=day)
        moment = earlier.replace(tzinfo=zone, fold=local.fold).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None, fold=0) == earlier:  # else the wall clock skipped it
            found[day] = int(moment.timestamp())
    return found


def forecast(energies: Mapping[int, Energy], start: int, zone: ZoneInfo) -> Fraction | None:
    """The net energy to be expected in the period, watt-hours, positive for import; None if no day is known."""
    total = weights = Fraction(0)
    for day, past in same_periods(start, zone).items():
        energy = energies.get(past)
        if energy is not None:
            weight = DECAY ** (day - 1)
            total += weight * energy.net
            weights += weight
    return total / weights if weights else None


def wish(net: Fraction, limits: Limits, market: MarketFile, maximum: int) -> Wish:
    """The order for an expected net energy (watt-hours); `maximum`: the enrolled largest quantity, lots."""
    grid = market.quantities
    # a lot is step / 10^decimals kWh
    lots = abs(net) * 10**grid.decimals // (1000 * grid.step)
    quantity = min(int(lots), maximum, grid.size - 1)
    return Wish(Side.BUY, limits.buy, quantity) if net > 0 else Wish(Side.SELL, limits.sell, quantity)
