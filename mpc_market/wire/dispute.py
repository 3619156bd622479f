"""A dispute: a user names an arbiter and periods, and the parties reveal the user's own shares of these to the arbiter.

DisputeRequest, signed by the meter (kind "dispute"):
    version u8 = 1 ‖ market text ‖ meter text ‖ number u64 ‖ arbiter text ‖ arbiter's identity key 32 ‖ sealing key 32
    ‖ starts u16 (1 … 6200), each u64, ascending ‖ months u8 (0 or 1), each u64

    dispute digest = digest("dispute", request, signature)

DisputeReceipt, signed by each party, of the last period named:
    … ‖ dispute digest 32 ‖ received at u64 (ms since 1970)

A period that is named stands for its clearing, its settlement and its correction; the month for its closing. The
user's signature is its consent, and nothing else is needed: whatever is revealed (`disclosure`), the user knows, and
could show to anybody. The digest covers the signature, so whoever has not seen the request cannot guess it: it may
stand in public records.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mpc_market.wire.checks import (
    MILLISECONDS_MAX,
    NUMBER_MAX,
    require_ascending,
    require_bytes,
    require_int,
    require_sealing_key,
    require_tuple,
)
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import DIGEST_BYTES, digest
from mpc_market.wire.errors import ContextError, WireError
from mpc_market.wire.identifiers import START_MAX, Period, Stage, check_id, check_market_id, split_market
from mpc_market.wire.message import PartyMessage, check_party
from mpc_market.wire.sealing import KEY_BYTES as SEALING_KEY_BYTES
from mpc_market.wire.signing import KEY_BYTES, SIGNATURE_BYTES, SigningKey, verify

STARTS_MAX = 6200
"""Periods in one request: two months, of at most 2,980 quarter-hours each. A bill has what one has settled, and what
was late of the one before.
"""

REQUEST_BYTES_MAX = 2**16
"""A request with its signature is never longer."""

OF_A_PERIOD = (Stage.CLEARING, Stage.SETTLEMENT, Stage.CORRECTION)
"""What a period that is named stands for."""


@dataclass(frozen=True, slots=True)
class Arbiter:
    """Who is to decide: a name, and the public keys that prove it and open what is sealed to it. Raises: WireError."""

    name: str
    identity_key: bytes
    sealing_key: bytes

    def __post_init__(self) -> None:
        check_id("dispute's arbiter", self.name)
        require_bytes("the identity key of an arbiter", self.identity_key, KEY_BYTES)
        require_sealing_key("the sealing key of an arbiter", self.sealing_key)


@dataclass(frozen=True, slots=True)
class DisputeRequest:
    """`number` ≥ 1, the meter's own count. `month`: start of the billing month whose bill is contested, or None.

    Raises: WireError.
    """

    KIND: ClassVar[str] = "dispute"

    market: str
    meter: str
    number: int
    arbiter: Arbiter
    starts: tuple[int, ...]
    month: int | None = None

    def __post_init__(self) -> None:
        check_market_id(self.market)
        check_id("meter", self.meter)
        require_int("the number of a dispute", self.number, 1, NUMBER_MAX)
        require_tuple("the periods of a dispute", self.starts, 1, STARTS_MAX)
        for start in (*self.starts, *self._months):
            require_int("the start of a period", start, 0, START_MAX)
        require_ascending("the periods of a dispute", self.starts)

    @property
    def _months(self) -> tuple[int, ...]:
        return () if self.month is None else (self.month,)

    def rounds(self, *, settled: bool) -> list[Period]:
        """The rounds that are to be disclosed. `settled`: whether the market settles at all."""
        stages = OF_A_PERIOD if settled else OF_A_PERIOD[:1]
        named = [Period(stage.of(self.market), start) for start in self.starts for stage in stages]
        return named + [Period(Stage.CLOSING.of(self.market), month) for month in self._months]

    def names(self, period: Period) -> bool:
        """Whether a round is one of those. Asked of each round by itself, so it does not list them all."""
        market, stage = split_market(period.market)
        if market != self.market:
            return False
        return period.start in (self._months if stage is Stage.CLOSING else self.starts)

    def encode(self) -> bytes:
        """The bytes that are signed (after the tag)."""
        writer = Writer().version().text(self.market).text(self.meter).u64(self.number).text(self.arbiter.name)
        writer.fixed(self.arbiter.identity_key, KEY_BYTES).fixed(self.arbiter.sealing_key, SEALING_KEY_BYTES)
        writer.u16(len(self.starts))
        for start in self.starts:
            writer.u64(start)
        writer.u8(len(self._months))
        for month in self._months:
            writer.u64(month)
        return writer.data()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises: WireError."""
        reader = Reader(data)
        reader.version()
        market, meter, number = reader.text(), reader.text(), reader.u64()
        arbiter = Arbiter(reader.text(), reader.fixed(KEY_BYTES), reader.fixed(SEALING_KEY_BYTES))
        starts = tuple(reader.u64() for _ in range(reader.u16()))
        months = [reader.u64() for _ in range(reader.u8())]
        reader.end()
        if len(months) > 1:
            raise WireError("a dispute of more than one month")
        return cls(market, meter, number, arbiter, starts, *months)


def sign_dispute(request: DisputeRequest, key: SigningKey) -> bytes:
    """The request as it is sent: message ‖ signature. Run by the meter."""
    return request.encode() + key.sign(DisputeRequest.KIND, request.encode())


def split_dispute(data: bytes) -> tuple[DisputeRequest, bytes]:
    """A request and its signature, not yet checked. Raises: WireError."""
    if not SIGNATURE_BYTES <= len(data) <= REQUEST_BYTES_MAX:
        raise WireError("too few bytes for a dispute, or too many")
    return DisputeRequest.decode(data[:-SIGNATURE_BYTES]), bytes(data[-SIGNATURE_BYTES:])


def check_dispute(request: DisputeRequest, signature: bytes, market: str, identity_key: bytes) -> None:
    """Is it this market's, and the user's own? Run by the parties and the arbiter.

    Raises: ContextError ("market"); SignatureError.
    """
    if request.market != market:
        raise ContextError("market", f"a dispute in market {request.market}, not {market}")
    verify(identity_key, DisputeRequest.KIND, request.encode(), signature)


def dispute_digest(data: bytes) -> bytes:
    """What a signed request is named by, 32 bytes. `data`: message ‖ signature."""
    return digest("dispute", data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:])


@dataclass(frozen=True, slots=True)
class DisputeReceipt(PartyMessage):
    """A party has stored the request durably, and will have it put into the record. Raises: WireError."""

    KIND: ClassVar[str] = "dispute receipt"

    period: Period
    party: int
    dispute_digest: bytes
    received: int

    def __post_init__(self) -> None:
        check_party(self.party)
        require_bytes("the digest of a dispute", self.dispute_digest, DIGEST_BYTES)
        require_int("the time of receipt", self.received, 0, MILLISECONDS_MAX)

    def _write(self, writer: Writer) -> None:
        writer.fixed(self.dispute_digest, DIGEST_BYTES).u64(self.received)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        return cls(period, party, reader.fixed(DIGEST_BYTES), reader.u64())
