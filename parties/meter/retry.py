"""When to try again: exponential backoff with full jitter, so that a thousand meters do not come back as one."""

import secrets

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 15.0
_SHORTEST_SECONDS = 0.05


def pause_before(attempt: int, left_seconds: float, longest: float = LONGEST_SECONDS) -> float:
    """The pause before attempt `attempt` + 1 if it has to succeed within `left_seconds`: at most a quarter of them."""
    return min(pause_seconds(attempt, longest=longest), max(left_seconds / 4, _SHORTEST_SECONDS))


def pause_seconds(attempt: int, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> float:
    """A random pause before attempt `attempt` + 1 (attempt ≥ 1): uniform in 0 … min(longest, first · 2^attempt)."""
    most = min(longest, first * 2.0 ** min(attempt, 30))
    return secrets.randbelow(1_000_001) / 1_000_000 * most
