"""The header of a submission, of orders or of a reading: everything about it that is signed by the meter, and no share.

    version u8 = 1 ‖ market text ‖ period start u64 ‖ meter text ‖ number u64 ‖ challenge 32
    ‖ orders u8 (k ≥ 1; 1 for a reading) ‖ parties u8 (m) ‖ m × 32: for party j digest("share", words_j ‖ nonce_j)

Its digest, digest("header", bytes), stands for the submission everywhere else. Only the meter and the compute
parties know it: it hides the meter in the public record as a salt does.
"""

from dataclasses import dataclass
from typing import Self

from mpc_market.wire.checks import NUMBER_MAX, U8_MAX, require_bytes, require_digests, require_int
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.committee import check_parties
from mpc_market.wire.digest import DIGEST_BYTES, digest
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage, check_id, order_id

CHALLENGE_BYTES = 32
ORDERS_MAX = U8_MAX
"""Orders in one submission."""


@dataclass(frozen=True, slots=True)
class Header:
    """`number` ≥ 1: a higher one replaces the submission. `orders`: k; 1 for a reading.

    `share_digests`: m digests of 32 bytes. Raises: WireError.
    """

    period: Period
    meter: str
    number: int
    challenge: bytes
    orders: int
    share_digests: tuple[bytes, ...]

    def __post_init__(self) -> None:
        check_id("meter", self.meter)
        require_int("the number of a submission", self.number, 1, NUMBER_MAX)
        require_bytes("the challenge", self.challenge, CHALLENGE_BYTES)
        if self.period.stage is Stage.CLOSING:
            raise WireError("nothing is submitted to the closing of a month")
        require_int("the number of orders", self.orders, 1, ORDERS_MAX if self.kind == "submission" else 1)
        require_digests("the digests of shares", self.share_digests)
        check_parties(len(self.share_digests))

    @property
    def kind(self) -> str:
        """What the meter's signature is for: orders are no reading, whatever else is the same."""
        return "submission" if self.period.stage is Stage.CLEARING else "reading"

    def encode(self) -> bytes:
        """The bytes that the meter signs (after the tag)."""
        writer = self.period.write(Writer().version()).text(self.meter).u64(self.number)
        writer.fixed(self.challenge, CHALLENGE_BYTES).u8(self.orders).u8(len(self.share_digests))
        for share_digest in self.share_digests:
            writer.fixed(share_digest, DIGEST_BYTES)
        return writer.data()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises: WireError."""
        reader = Reader(data)
        reader.version()
        period, meter, number = Period.read(reader), reader.text(), reader.u64()
        challenge, orders, parties = reader.fixed(CHALLENGE_BYTES), reader.u8(), reader.u8()
        header = cls(
            period, meter, number, challenge, orders, tuple(reader.fixed(DIGEST_BYTES) for _ in range(parties))
        )
        reader.end()
        return header

    @property
    def digest(self) -> bytes:
        """What stands for this header, 32 bytes."""
        return digest("header", self.encode())

    @property
    def order_ids(self) -> tuple[str, ...]:
        """The ids of its orders."""
        return tuple(order_id(self.meter, k) for k in range(self.orders))
