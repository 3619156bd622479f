"""Ed25519 signatures [RFC 8032], each for one kind of message.

    signature = Ed25519("mpc-market " ‖ kind ‖ 00 ‖ message)

No kind is the beginning of another's tag (the zero byte ends it), so a signature for one kind is none for another.
Market, period and party stand inside the message.
"""

from typing import Self

from nacl.exceptions import BadSignatureError
from nacl.exceptions import ValueError as NaclValueError
from nacl.signing import SigningKey as NaclSigningKey
from nacl.signing import VerifyKey

from mpc_market.wire.checks import require_bytes
from mpc_market.wire.errors import SignatureError

KEY_BYTES = 32
SIGNATURE_BYTES = 64


def signed_bytes(kind: str, message: bytes) -> bytes:
    """What is signed for a message of a kind."""
    return b"mpc-market " + kind.encode("ascii") + b"\x00" + message


class SigningKey:
    """A private Ed25519 key: of a compute party, a meter, a supplier or the registrar. It never shows itself."""

    __slots__ = ("_key", "public")

    public: bytes
    """The public key, 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        """`seed`: the 32 secret bytes. Raises: WireError."""
        require_bytes("the seed of a signing key", seed, KEY_BYTES)
        self._key = NaclSigningKey(seed)
        self.public = bytes(self._key.verify_key)

    @classmethod
    def generate(cls) -> Self:
        return cls(bytes(NaclSigningKey.generate()))

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()})"

    def seed(self) -> bytes:
        """The secret itself, for the key file of its owner alone."""
        return bytes(self._key)

    def sign(self, kind: str, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return bytes(self._key.sign(signed_bytes(kind, message)).signature)


def verify(public: bytes, kind: str, message: bytes, signature: bytes) -> None:
    """Check a signature. Raises: SignatureError; WireError if the key is not 32 bytes."""
    require_bytes("a public signing key", public, KEY_BYTES)
    try:
        VerifyKey(public).verify(signed_bytes(kind, message), signature)
    # the second: a signature that is not 64 bytes
    except (BadSignatureError, NaclValueError):
        raise SignatureError(f"the signature of the {kind} does not verify under key {public.hex()}") from None
