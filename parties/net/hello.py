"""The first frame on a connection: who calls whom, and the proof of it. No I/O.

Every unordered pair of parties shares a fresh 32-byte token, given to both over private channels. A hello
proves knowledge of it for one direction and one kind of connection, so the frame of one end is no use to
the other:

    magic (8) ‖ version (2) ‖ kind (1) ‖ sender (1) ‖ receiver (1) ‖ HMAC-SHA256(token, all before) (32)

Both ends send one. There is no confidentiality in it, nor anything fresh: that is what TLS is for. Inside TLS the token
ties a connection to one attempt at one round, and the certificate to one party (`door`).
"""

import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum

TOKEN_BYTES = 32
_MAGIC = b"MPCMRKT\n"
_VERSION = 2
_CLAIM = struct.Struct("<8sHBBB")
_PROOF_BYTES = 32
HELLO_BYTES = _CLAIM.size + _PROOF_BYTES


class Kind(IntEnum):
    """What a connection is for."""

    DATA = 1
    PULSE = 2


@dataclass(frozen=True, slots=True)
class Claim:
    """What a hello says before it is believed."""

    kind: Kind
    sender: int
    receiver: int

    def hello(self, token: bytes) -> bytes:
        """The frame that makes this claim and proves it."""
        claim = _CLAIM.pack(_MAGIC, _VERSION, self.kind, self.sender, self.receiver)
        return claim + hmac.digest(token, claim, "sha256")

    def answer(self) -> "Claim":
        """The claim that the other end makes in return."""
        return Claim(self.kind, self.receiver, self.sender)

    def is_proved_by(self, frame: bytes, token: bytes) -> bool:
        """Whether `frame` makes exactly this claim and proves it."""
        return hmac.compare_digest(frame, self.hello(token))


def read_claim(frame: bytes) -> Claim | None:
    """What a frame of `HELLO_BYTES` bytes claims, not yet proved; None if it is no hello of this version."""
    magic, version, kind, sender, receiver = _CLAIM.unpack_from(frame)
    if magic != _MAGIC or version != _VERSION or kind not in (Kind.DATA, Kind.PULSE):
        return None
    return Claim(Kind(kind), sender, receiver)
