"""What to order in a period: read from a CSV file, forecast from the meter's registers, or nothing.

    meter,period,side,price,quantity
    m17,2026-11-21T12:00:00Z,sell,0.0835,1.250

`meter` may be left out if there is one only. More rows for one period are the steps of a curve, up to
`orders_per_submission`. A period without rows is submitted with quantity 0.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Protocol
from zoneinfo import ZoneInfo

from mpc_market.errors import InvalidOrderError
from mpc_market.rules.model import Side
from parties.files.grid import NUMBER
from parties.files.market import MarketFile
from parties.files.problems import Problems, printable
from parties.meter.errors import HomeError
from parties.meter.forecast import DAYS, Limits, Wish, forecast, wish
from parties.meter.home import SETTINGS, Home
from parties.meter.listing import Key, Listing, read_listing
from parties.meter.registers import energies
from parties.meter.store import Store

_COLUMNS = ("side", "price", "quantity")
_SIDES = {side.value: side for side in Side}


class Wishes(Protocol):
    """Where the orders of a meter come from."""

    def of(self, start: int) -> Sequence[Wish]:
        """At most `orders_per_submission` orders for a period; none to take part without trading."""


class Nothing:
    """No order: taking part says nothing, and neither does this."""

    def of(self, start: int) -> Sequence[Wish]:  # noqa: ARG002  (the same for every period)
        return ()


# --- a file -----------------------------------------------------------------------------------------------


Listed = Mapping[Key, Sequence[Wish]]
"""Orders by meter and period."""


class WishFile(Listing[Sequence[Wish]]):
    """The orders of several meters in one CSV file, read again when it changes.

    Raises: InputError if the file cannot be used; after a change the orders that were read before stay.
    """

    def __init__(self, path: str, market: MarketFile, maxima: Mapping[str, int]) -> None:
        """`maxima`: by meter, its enrolled largest quantity in lots."""
        super().__init__(path, lambda problems: read_wishes(path, market, maxima, problems))

    @property
    def count(self) -> int:
        """How many orders it lists."""
        return sum(len(orders) for periods in self.listed.values() for orders in periods.values())


class FromFile:
    """What a file lists for one meter."""

    def __init__(self, file: WishFile, meter: str) -> None:
        self._file, self._meter = file, meter

    def of(self, start: int) -> Sequence[Wish]:
        return self._file.of_meter(self._meter).get(start, ())


def read_wishes(path: str, market: MarketFile, maxima: Mapping[str, int], problems: Problems) -> Listed:
    """Read a file of orders; every problem is a line of it. `maxima`: see `WishFile`."""
    listed: defaultdict[Key, list[Wish]] = defaultdict(list)

    def take(key: Key, fields: Sequence[str]) -> None:
        side, price, quantity = fields
        wanted = read_wish(side, price, quantity, market, maxima[key[0]])
        if len(listed[key]) == market.orders_per_submission:
            raise InvalidOrderError(
                f"more than {market.orders_per_submission} orders of one meter for one period "
                "(orders_per_submission of the market)"
            )
        listed[key].append(wanted)

    read_listing(path, _COLUMNS, maxima.keys(), int(market.period.total_seconds()), problems, take)
    return listed


def read_wish(side: str, price: str, quantity: str, market: MarketFile, maximum: int) -> Wish:
    """An order from texts, converted exactly. `maximum`: lots. Raises: InvalidOrderError."""
    if side not in _SIDES:
        raise InvalidOrderError(f"side '{printable(side)}' is neither buy nor sell")
    wanted = Wish(_SIDES[side], market.ticks(price), market.lots(quantity))
    if wanted.quantity > maximum:
        raise InvalidOrderError(
            f"quantity {printable(quantity)} is above the enrolled maximum of {market.quantity_text(maximum)} kWh"
        )
    return wanted


# --- a forecast -------------------------------------------------------------------------------------------


class Forecast:
    """The order that follows from the registers in the meter's store (`forecast`)."""

    def __init__(self, store: Store, market: MarketFile, limits: Limits, maximum: int) -> None:
        self._store, self._market, self._limits, self._maximum = store, market, limits, maximum

    def of(self, start: int) -> Sequence[Wish]:
        length = int(self._market.period.total_seconds())
        # a day and an hour more, since clocks are set back
        known = energies(self._store.boundaries(start - (DAYS + 1) * 86_400 - 3_600), length)
        net = forecast(known, start, ZoneInfo(self._market.timezone))
        return (wish(Fraction(0) if net is None else net, self._limits, self._market, self._maximum),)


def limits_of(home: Home, market: MarketFile) -> Limits:
    """The price strategy from the tariff in a home: buy at up to retail, sell at no less than feed-in + fee.

    Raises: HomeError if a price is missing or off the market's grid, or if there is nothing between the two.
    """
    where = home.path / SETTINGS
    prices = {"retail": home.retail, "feed_in": home.feed_in, "fee": home.fee}
    numbers = {}
    for key, text in prices.items():
        if text is None or NUMBER.fullmatch(text) is None or len(text) > 20:
            raise HomeError(f"{where}: {key} is missing or no number: the forecast needs the tariff")
        numbers[key] = Decimal(text)
    try:
        limits = Limits(
            buy=market.ticks(f"{numbers['retail']:f}"), sell=market.ticks(f"{numbers['feed_in'] + numbers['fee']:f}")
        )
    except InvalidOrderError as error:
        raise HomeError(f"{where}: retail, or feed_in + fee: {error}") from None
    if limits.sell > limits.buy:
        raise HomeError(f"{where}: feed_in + fee is above retail: there is nothing to trade between")
    return limits
