"""Tickets: equal claims are decided by lot, and the lot is open to audit (market.md §2).

The seed of a round is public and fixed only after the gate has closed, so that nobody can choose an
`order_id` for its ticket.
"""

from collections.abc import Sequence
from hashlib import blake2b

from mpc_market.errors import InvalidSettingsError

SEED_BYTES = 32
TICKET_BYTES = 16


def ticket(seed: bytes, order_id: str) -> bytes:
    """The ticket of one order, 16 bytes: `BLAKE2b(digest_size=16, key=seed)` of the UTF-8 bytes of its id.

    Smaller (as bytes) is earlier.
    Raises: InvalidSettingsError if the seed is not 32 bytes.
    """
    if len(seed) != SEED_BYTES:
        raise InvalidSettingsError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    return blake2b(order_id.encode("utf-8"), digest_size=TICKET_BYTES, key=seed).digest()


def ticket_order(seed: bytes, order_ids: Sequence[str]) -> list[int]:
    """The indices of `order_ids` by ticket, earliest first.

    Raises: InvalidSettingsError if the seed is not 32 bytes.
    """
    tickets = [ticket(seed, order_id) for order_id in order_ids]
    return sorted(range(len(tickets)), key=tickets.__getitem__)
