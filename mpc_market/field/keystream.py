"""Keystreams: uniform field elements, bits and permutations that two holders of one key draw alike.

AES-128 in counter mode [NIST SP 800-38A]; a key belongs to one purpose of one attempt at one round and is never used
again. Both holders must draw the same kinds and numbers in the same sequence.
"""

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray

from mpc_market.field import kernels
from mpc_market.field.mersenne import GF, Field, Vector

KEY_BYTES = 16
_BLOCK_BYTES = 1 << 16
_ZEROS = bytes(_BLOCK_BYTES)


class Keystream:
    """A stream of pseudorandom words under one 16-byte key."""

    __slots__ = ("_encryptor", "_field")

    def __init__(self, key: bytes, field: Field = GF) -> None:
        # The counter starts at 0: the key is fresh, so the pair (key, counter) never repeats.
        self._encryptor = Cipher(AES(key), CTR(bytes(16))).encryptor()
        self._field = field

    def __repr__(self) -> str:
        return "Keystream(…)"

    def raw(self, count: int) -> Vector:
        """`count` uniform 64-bit words."""
        out = np.empty(count, np.uint64)
        view = out.data.cast("B")
        for start in range(0, view.nbytes, _BLOCK_BYTES):
            size = min(_BLOCK_BYTES, view.nbytes - start)
            zeros = _ZEROS if size == _BLOCK_BYTES else _ZEROS[:size]
            view[start : start + size] = self._encryptor.update(zeros)
        return out if np.little_endian else out.byteswap()

    def words(self, count: int) -> Vector:
        """`count` uniform field elements: e-bit words, those equal to p drawn again."""
        out = self.raw(count)
        p = np.uint64(self._field.modulus)
        if kernels.mask_words(out, p):  # once in 2^61 words for the field of the market
            again = np.flatnonzero(out == p)
            out[again] = self.words(again.size)
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
