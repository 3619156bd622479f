"""The messages between a compute party's process and its coordinator, with their fields checked when read.

Public numbers travel in the header, shares and order ids as raw bytes behind it. Every `read` raises
ProtocolError naming the field that is missing, of another type, or out of range; never a value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mpc_market import errors
from mpc_market.errors import HearsayError, MarketError, PeerError, ProtocolError
from mpc_market.rules.model import PRICE_BITS_MAX, Market, Rationing
from parties.compute.channel import Header
from parties.net import Address

LISTENING, CONNECT, CONNECTED, PREPARE, PREPARED, ROUND, STAGE, RESULT, FAILURE = (
    "listening",
    "connect",
    "connected",
    "prepare",
    "prepared",
    "round",
    "stage",
    "result",
    "failure",
)

_ORDERS_MAX = 2**40
_T = TypeVar("_T")


def kind(header: Header) -> str:
    """Which message it is."""
    return _read(header, "kind", str)


@dataclass(frozen=True, slots=True)
class Listening:
    """Party to coordinator, first of all: where it listens."""

    address: Address

    def header(self) -> Header:
        """As a message."""
        address = self.address
        return {"kind": LISTENING, "address": [address.host, address.port, address.pulse_port]}

    @classmethod
    def read(cls, header: Header) -> "Listening":
        """From a message."""
        return cls(_address(_read(header, "address", list)))


@dataclass(frozen=True, slots=True)
class Connect:
    """Coordinator to party: your number, where everyone listens, and the token you share with each peer."""

    party: int
    addresses: Sequence[Address]
    tokens: dict[int, bytes] = field(repr=False)

    def header(self) -> Header:
        """As a message."""
        return {
            "kind": CONNECT,
            "party": self.party,
            "addresses": [[a.host, a.port, a.pulse_port] for a in self.addresses],
            "tokens": {str(peer): token.hex() for peer, token in self.tokens.items()},
        }

    @classmethod
    def read(cls, header: Header) -> "Connect":
        """From a message."""
        try:
            addresses = [_address(each) for each in _read(header, "addresses", list)]
            tokens = {int(k): bytes.fromhex(v) for k, v in _read(header, "tokens", dict).items()}
        except (ValueError, TypeError):
            raise ProtocolError("malformed message: tokens") from None
        return cls(_read(header, "party", int), addresses, tokens)


@dataclass(frozen=True, slots=True)
class Prepare:
    """Coordinator to party: make for the next round what does not depend on orders, for up to `orders` of them."""

    orders: int
    market: Market
    method: str

    def header(self) -> Header:
        """As a message."""
        return {"kind": PREPARE, "orders": self.orders, **_market_fields(self.market), "method": self.method}

    @classmethod
    def read(cls, header: Header) -> "Prepare":
        """From a message."""
        market = _market(header)
        orders = _number(header, "orders", _ORDERS_MAX)
        market.check_size(orders)
        return cls(orders, market, _read(header, "method", str))


@dataclass(frozen=True, slots=True)
class Prepared:
    """Party to coordinator: the next round is prepared; what that took."""

    bytes_sent: int
    cpu_seconds: float

    def header(self) -> Header:
        """As a message."""
        return {"kind": PREPARED, "bytes_sent": self.bytes_sent, "cpu_seconds": self.cpu_seconds}

    @classmethod
    def read(cls, header: Header) -> "Prepared":
        """From a message."""
        return cls(_number(header, "bytes_sent", 2**60), _read(header, "cpu_seconds", float))


@dataclass(frozen=True, slots=True)
class RoundInput:
    """Coordinator to party: a round begins.

    Behind it: the lengths in bytes of the order ids (uint32 each), the ids one after another (UTF-8,
    `ids_bytes`), and the shares in blocks of `block` orders, each block the sides, the price bits, then the
    quantity bits, in rows of uint64.
    """

    orders: int
    market: Market
    seed: bytes | None
    method: str
    ids_bytes: int
    block: int

    def header(self) -> Header:
        """As a message."""
        return {
            "kind": ROUND,
            "orders": self.orders,
            **_market_fields(self.market),
            "seed": None if self.seed is None else self.seed.hex(),
            "method": self.method,
            "ids_bytes": self.ids_bytes,
            "block": self.block,
        }

    @classmethod
    def read(cls, header: Header) -> "RoundInput":
        """From a message."""
        try:
            seed = None if header.get("seed") is None else bytes.fromhex(_read(header, "seed", str))
        except ValueError:
            raise ProtocolError("malformed message: seed") from None
        market = _market(header)
        orders = _number(header, "orders", _ORDERS_MAX)
        market.check_size(orders)
        block = _number(header, "block", _ORDERS_MAX)
        if not block:
            raise ProtocolError("malformed message: block")
        return cls(orders, market, seed, _read(header, "method", str), _number(header, "ids_bytes", _ORDERS_MAX), block)

    def blocks(self) -> list[slice]:
        """The blocks in which the shares come."""
        return [slice(at, min(at + self.block, self.orders)) for at in range(0, self.orders, self.block)]


@dataclass(frozen=True, slots=True)
class Stage:
    """Party to coordinator: a stage of computing begins."""

    name: str

    def header(self) -> Header:
        """As a message."""
        return {"kind": STAGE, "name": self.name}

    @classmethod
    def read(cls, header: Header) -> "Stage":
        """From a message."""
        return cls(_read(header, "name", str))


@dataclass(frozen=True, slots=True)
class RoundResult:
    """Party to coordinator: the outcome. Behind it: its shares of the accepted quantities, uint64."""

    price: int | None
    seed: bytes
    communication_rounds: int
    bytes_sent: int
    cpu_seconds: float
    peak_memory: int
    stage_seconds: dict[str, float]

    def header(self) -> Header:
        """As a message."""
        return {
            "kind": RESULT,
            "price": self.price,
            "seed": self.seed.hex(),
            "communication_rounds": self.communication_rounds,
            "bytes_sent": self.bytes_sent,
            "cpu_seconds": self.cpu_seconds,
            "peak_memory": self.peak_memory,
            "stage_seconds": self.stage_seconds,
        }

    @classmethod
    def read(cls, header: Header) -> "RoundResult":
        """From a message."""
        price = None if header.get("price") is None else _number(header, "price", 2**PRICE_BITS_MAX)
        try:
            seed = bytes.fromhex(_read(header, "seed", str))
            stages = {str(name): float(value) for name, value in _read(header, "stage_seconds", dict).items()}
        except (ValueError, TypeError):
            raise ProtocolError("malformed message: seed or stage_seconds") from None
        return cls(
            price,
            seed,
            _number(header, "communication_rounds", 2**32),
            _number(header, "bytes_sent", 2**60),
            _read(header, "cpu_seconds", float),
            _number(header, "peak_memory", 2**60),
            stages,
        )


def failure_header(error: MarketError) -> Header:
    """Party to coordinator: the run has ended with this error."""
    header: Header = {"kind": FAILURE, "error": type(error).__name__, "reason": str(error)}
    if isinstance(error, PeerError):
        header |= {"party": error.party, "reason": error.reason}
    if isinstance(error, HearsayError):
        header |= {"witness": error.witness, "reason": error.heard}
    return header


def read_failure(header: Header) -> MarketError:
    """The error that a party's failure stands for: of the same class, if it is one of `mpc_market.errors`."""
    reason = _read(header, "reason", str)
    name = _read(header, "error", str)
    cls = getattr(errors, name, None)
    if cls is HearsayError:
        return HearsayError(_read(header, "party", int), reason, _read(header, "witness", int))
    if cls is PeerError:
        return PeerError(_read(header, "party", int), reason)
    if isinstance(cls, type) and issubclass(cls, MarketError):
        return cls(reason)
    return ProtocolError(f"{name}: {reason}")


def _market_fields(market: Market) -> Header:
    return {
        "price_bits": market.price_bits,
        "quantity_bits": market.quantity_bits,
        "rationing": market.rationing.value,
    }


def _market(header: Header) -> Market:
    try:
        rationing = Rationing(_read(header, "rationing", str))
    except ValueError:
        raise ProtocolError("malformed message: rationing") from None
    return Market(_read(header, "price_bits", int), _read(header, "quantity_bits", int), rationing)


def _address(fields: list[Any]) -> Address:
    if [type(each) for each in fields] != [str, int, int]:
        raise ProtocolError("malformed message: address")
    return Address(*fields)


def _read(header: Header, name: str, expected: type[_T]) -> _T:
    value: Any = header.get(name)
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise ProtocolError(f"malformed message: {name}")
    return value


def _number(header: Header, name: str, largest: int) -> int:
    value = _read(header, name, int)
    if not 0 <= value <= largest:
        raise ProtocolError(f"malformed message: {name}")
    return value
