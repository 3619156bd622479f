"""Sealed boxes of libsodium: X25519 with a fresh key per box, XSalsa20-Poly1305. Only the receiver can open one.

A box says nothing about its sender: whatever must be bound to it (market, period, party, …) stands inside, and is
compared after opening.
"""

from typing import Self

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from mpc_market.wire.checks import require_bytes, require_sealing_key
from mpc_market.wire.errors import SealError

KEY_BYTES = 32
SEAL_OVERHEAD = 48
"""A box is this many bytes longer than what it holds."""


class SealingKey:
    """A private X25519 key: a party's for its day, or a meter's or supplier's. It never shows itself."""

    __slots__ = ("_key", "public")

    public: bytes
    """The public key, 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        """`secret`: the 32 secret bytes. Raises: WireError."""
        require_bytes("a private sealing key", secret, KEY_BYTES)
        self._key = PrivateKey(secret)
        self.public = bytes(self._key.public_key)

    @classmethod
    def generate(cls) -> Self:
        return cls(bytes(PrivateKey.generate()))

    def __repr__(self) -> str:
        return f"SealingKey(public={self.public.hex()})"

    def secret(self) -> bytes:
        """The secret itself, for its owner's storage alone."""
        return bytes(self._key)

    def open(self, box: bytes) -> bytes:
        """What a box holds. Raises: SealError if it was not sealed to this key, or was changed."""
        try:
            return bytes(SealedBox(self._key).decrypt(box))
        # one error type for all: too short, another key, changed on the way
        except (CryptoError, ValueError):
            raise SealError("a seal does not open") from None


def seal(public: bytes, plaintext: bytes) -> bytes:
    """Seal for the owner of a public key.

    Raises: WireError if it is none, or of small order.
    """
    require_sealing_key("a public sealing key", public)
    return bytes(SealedBox(PublicKey(public)).encrypt(plaintext))
