"""A meter's request to be enrolled: its public keys, signed by itself, so that it is known to hold the identity key.

    version u8 = 1 ‖ market text ‖ meter text ‖ identity key 32 ‖ sealing key 32 ‖ signature 64

Whether the meter is real, its supplier, region and largest quantity: that is for the registrar to find out.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mpc_market.wire.checks import require_bytes, require_sealing_key
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.identifiers import check_id, check_market_id
from mpc_market.wire.signing import KEY_BYTES, SIGNATURE_BYTES, SigningKey, verify


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """Run by the meter, read by the registrar. Raises: WireError."""

    KIND: ClassVar[str] = "enrol request"

    market: str
    meter: str
    identity_key: bytes
    sealing_key: bytes

    def __post_init__(self) -> None:
        check_market_id(self.market)
        check_id("meter", self.meter)
        require_bytes("the identity key of a meter", self.identity_key, KEY_BYTES)
        require_sealing_key("the sealing key of a meter", self.sealing_key)

    def encode(self) -> bytes:
        """The bytes that are signed (after the tag)."""
        writer = Writer().version().text(self.market).text(self.meter)
        return writer.fixed(self.identity_key, KEY_BYTES).fixed(self.sealing_key, KEY_BYTES).data()

    def sign(self, key: SigningKey) -> bytes:
        """The request as a file: message ‖ signature."""
        return self.encode() + key.sign(self.KIND, self.encode())

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Parse a request and check that whoever made it holds its identity key. Raises: WireError, SignatureError."""
        reader = Reader(data)
        reader.version()
        request = cls(reader.text(), reader.text(), reader.fixed(KEY_BYTES), reader.fixed(KEY_BYTES))
        signature = reader.fixed(SIGNATURE_BYTES)
        reader.end()
        verify(request.identity_key, cls.KIND, request.encode(), signature)
        return request
