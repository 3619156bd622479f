"""The lots drawn among equal claims, recomputed: anybody who knows an order's id can do it (market.md §2).

ticket seed = digest("ticket seed", randomness)        ticket = BLAKE2b(16 bytes, key = ticket seed) of the order id
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mpc_market.rules.ticket import ticket


@dataclass(frozen=True, slots=True)
class Ticket:
    """The ticket of an order, 16 bytes."""

    order_id: str
    value: bytes


def tickets(seed: bytes, order_ids: Sequence[str]) -> list[Ticket]:
    """The tickets of some orders of one round, earliest first. `seed`: `wire.randomness.Randomness.ticket_seed`."""
    drawn = [Ticket(each, ticket(seed, each)) for each in order_ids]
    return sorted(drawn, key=lambda each: each.value)
