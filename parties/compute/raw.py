"""Arrays and texts as the raw bytes behind a message, little-endian: neither copied nor decoded where that can be."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mpc_market.errors import ProtocolError
from parties.compute.channel import Channel

_Number = TypeVar("_Number", bound=np.generic)


def raw(array: NDArray[Any]) -> memoryview:
    """The bytes of a contiguous array, not copied."""
    return array.data.cast("B") if array.size else memoryview(b"")


def words(*arrays: NDArray[Any]) -> list[memoryview]:
    """The bytes of arrays of share words, or of numbers beside them: uint64 each."""
    return [raw(np.ascontiguousarray(each, "<u8")) for each in arrays]


def codes(array: NDArray[Any]) -> memoryview:
    """The bytes of verdicts: uint8 each."""
    return raw(np.ascontiguousarray(array, np.uint8))


async def read_array(channel: Channel, shape: tuple[int, ...], dtype: type[_Number]) -> NDArray[_Number]:
    """Read an array.

    Raises: ChannelClosedError; ProtocolError if there is no room for it.
    """
    try:
        array = np.empty(shape, np.dtype(dtype).newbyteorder("<"))
    except (MemoryError, ValueError):  # ValueError: more than an address can reach
        raise ProtocolError("malformed message: it announces more than this process can hold") from None
    await channel.read_into(raw(array))
    return array.astype(dtype, copy=False)


async def read_texts(channel: Channel, count: int, nbytes: int) -> list[str]:
    """Read this many texts of this many bytes together: the lengths (uint32), then all of them in UTF-8.

    Raises: ChannelClosedError, ProtocolError.
    """
    lengths = await read_array(channel, (count,), np.uint32)
    text = await channel.read(nbytes)
    ends = np.cumsum(lengths, dtype=np.int64).tolist()
    if (ends[-1] if ends else 0) != nbytes:
        raise ProtocolError("malformed message: lengths of the order ids")
    try:
        return [text[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]
    except UnicodeDecodeError:
        raise ProtocolError("malformed message: an order id is not UTF-8") from None
