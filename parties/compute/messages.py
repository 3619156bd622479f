"""The messages between a compute party's process and its coordinator, with their fields checked when read.

Public numbers travel in the header, shares and order ids as raw bytes behind it. Every `read` raises
ProtocolError naming the field that is missing, of another type, or out of range; never a value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mpc_market import errors
from mpc_market.errors import HearsayError, InputError, MarketError, PeerError, ProtocolError
from mpc_market.rules.model import PRICE_BITS_MAX, Market
from parties.compute.channel import Header
from parties.compute.fields import (
    BYTES_MAX,
    ORDERS_MAX,
    SECONDS_MAX,
    address_header,
    malformed,
    market_header,
    read,
    read_address,
    read_bytes,
    read_market,
    read_number,
    read_seconds,
)
from parties.net import Address
from parties.tls import Identity

READY, LISTEN, LISTENING, CONNECT, CONNECTED, PREPARE, PREPARED, ROUND, STAGE, VERDICTS, PROCEED, RESULT, FAILURE = (
    "ready",
    "listen",
    "listening",
    "connect",
    "connected",
    "prepare",
    "prepared",
    "round",
    "stage",
    "verdicts",
    "proceed",
    "result",
    "failure",
)

_PORT_MAX = 2**16 - 1


def kind(header: Header) -> str:
    """Which message it is."""
    return read(header, "kind", str)


@dataclass(frozen=True, slots=True)
class Listen:
    """Coordinator to party, when it is ready: listen at this host, on two of these ports; port 0: on any."""

    host: str
    first_port: int = 0
    last_port: int = 0

    def header(self) -> Header:
        """As a message."""
        return {"kind": LISTEN, "host": self.host, "ports": [self.first_port, self.last_port]}

    @classmethod
    def read(cls, header: Header) -> "Listen":
        """From a message."""
        ports = read(header, "ports", list)
        if [type(port) for port in ports] != [int, int] or not 0 <= ports[0] <= ports[1] <= _PORT_MAX:
            raise malformed("ports")
        return cls(read(header, "host", str), *ports)

    @property
    def ports(self) -> Sequence[int]:
        """The ports to be tried, in turn."""
        return range(self.first_port, self.last_port + 1) if self.first_port else (0, 0)


@dataclass(frozen=True, slots=True)
class Listening:
    """Party to coordinator: where it listens."""

    address: Address

    def header(self) -> Header:
        """As a message."""
        return {"kind": LISTENING, "address": address_header(self.address)}

    @classmethod
    def read(cls, header: Header) -> "Listening":
        """From a message."""
        return cls(read_address(header.get("address")))


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a party needs to speak TLS: the files of its own identity, and the certificates (PEM) of its peers."""

    identity: Identity
    peers: Mapping[int, str] = field(repr=False)

    def header(self) -> Header:
        """As a part of a message."""
        files = {"certificate": str(self.identity.certificate), "key": str(self.identity.key)}
        return {**files, "peers": {str(peer): certificate for peer, certificate in self.peers.items()}}

    @classmethod
    def read(cls, header: Header) -> "TlsFiles":
        """From a part of a message."""
        identity = Identity(Path(read(header, "certificate", str)), Path(read(header, "key", str)))
        peers = _by_number(header, "peers")
        if not all(isinstance(certificate, str) for certificate in peers.values()):
            raise malformed("peers")
        return cls(identity, peers)


@dataclass(frozen=True, slots=True)
class Connect:
    """Coordinator to party: your number, where everyone listens, and the token you share with each peer.

    `tls`: None for plain TCP, on one machine. `seconds`: how long to try.
    """

    party: int
    addresses: Sequence[Address]
    tokens: Mapping[int, bytes] = field(repr=False)
    tls: TlsFiles | None = None
    seconds: float = 8.0

    def header(self) -> Header:
        """As a message."""
        return {
            "kind": CONNECT,
            "party": self.party,
            "addresses": [address_header(each) for each in self.addresses],
            "tokens": {str(peer): token.hex() for peer, token in self.tokens.items()},
            "tls": None if self.tls is None else self.tls.header(),
            "seconds": float(self.seconds),
        }

    @classmethod
    def read(cls, header: Header) -> "Connect":
        """From a message."""
        addresses = [read_address(each) for each in read(header, "addresses", list)]
        try:
            tokens = {peer: bytes.fromhex(token) for peer, token in _by_number(header, "tokens").items()}
        except (ValueError, TypeError):
            raise malformed("tokens") from None
        tls = None if header.get("tls") is None else TlsFiles.read(read(header, "tls", dict))
        return cls(read(header, "party", int), addresses, tokens, tls, read_seconds(header, "seconds"))


