"""Exact types and ranges of the fields of messages. Raises: WireError naming the field, never its value."""

from collections.abc import Sequence
from itertools import pairwise

from mpc_market.wire.errors import WireError

U8_MAX = 2**8 - 1
U32_MAX = 2**32 - 1
NUMBER_MAX = 2**63 - 1
"""The largest number of a submission, version of a roll or sequence number of a record: what databases hold."""
MILLISECONDS_MAX = 2**50 - 1
"""The last moment, in ms since 1970: an exact number in JSON too."""


def require_int(name: str, value: int, least: int, most: int) -> None:
    """An integer (and no bool) with least ≤ value ≤ most."""
    if type(value) is not int or not least <= value <= most:
        raise WireError(f"{name} is not an integer from {least} to {most}")


def require_bytes(name: str, value: bytes, size: int) -> None:
    """Exactly `size` bytes."""
    if type(value) is not bytes or len(value) != size:
        raise WireError(f"{name} is not {size} bytes")


_FIELD = 2**255 - 19
SMALL_ORDER = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
        0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
    }
)
"""The points of Curve25519 and its twist of order 1, 2, 4 and 8, by their coordinate: libsodium's list, mod p."""


def require_sealing_key(name: str, value: bytes) -> None:
    """A public X25519 key, 32 bytes, of no small order: nothing can be sealed to such a point, and nobody's is one."""
    require_bytes(name, value, 32)
    # The top bit does not count, and a number from p on stands for what is left of it.
    if (int.from_bytes(value, "little") % 2**255) % _FIELD in SMALL_ORDER:
        raise WireError(f"{name} is of small order")


def require_blob(name: str, value: bytes) -> None:
    """Bytes of any length."""
    if type(value) is not bytes:
        raise WireError(f"{name} is not bytes")


def require_tuple(name: str, values: Sequence[object], least: int = 0, most: int = U32_MAX) -> None:
    """A tuple of least … most items."""
    if type(values) is not tuple or not least <= len(values) <= most:
        raise WireError(f"{name}: not a tuple of {least} to {most} items")


def require_digests(name: str, values: Sequence[bytes], least: int = 0, most: int = U32_MAX) -> None:
    """A tuple of strings of 32 bytes."""
    require_tuple(name, values, least, most)
    for value in values:
        require_bytes(name, value, 32)


def require_ascending(name: str, keys: Sequence[object]) -> None:
    """Strictly ascending, so that no item is there twice and a list has one encoding."""
    if not all(a < b for a, b in pairwise(keys)):  # type: ignore[operator]
        raise WireError(f"{name} are not in strictly ascending sequence")
