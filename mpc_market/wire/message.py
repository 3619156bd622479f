"""What all messages signed by a compute party have in common.

    version u8 = 1 ‖ market text ‖ period start u64 ‖ party u8 ‖ fields of its kind      then, when sent: ‖ signature 64

The signature is that of `signing` for the kind, over everything before it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, Self, TypeVar

from mpc_market.wire.checks import require_bytes, require_int
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.committee import PARTIES, Committee
from mpc_market.wire.errors import ContextError, WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.signing import SIGNATURE_BYTES, SigningKey, verify

PARTY_MAX = max(PARTIES) - 1


def check_party(party: int, name: str = "the number of a party") -> None:
    """Raises: WireError if it is not 0 … 6."""
    require_int(name, party, 0, PARTY_MAX)


class PartyMessage(ABC):
    """One message of a compute party about one round; subclasses are frozen dataclasses that begin with these two."""

    __slots__ = ()

    KIND: ClassVar[str]
    """The kind, which the signature is for."""

    period: Period
    party: int

    def encode(self) -> bytes:
        """The bytes that are signed (after the tag)."""
        writer = self.period.write(Writer().version()).u8(self.party)
        self._write(writer)
        return writer.data()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises: WireError."""
        reader = Reader(data)
        reader.version()
        message = cls._read(reader, Period.read(reader), reader.u8())
        reader.end()
        return message

    @abstractmethod
    def _write(self, writer: Writer) -> None:
        """The fields after the party."""

    @classmethod
    @abstractmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        """The inverse. Raises: WireError."""


M = TypeVar("M", bound=PartyMessage)


@dataclass(frozen=True, slots=True)
class Signed(Generic[M]):
    """A message with its signature: made by `sign`, or by `read_signed`, which checks it (`split_signed` does not)."""

    message: M
    signature: bytes = field(repr=False)

    def __post_init__(self) -> None:
        require_bytes("a signature", self.signature, SIGNATURE_BYTES)

    def encode(self) -> bytes:
        """The bytes as they are sent and stored: message ‖ signature."""
        return self.message.encode() + self.signature


def sign(message: M, key: SigningKey) -> Signed[M]:
    """Run by the party that the message names."""
    return Signed(message, key.sign(message.KIND, message.encode()))


def split_signed(kind: type[M], data: bytes) -> Signed[M]:
    """Parse a signed message without checking its signature. Raises: WireError."""
    if len(data) < SIGNATURE_BYTES:
        raise WireError(f"{len(data)} bytes are too few for a signed message")
    return Signed(kind.decode(data[:-SIGNATURE_BYTES]), bytes(data[-SIGNATURE_BYTES:]))


def check_signed(
    signed: Signed[M], committee: Committee, period: Period | None = None, party: int | None = None
) -> None:
    """Is it from its party of this market, and of this period and party where they are given?

    Raises: ContextError, SignatureError; WireError if there is no such party.
    """
    message = signed.message
    if message.period.market != committee.market:
        raise ContextError("market", f"a {message.KIND} of market {message.period.market}, not {committee.market}")
    if period is not None and message.period != period:
        raise ContextError("period", f"a {message.KIND} of {message.period}, not {period}")
    if party is not None and message.party != party:
        raise ContextError("party", f"a {message.KIND} of party {message.party}, not {party}")
    verify(committee.key(message.party), message.KIND, message.encode(), signed.signature)


def read_signed(
    kind: type[M], data: bytes, committee: Committee, period: Period | None = None, party: int | None = None
) -> Signed[M]:
    """Parse and check a signed message of a party: `split_signed`, then `check_signed`. Raises: WireError."""
    signed = split_signed(kind, data)
    check_signed(signed, committee, period, party)
    return signed


def of_all_parties(messages: Mapping[int, M], parties: int) -> list[M]:
    """The messages of parties 0 … m − 1, in this sequence, all of one round, each by the party it stands for.

    Raises: WireError if one is missing or one too many; ContextError.
    """
    if set(messages) != set(range(parties)):
        raise WireError(f"messages of the parties {sorted(messages)}, not of all {parties}")
    listed = [messages[j] for j in range(parties)]
    check_same_round(messages)
    return listed


def check_same_round(messages: Mapping[int, M]) -> None:
    """All of one round, each by the party it stands for. Raises: ContextError."""
    periods = {message.period for message in messages.values()}
    if len(periods) > 1:
        raise ContextError("period", f"messages of different rounds: {', '.join(sorted(map(str, periods)))}")
    for party, message in messages.items():
        if message.party != party:
            raise ContextError("party", f"a {message.KIND} of party {message.party}, not {party}")
