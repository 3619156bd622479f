"""The settings of a market: a TOML file (market.md §1); its decimals to ticks and lots and back."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mpc_market.errors import InvalidSettingsError
from mpc_market.rules.model import PRICE_BITS_MAX, QUANTITY_BITS_MAX, Market, Rationing
from parties.files.grid import NUMBER, Grid
from parties.files.problems import Problems, printable
from parties.files.source import BOM, read_text

DIGITS_MAX = 15
"""A setting has at most so many digits before and after the decimal point."""


@dataclass(frozen=True)
class MarketFile:
    """A market as its operator writes it down: prices per kWh, quantities in kWh.

    `period` is the settlement period; `timezone` is for billing months and for what people read.
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

    def __post_init__(self) -> None:
        # Each of them checks what it is made of.
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


def read_market(path: str | None, problems: Problems) -> MarketFile | None:
    """Read the `[market]` table of a TOML file; without a file, the defaults. None if there is any problem.

    Other tables belong to a running market and are ignored.
    """
    if path is None:
        return MarketFile()
    text = read_text(path, problems)
    if text is None:
        return None
    before = problems.count
    text = text.removeprefix(BOM)
    document = _parse(path, text, problems)
    for key, value in document.items():
        if key != "market" and not isinstance(value, dict | list):
            where = f"{path}:{_line_of(text, '', key)}"
            problems.add(where, f"key '{printable(key)}' stands outside any table: the settings belong under [market]")
    table = document.get("market")
    if problems.count == before and not isinstance(table, dict):
        problems.add(f"{path}:1", "there is no table [market]: the settings belong under [market]")
    if not isinstance(table, dict):
        return None
    settings: dict[str, Any] = {}
    for key, value in table.items():
        try:
            settings[key] = _setting(key, value)
        except InvalidSettingsError as error:
            problems.add(f"{path}:{_line_of(text, 'market', key)}", str(error))
    if problems.count > before:
        return None
    try:
        return MarketFile(**settings)
    except InvalidSettingsError as error:  # only the smallest price and the tick can contradict one another
        key = "price_min" if "price_min" in settings else "price_tick"
        problems.add(f"{path}:{_line_of(text, 'market', key)}", str(error))
        return None


def _parse(path: str, text: str, problems: Problems) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=_parse_float)
    except RecursionError:
        problems.add(f"{path}:1", "the TOML is nested too deeply")
    except ValueError as error:
        # tomllib says where within the message; a number too long for int() does not say it at all
        match = re.search(r"^(.*) \(at line (\d+), column \d+\)$", str(error), re.DOTALL)
        if match:
            problems.add(f"{path}:{match[2]}", f"not TOML: {printable(match[1], 200)}")
        else:
            problems.add(f"{path}:{text.count(chr(10)) + 1}", f"not TOML: {printable(str(error), 200)}")
    return {}


def _parse_float(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the number {printable(text)} is beyond any range") from None


def _line_of(text: str, table: str, key: str) -> int:
    """The line on which `key` of the table is set, else on which the table begins: for messages."""
    current, begin = "", 1
    assignment = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]")
    for line, piece in enumerate(text.split("\n"), 1):
        header = re.match(r"\s*\[{1,2}\s*([\w-]+)", piece)
        if header:
            current = header[1]
            begin = line if current == table else begin
        elif current == table and assignment.match(piece):
            return line
    return begin


def _setting(key: str, value: object) -> object:
    """One value of the table [market], read and checked by itself. Raises: InvalidSettingsError."""
    reader = _SETTINGS.get(key)
    if reader is None:
        raise InvalidSettingsError(f"unknown key '{printable(key)}': [market] has {', '.join(_SETTINGS)}")
    try:
        return reader(value)
    except InvalidSettingsError as error:
        raise InvalidSettingsError(f"{key} = {_shown(value)}: {error}") from None


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{printable(value)}"'
    if isinstance(value, int) and value.bit_length() > 64:
        return f"(an integer of {value.bit_length()} bits)"
    # str() of a Decimal keeps the exponent: 1e9999 must not become ten thousand digits
    return printable(str(value)) if isinstance(value, int | Decimal) else f"({type(value).__name__})"


def _decimal(value: object) -> Decimal:
    written = isinstance(value, str) and NUMBER.fullmatch(value) and len(value) <= 2 * DIGITS_MAX + 2
    if isinstance(value, str | int) and (written or type(value) is int):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise InvalidSettingsError(f'a decimal number of at most 2 × {DIGITS_MAX} digits such as "0.0001" is expected')
    exponent = value.as_tuple().exponent
    if value.adjusted() >= DIGITS_MAX or (isinstance(exponent, int) and exponent < -DIGITS_MAX):
        raise InvalidSettingsError(f"at most {DIGITS_MAX} digits before and after the decimal point are possible")
    return value


def _positive(value: object) -> Decimal:
    number = _decimal(value)
    if number <= 0:
        raise InvalidSettingsError("it must be greater than 0")
    return number


def _integer(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidSettingsError(f"a whole number from {least} to {most} is expected")
        return value

    return read


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


_DURATION = re.compile(r"P(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,5})S)?)?", re.ASCII)


def _period(value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    period = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not period:
        raise InvalidSettingsError('an ISO 8601 duration greater than 0 such as "PT15M" is expected')
    return period


def _rationing(value: object) -> Rationing:
    try:
        return Rationing(value)
    except ValueError:
        raise InvalidSettingsError('"pro-rata" or "lottery" is expected') from None


_SETTINGS: dict[str, Callable[[object], object]] = {
    "currency": _currency,
    "timezone": _timezone,
    "price_tick": _positive,
    "price_min": _decimal,
    "price_bits": _integer(1, PRICE_BITS_MAX),
    "lot": _positive,
    "quantity_bits": _integer(1, QUANTITY_BITS_MAX),
    "period": _period,
    "rationing": _rationing,
    "orders_per_submission": _integer(1, 1000),
    "minimum_group": _integer(1, 10**9 - 1),
}
