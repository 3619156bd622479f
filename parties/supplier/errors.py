"""What can go wrong at a supplier. Messages carry public values only: never a total, a share or a key."""

from mpc_market.errors import MarketError


class TotalsError(MarketError):
    """The totals of a period cannot be had, or cannot be relied on; says why, and what would help."""


class NoTotalsError(TotalsError):
    """There are none, and there will be none: the round is void, or too few users took part."""
