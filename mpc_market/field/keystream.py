"""Keystreams: uniform field elements, bits and permutations that two holders of one key draw alike.

AES-128 in counter mode [NIST SP 800-38A]; a key belongs to one purpose of one attempt at one round and is never used
again. Both holders must draw the same kinds and numbers in the same sequence; how they cut `words` into calls
does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray

from mpc_market.field import kernels
from mpc_market.field.mersenne import GF, Field, Vector

KEY_BYTES = 16
_BLOCK_BYTES = 1 << 18
_ZEROS = memoryview(bytes(_BLOCK_BYTES))
_SPARE_WORDS = 2  # the cipher's interface asks for a block of room beyond what it writes
_AHEAD = 1024  # words made at a time for short draws, most of the time of which is the call
_AGAIN = 1 << 127  # counters from here on serve the words that are drawn again


class Keystream:
    """A stream of pseudorandom 64-bit words under one 16-byte key, from a position (in words) on.

    The key is fresh and a position is passed once, so a pair of key and counter never repeats.
    """

    __slots__ = ("_ahead", "_encryptor", "_field", "_key", "_position")

    def __init__(self, key: bytes, field: Field = GF, position: int = 0) -> None:
        self._key = key
        self._field = field
        self._position = position
        self._encryptor: CipherContext | None = None  # made when first needed
        self._ahead = np.empty(0, np.uint64)  # words from the position on that are already made

    def __repr__(self) -> str:
        return f"Keystream(position={self._position})"

    def split(self, counts: Sequence[int]) -> list[Keystream]:
        """Streams for the next stretches of `counts` words, for several threads; this one goes on after them."""
        if len(counts) == 1:
            return [self]
        parts = []
        for count in counts:
            parts.append(Keystream(self._key, self._field, self._position))
            self._position += count
        self._encryptor, self._ahead = None, self._ahead[:0]
        return parts

    def raw(self, count: int) -> Vector:
        """`count` uniform 64-bit words."""
        missing = count - self._ahead.size
        if missing <= 0:
            out, self._ahead = self._ahead[:count], self._ahead[count:]
            self._position += count
            return out
        made = self._make(max(missing, _AHEAD), self._position + self._ahead.size)
        self._position += count
        out = np.concatenate([self._ahead, made[:missing]]) if self._ahead.size else made[:missing]
        self._ahead = made[missing:]
        return out

    def _make(self, count: int, position: int) -> Vector:
        """The next words of the cipher, which are those from `position` on."""
        if self._encryptor is None:
            self._encryptor = self._start(position)
        room = np.empty(count + _SPARE_WORDS, np.uint64)
        view, size = room.data.cast("B"), 8 * count
        for start in range(0, size, _BLOCK_BYTES):
            self._encryptor.update_into(_ZEROS[: size - start], view[start:])
        out = room[:count]
        return out if np.little_endian else out.byteswap()

    def words(self, count: int) -> Vector:
        """`count` uniform field elements: e-bit words, those equal to p drawn again."""
        position = self._position
        out = self.raw(count)
        p = np.uint64(self._field.modulus)
        if kernels.mask_words(out, p):  # once in 2^61 words for the field of the market
            for i in np.flatnonzero(out == p):
                out[i] = self._again(position + int(i))
        return out

    def bits(self, count: int) -> Vector:
        """`count` uniform bits, one per word."""
        octets = self.raw((count + 63) // 64).view(np.uint8)
        return np.unpackbits(octets, count=count).astype(np.uint64)

    def permutation(self, count: int) -> NDArray[np.intp]:
        """A uniform permutation of 0 … count − 1: the argsort of distinct 64-bit words, redrawn on a tie."""
        while True:
            words = self.raw(count)
            order = np.argsort(words)
            ordered = words[order]
            if not np.any(ordered[1:] == ordered[:-1]):
                return order

    def _start(self, position: int) -> CipherContext:
        counter, odd = divmod(position, 2)  # two words to a block of the cipher
        encryptor = Cipher(AES(self._key), CTR(counter.to_bytes(16, "big"))).encryptor()
        encryptor.update(bytes(8 * odd))
        return encryptor

    def _again(self, position: int) -> int:
        """The word for a position where the stream had p, from counters of that position alone."""
        counter = _AGAIN + (position << 32)
        encryptor = Cipher(AES(self._key), CTR(counter.to_bytes(16, "big"))).encryptor()
        while True:
            word = int.from_bytes(encryptor.update(bytes(8)), "little") & self._field.modulus
            if word != self._field.modulus:
                return word