@dataclass(frozen=True, slots=True)
class Prepare:
    """Coordinator to party: make for the next round what does not depend on orders, for up to `orders` of them.

    `seconds`: within how many.
    """

    orders: int
    market: Market
    method: str
    seconds: float = SECONDS_MAX

    def header(self) -> Header:
        """As a message."""
        fields = {"orders": self.orders, **market_header(self.market), "method": self.method}
        return {"kind": PREPARE, **fields, "seconds": float(self.seconds)}

    @classmethod
    def read(cls, header: Header) -> "Prepare":
        """From a message."""
        settings, orders = read_market(header), read_number(header, "orders", ORDERS_MAX)
        settings.check_size(orders)
        return cls(orders, settings, read(header, "method", str), read_seconds(header, "seconds"))


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
        return cls(read_number(header, "bytes_sent", BYTES_MAX), read(header, "cpu_seconds", float))


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
            **market_header(self.market),
            "seed": None if self.seed is None else self.seed.hex(),
            "method": self.method,
            "ids_bytes": self.ids_bytes,
            "block": self.block,
        }

    @classmethod
    def read(cls, header: Header) -> "RoundInput":
        """From a message."""
        seed = None if header.get("seed") is None else read_bytes(header, "seed")
        settings, orders = read_market(header), read_number(header, "orders", ORDERS_MAX)
        settings.check_size(orders)
        block = read_number(header, "block", ORDERS_MAX)
        if not block:
            raise malformed("block")
        ids_bytes = read_number(header, "ids_bytes", ORDERS_MAX)
        return cls(orders, settings, seed, read(header, "method", str), ids_bytes, block)

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
        return cls(read(header, "name", str))


@dataclass(frozen=True, slots=True)
class FoundVerdicts:
    """Worker to service: these are the verdicts. Behind it: one for each submission (uint8)."""

    submissions: int

    def header(self) -> Header:
        """As a message."""
        return {"kind": VERDICTS, "submissions": self.submissions}

    @classmethod
    def read(cls, header: Header) -> "FoundVerdicts":
        """From a message."""
        return cls(read_number(header, "submissions", ORDERS_MAX))


class Effort(NamedTuple):
    """What computing a round took: bytes sent to peers, the most memory that the process ever had, in bytes."""

    communication_rounds: int
    bytes_sent: int
    cpu_seconds: float
    peak_memory: int
    stage_seconds: dict[str, float]

    def fields(self) -> Header:
        """As fields of a message."""
        return self._asdict()

    @classmethod
    def read(cls, header: Header) -> "Effort":
        """From fields of a message."""
        try:
            stages = {str(name): float(value) for name, value in read(header, "stage_seconds", dict).items()}
        except (ValueError, TypeError, OverflowError):
            raise malformed("stage_seconds") from None
        return cls(
            read_number(header, "communication_rounds", 2**32),
            read_number(header, "bytes_sent", BYTES_MAX),
            read(header, "cpu_seconds", float),
            read_number(header, "peak_memory", BYTES_MAX),
            stages,
        )


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
        effort = Effort(
            self.communication_rounds, self.bytes_sent, self.cpu_seconds, self.peak_memory, self.stage_seconds
        )
        return {"kind": RESULT, "price": self.price, "seed": self.seed.hex(), **effort.fields()}

    @classmethod
    def read(cls, header: Header) -> "RoundResult":
        """From a message."""
        return cls(read_price(header), read_bytes(header, "seed"), *Effort.read(header))


def read_price(header: Header) -> int | None:
    """The clearing price in ticks, None for no trade."""
    return None if header.get("price") is None else read_number(header, "price", 2**PRICE_BITS_MAX - 1)


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
    reason = read(header, "reason", str)
    name = read(header, "error", str)
    cls = getattr(errors, name, None)
    if cls is HearsayError:
        return HearsayError(read(header, "party", int), reason, read(header, "witness", int))
    if cls is PeerError:
        return PeerError(read(header, "party", int), reason)
    if isinstance(cls, type) and issubclass(cls, MarketError) and cls is not InputError:
        return cls(reason)
    return ProtocolError(f"{name}: {reason}")


def _by_number(header: Header, name: str) -> dict[int, Any]:
    """A field that holds something for each of some parties."""
    try:
        return {int(party): each for party, each in read(header, name, dict).items()}
    except ValueError:
        raise malformed(name) from None
