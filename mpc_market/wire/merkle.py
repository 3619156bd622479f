"""The Merkle tree of a round's orders: the form of RFC 6962, with our tagged hash.

    leaf = digest("leaf", order id, header digest)      node = digest("node", left, right)
    no leaves: digest("leaf")

Level by level, neighbours make a node; a last one without a neighbour moves up as it is. The header digest is the
salt: whoever does not know it cannot tell from root and path who took part.
"""

from collections.abc import Sequence

from mpc_market.wire.checks import require_int
from mpc_market.wire.digest import digest
from mpc_market.wire.errors import WireError


def leaf(order: str, header_digest: bytes) -> bytes:
    """The leaf of one order. `order`: its id."""
    return digest("leaf", order.encode("utf-8"), header_digest)


class MerkleTree:
    """All levels of a tree. Cost: n − 1 hashes; a path is then looked up."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            level = [_node(a, b) for a, b in zip(below[::2], below[1::2], strict=False)]
            self._levels.append(level + below[len(level) * 2 :])

    def __repr__(self) -> str:
        return f"MerkleTree({len(self._levels[0])} leaves)"

    @property
    def root(self) -> bytes:
        """32 bytes."""
        return self._levels[-1][0] if self._levels[-1] else digest("leaf")

    def path(self, index: int) -> tuple[bytes, ...]:
        """The neighbours on the way from a leaf to the root. Raises: WireError if there is no such leaf."""
        require_int("the index of a leaf", index, 0, len(self._levels[0]) - 1)
        found = []
        for level in self._levels[:-1]:
            if index ^ 1 < len(level):
                found.append(level[index ^ 1])
            index >>= 1
        return tuple(found)


def root_of_path(start: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes:
    """The root of a tree of `count` leaves in which `start` is leaf `index` and has this path.

    Raises: WireError if the path is not of the length that index and count ask for.
    """
    require_int("the index of a leaf", index, 0, count - 1)
    node, width, at = start, count, 0
    while width > 1:
        if index ^ 1 < width:
            if at >= len(path):
                raise WireError(f"a path of {len(path)} is too short for leaf {index} of {count}")
            node = _node(path[at], node) if index & 1 else _node(node, path[at])
            at += 1
        index, width = index >> 1, (width + 1) >> 1
    if at != len(path):
        raise WireError(f"a path of {len(path)} where {at} belong")
    return node


def _node(left: bytes, right: bytes) -> bytes:
    return digest("node", left, right)
