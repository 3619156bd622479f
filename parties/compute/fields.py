"""The fields of message headers, checked when read: ProtocolError names the field, never its value."""

import math
from collections.abc import Sequence
from typing import Any, TypeVar

from mpc_market.errors import ProtocolError
from mpc_market.rules.model import Market, Rationing
from parties.compute.channel import Header
from parties.net import Address

ORDERS_MAX = 2**40
BYTES_MAX = 2**60
SECONDS_MAX = 86_400.0
SEED_BYTES = 32
WORD_BYTES = 8

_T = TypeVar("_T")


def malformed(name: str) -> ProtocolError:
    """The error about a field."""
    return ProtocolError(f"malformed message: {name}")


def read(header: Header, name: str, expected: type[_T]) -> _T:
    """A field of the expected type."""
    value: Any = header.get(name)
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise malformed(name)
    return value


def read_number(header: Header, name: str, largest: int) -> int:
    """An integer from 0 to `largest`."""
    value = read(header, name, int)
    if not 0 <= value <= largest:
        raise malformed(name)
    return value


def numbers_header(message: object, names: Sequence[str]) -> Header:
    """Attributes of a message that are numbers, as fields of the same names."""
    return {name: getattr(message, name) for name in names}


def read_numbers(header: Header, names: Sequence[str]) -> list[int]:
    """Numbers from 0 to ORDERS_MAX, in the sequence of their names."""
    return [read_number(header, name, ORDERS_MAX) for name in names]


def read_seconds(header: Header, name: str) -> float:
    """A duration of more than nothing and at most a day."""
    value = read(header, name, float)
    if not (math.isfinite(value) and 0 < value <= SECONDS_MAX):
        raise malformed(name)
    return value


def read_bytes(header: Header, name: str) -> bytes:
    """Bytes in hexadecimal."""
    try:
        return bytes.fromhex(read(header, name, str))
    except ValueError:
        raise malformed(name) from None


def read_seed(header: Header, name: str) -> bytes:
    """A seed of 32 bytes."""
    seed = read_bytes(header, name)
    if len(seed) != SEED_BYTES:
        raise malformed(name)
    return seed


def market_header(market: Market) -> Header:
    """A market's settings as fields."""
    return {
        "price_bits": market.price_bits,
        "quantity_bits": market.quantity_bits,
        "rationing": market.rationing.value,
    }


def read_market(header: Header) -> Market:
    """The market whose settings are in the header. Raises: InvalidSettingsError too."""
    try:
        rationing = Rationing(read(header, "rationing", str))
    except ValueError:
        raise malformed("rationing") from None
    return Market(read(header, "price_bits", int), read(header, "quantity_bits", int), rationing)


def address_header(address: Address) -> list[Any]:
    """An address as a field."""
    return [address.host, address.port, address.pulse_port]


def read_address(fields: Any) -> Address:
    """The address in a field."""
    if not isinstance(fields, list) or [type(each) for each in fields] != [str, int, int]:
        raise malformed("address")
    return Address(*fields)
