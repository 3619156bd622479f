"""The settings of a market: a TOML file (market.md §1); its decimals to ticks and lots and back."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mpc_market.errors import AmountsTooLargeError, InvalidSettingsError
from mpc_market.rules.model import PRICE_BITS_MAX, QUANTITY_BITS_MAX, Market, Rationing
from mpc_market.rules.money import Cents, Scale
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import check_market_id
from parties.files.grid import Grid, decimal_text
from parties.files.problems import Problems
from parties.files.toml import Document, read_document
from parties.files.values import decimal, duration, integer, positive

ORDERS_MAX = 255
"""Orders in one submission: their number is one byte of its header."""

MONTH_MAX = timedelta(days=32)
"""No billing month is longer: 31 days, and what the clock is put back by."""


@dataclass(frozen=True)
class MarketFile:
    """A market as its operator writes it down: prices per kWh, quantities in kWh.

    `period` is the settlement period; `timezone` is for billing months and for what people read; a running market
    has an `id`.
    Raises: InvalidSettingsError if the settings contradict one another.
    """

    currency: str = "EUR"
    timezone: str = "Europe/Brussels"
    price_tick: Decimal = Decimal("0.0001")
    price_min: Decimal = Decimal("0")
    price_bits: int = 12
    lot: Decimal = Decimal("0.001")
    quantity_bits: int = 16
    period: timedelta = timedelta(minutes=15)
    rationing: Rationing = Rationing.PRO_RATA
    orders_per_submission: int = 1
    minimum_group: int = 5
    id: str | None = None

    def __post_init__(self) -> None:
        # Each of them checks what it is made of; `scale` is for markets that are settled.
        _ = self.rules, self.prices, self.quantities

    @cached_property
    def rules(self) -> Market:
        """What the clearing must know: integers only."""
        return Market(self.price_bits, self.quantity_bits, self.rationing)

    @cached_property
    def prices(self) -> Grid:
        """Prices in currency per kWh; indices are ticks."""
        unit = f"{self.currency}/kWh"
        return Grid.of("price", "tick", unit, first=self.price_min, step=self.price_tick, bits=self.price_bits)

    @cached_property
    def quantities(self) -> Grid:
        """Quantities in kWh; indices are lots."""
        return Grid.of("quantity", "lot", "kWh", first=Decimal(0), step=self.lot, bits=self.quantity_bits)

    @cached_property
    def base(self) -> int:
        """The money price of tick 0."""
        return int(Fraction(self.price_min) / Fraction(self.price_tick))

    @cached_property
    def scale(self) -> Scale:
        """What settlement must know besides `rules`: integers only.

        Raises: AmountsTooLargeError if bills might not be exact; never of the file of a market that is settled.
        """
        unit = 100 * Fraction(self.price_tick) * Fraction(self.lot)  # in cents: what a lot costs at a tick
        periods = -(-MONTH_MAX // self.period)
        cents = Cents(unit.numerator, unit.denominator)
        return Scale(self.rules, self.base, self.orders_per_submission, periods, cents)

    def ticks(self, price: str) -> int:
        """The ticks of a price written in currency per kWh. Raises: InvalidOrderError."""
        return self.prices.index(price)

    def lots(self, quantity: str) -> int:
        """The lots of a quantity written in kWh. Raises: InvalidOrderError."""
        return self.quantities.index(quantity)

    def price_text(self, ticks: int) -> str:
        """A price in currency per kWh, with the decimals of the tick."""
        return self.prices.text(ticks)

    def quantity_text(self, lots: int) -> str:
        """A quantity in kWh, with the decimals of the lot."""
        return self.quantities.text(lots)

    def money_text(self, amount: int) -> str:
        """An exact amount (ticks × lots) in currency, with the decimals of both together: none is rounded off."""
        units = amount * self.prices.step * self.quantities.step
        return decimal_text(units, self.prices.decimals + self.quantities.decimals)


def read_market(path: str | None, problems: Problems) -> MarketFile | None:
    """Read the `[market]` table of a TOML file; without a file, the defaults. None if there is any problem.

    Other tables belong to a running market (`running`) and are ignored.
    """
    if path is None:
        return MarketFile()
    document = read_document(path, problems)
    return None if document is None else market_table(document, problems)


def market_table(document: Document, problems: Problems) -> MarketFile | None:
    """The table `[market]`; None if there is any problem, a key outside any table included.

    If there is a table `[settlement]` too, amounts of a month must be exact.
    """
    before = problems.count
    document.loose_keys(problems, belong="market")
    if not isinstance(document.content.get("market"), dict) and problems.count > before:
        return None
    table = document.table("market", problems)
    settings = None if table is None else document.read(PLACE, table, READERS, problems)
    if settings is None or problems.count > before:
        return None
    try:
        market = MarketFile(**settings)
        if "settlement" in document.content:
            _ = market.scale
        return market
    except AmountsTooLargeError as error:
        problems.add(document.where(PLACE, "price_bits" if "price_bits" in settings else "quantity_bits"), str(error))
        return None
    except InvalidSettingsError as error:  # only the smallest price and the tick can contradict one another
        key = "price_min" if "price_min" in settings else "price_tick"
        problems.add(document.where(PLACE, key), str(error))
        return None


def _id(value: object) -> str:
    try:
        # the one place that says so; what is no text is refused there
        return check_market_id(value)  # type: ignore[arg-type]
    except WireError as error:
        raise InvalidSettingsError(str(error)) from None


def _currency(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}", value):
        raise InvalidSettingsError('three capital letters of ISO 4217 such as "EUR" are expected')
    return value


def _timezone(value: object) -> str:
    try:
        if isinstance(value, str) and value:
            ZoneInfo(value)
            return value
    # ValueError: not a relative path; OSError: a directory of zones such as "Europe"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise InvalidSettingsError('the name of a time zone such as "Europe/Brussels" is expected')


def _rationing(value: object) -> Rationing:
    try:
        return Rationing(value)
    except ValueError:
        raise InvalidSettingsError('"pro-rata" or "lottery" is expected') from None


PLACE = ("market",)

READERS: dict[str, Callable[[object], object]] = {
    "currency": _currency,
    "timezone": _timezone,
    "price_tick": positive,
    "price_min": decimal,
    "price_bits": integer(1, PRICE_BITS_MAX),
    "lot": positive,
    "quantity_bits": integer(1, QUANTITY_BITS_MAX),
    "period": duration,
    "rationing": _rationing,
    "orders_per_submission": integer(1, ORDERS_MAX),
    "minimum_group": integer(1, 10**9 - 1),
    "id": _id,
}
