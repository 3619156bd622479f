"""Bytes of messages: fixed sizes, little-endian, one encoding for every value, nothing left over.

    u8 u16 u32 u64     unsigned integers, little-endian
    fixed              bytes of a length that both ends know
    text               u16 length in bytes, then UTF-8
    blob               u32 length, then bytes
    words              residues mod p = 2^61 − 1, each a u64 < p; how many is known from the fields before

`Writer` and `Reader` are inverse to each other; whatever a `Reader` cannot take raises `WireError`.
"""

import struct
from collections.abc import Sequence
from typing import Self

from mpc_market.wire.errors import WireError

VERSION = 1
"""The first byte of every message."""

P = 2**61 - 1
"""The modulus of share words (protocol.md "Setting")."""

WORD_BYTES = 8


class Writer:
    """Collects the bytes of one message. Raises: WireError for a value that its field cannot hold."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def __repr__(self) -> str:
        return f"Writer({len(self._data)} bytes)"

    def version(self) -> Self:
        return self.u8(VERSION)

    def u8(self, value: int) -> Self:
        return self._integer(value, 1)

    def u16(self, value: int) -> Self:
        return self._integer(value, 2)

    def u32(self, value: int) -> Self:
        return self._integer(value, 4)

    def u64(self, value: int) -> Self:
        return self._integer(value, 8)

    def fixed(self, value: bytes, size: int) -> Self:
        if len(value) != size:
            raise WireError(f"{len(value)} bytes where there must be {size}")
        self._data += value
        return self

    def text(self, value: str) -> Self:
        try:
            data = value.encode("utf-8")
        except UnicodeEncodeError:
            raise WireError("a text that cannot be written in UTF-8") from None
        self.u16(len(data))
        self._data += data
        return self

    def blob(self, value: bytes) -> Self:
        self.u32(len(value))
        self._data += value
        return self

    def words(self, values: Sequence[int]) -> Self:
        self._data += words_bytes(values)
        return self

    def data(self) -> bytes:
        """Everything that was written."""
        return bytes(self._data)

    def _integer(self, value: int, size: int) -> Self:
        if not 0 <= value < 1 << (8 * size):
            raise WireError(f"an integer that does not fit into {size} bytes")
        self._data += value.to_bytes(size, "little")
        return self


class Reader:
    """Takes a message apart, front to back. Raises: WireError, and nothing else."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __repr__(self) -> str:
        return f"Reader({self._at} of {len(self._data)} bytes)"

    def version(self) -> None:
        version = self.u8()
        if version != VERSION:
            raise WireError(f"version {version} of a message: this software knows version {VERSION}")

    def u8(self) -> int:
        return self._integer(1)

    def u16(self) -> int:
        return self._integer(2)

    def u32(self) -> int:
        return self._integer(4)

    def u64(self) -> int:
        return self._integer(8)

    def fixed(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise WireError(f"the message ends at byte {len(self._data)}, within a field that ends at {end}")
        taken = self._data[self._at : end]
        self._at = end
        return bytes(taken)

    def text(self) -> str:
        data = self.fixed(self.u16())
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise WireError("a text that is not UTF-8") from None

    def blob(self) -> bytes:
        return self.fixed(self.u32())

    def words(self, count: int) -> tuple[int, ...]:
        return bytes_words(self.fixed(WORD_BYTES * count))

    def end(self) -> None:
        """Nothing may be left."""
        rest = len(self._data) - self._at
        if rest:
            raise WireError(f"{rest} bytes after the end of the message")

    def _integer(self, size: int) -> int:
        return int.from_bytes(self.fixed(size), "little")


def words_bytes(values: Sequence[int]) -> bytes:
    """Share words as bytes. Raises: WireError if one is not 0 ≤ word < p."""
    if not all(0 <= value < P for value in values):
        raise WireError("a share word that is not a residue mod 2^61 − 1")
    return struct.pack(f"<{len(values)}Q", *values)


def bytes_words(data: bytes) -> tuple[int, ...]:
    """Share words from bytes. Raises: WireError if the length is not a multiple of 8 or a word is ≥ p."""
    count, rest = divmod(len(data), WORD_BYTES)
    if rest:
        raise WireError(f"{len(data)} bytes are no whole number of words")
    words: tuple[int, ...] = struct.unpack(f"<{count}Q", data)
    if count and max(words) >= P:
        raise WireError("a share word that is not a residue mod 2^61 − 1")
    return words
