"""The public sequence of tickets (market.md §2), as the engine wants it: an index array."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from mpc_market.secure.types import Index


def ticket_index(seed: bytes, order_ids: Sequence[bytes]) -> Index:
    """Indices of the orders, earliest ticket first; a fast twin of `rules.ticket`, only tests compare the two.

    `order_ids` in UTF-8.
    """
    keyed = blake2b(digest_size=16, key=seed).copy  # the key is absorbed once
    tickets = []
    for order_id in order_ids:
        one = keyed()
        one.update(order_id)
        tickets.append(one.digest())
    words = np.frombuffer(b"".join(tickets), ">u8").reshape(-1, 2).astype(np.uint64)
    order: Index = np.argsort(words[:, 0], kind="stable")
    first = words[order, 0]
    if np.any(first[1:] == first[:-1]):  # eight equal leading bytes: compare all sixteen
        order = np.lexsort((words[:, 1], words[:, 0]))
    return order
