"""What suppliers and network operators charge, and from when on (market.md §6).

All are money prices in ticks (`money`). Times are in seconds since 1970, UTC; a price counts for the periods that start
at its time or later, until the next one of the same supplier or region.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mpc_market.errors import InvalidSettingsError
from mpc_market.rules.money import Scale


@dataclass(frozen=True, slots=True)
class Tariff:
    """A supplier's prices from `since` on: `retail` (the network fee included) and `feed_in`."""

    supplier: str
    since: int
    retail: int
    feed_in: int


@dataclass(frozen=True, slots=True)
class NetworkFee:
    """The network fee of a DSO's region from `since` on, for what is imported and for what is exported."""

    region: str
    since: int
    fee: int


_Price = TypeVar("_Price", Tariff, NetworkFee)


@dataclass(frozen=True, slots=True)
class Rates:
    """What counts for one user in one period: retail price r, feed-in price f, network fee n.

    `published`: by a supplier; else they are `NO_TARIFF`, which is not the same as a tariff of zeros.
    """

    retail: int
    feed_in: int
    fee: int
    published: bool = True

    @property
    def facts(self) -> tuple[int, ...]:
        """The published numbers: none without a tariff."""
        return (self.retail, self.feed_in, self.fee) if self.published else ()

    def check_charges(self) -> None:
        """So that a reading of more net import never costs less, whatever was traded at whichever price: 0 ≤ f ≤ r, and
        0 ≤ n ≤ r, since r includes n. Otherwise it could pay to withhold a reading.

        Raises: InvalidSettingsError.
        """
        if min(self.retail, self.feed_in, self.fee) < 0:
            raise InvalidSettingsError("retail price, feed-in price and network fee of a tariff must not be negative")
        if self.retail < self.fee:
            raise InvalidSettingsError("the retail price of a tariff includes the network fee: it must not be below it")
        if self.retail < self.feed_in:
            raise InvalidSettingsError("the feed-in price of a tariff must not be above its retail price")

    def check(self, scale: Scale) -> None:
        """Raises: InvalidSettingsError unless prices lie on the grid, and the fee from 0 to its end."""
        first, last = scale.base, scale.base + 2**scale.market.price_bits - 1
        for name, value, least, most in (
            ("retail price", self.retail, first, last),
            ("feed-in price", self.feed_in, first, last),
            ("network fee", self.fee, 0, scale.widest_price),
        ):
            if type(value) is not int or not least <= value <= most:
                raise InvalidSettingsError(f"a {name} of {value!r} ticks: integers from {least} to {most} are possible")


NO_TARIFF = Rates(0, 0, 0, published=False)
"""Of a supplier that has published nothing: local trade is paid for at p*, and nothing else is."""


class PriceList:
    """All tariffs and network fees of a market.

    Raises: InvalidSettingsError if two of one supplier or region begin at the same time, or one is out of range.
    """

    def __init__(self, tariffs: Sequence[Tariff], fees: Sequence[NetworkFee], scale: Scale) -> None:
        self._tariffs: dict[str, list[Tariff]] = {}
        self._fees: dict[str, list[NetworkFee]] = {}
        for tariff in sorted(tariffs, key=lambda each: each.since):
            Rates(tariff.retail, tariff.feed_in, 0).check(scale)
            _append(self._tariffs.setdefault(tariff.supplier, []), tariff, f"supplier {tariff.supplier!r}")
        for fee in sorted(fees, key=lambda each: each.since):
            Rates(scale.base, scale.base, fee.fee).check(scale)
            _append(self._fees.setdefault(fee.region, []), fee, f"region {fee.region!r}")

    def rates(self, supplier: str, region: str, start: int) -> Rates:
        """What counts for a user of that supplier in that region, in the period that starts then.

        Raises: InvalidSettingsError if nothing has been published for it.
        """
        tariff = _in_force(self._tariffs.get(supplier, []), start, f"tariff of supplier {supplier!r}")
        fee = _in_force(self._fees.get(region, []), start, f"network fee of region {region!r}")
        return Rates(tariff.retail, tariff.feed_in, fee.fee)


def _append(prices: list[_Price], price: _Price, whose: str) -> None:
    if prices and prices[-1].since == price.since:
        raise InvalidSettingsError(f"{whose} has two prices from {price.since} on")
    prices.append(price)


def _in_force(prices: list[_Price], start: int, what: str) -> _Price:
    for price in reversed(prices):
        if price.since <= start:
            return price
    raise InvalidSettingsError(f"there is no {what} for the period that starts at {start}")
