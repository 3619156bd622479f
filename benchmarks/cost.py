"""What the traffic of a round costs in a cloud: bytes sent by all parties, at the price of leaving the cloud."""

from collections.abc import Sequence

EUROS_PER_GB = 0.08
"""Assumed price of egress, EUR per 10^9 bytes: about what large clouds ask for the first terabytes of a month."""


def traffic_euros(bytes_sent: Sequence[int]) -> float:
    """Euros for one round, every party paying for what it sends. Dealing and delivery to the users are not counted."""
    return sum(bytes_sent) / 1e9 * EUROS_PER_GB
