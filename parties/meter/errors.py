"""What can go wrong at a meter. Messages carry public values only: never a price, a quantity, a reading or a key."""

from mpc_market.errors import MarketError


class HomeError(MarketError, ValueError):
    """A meter's private directory is not there, is not private, or does not hold what it must."""


class StoreError(MarketError):
    """A meter's store cannot be read or written, or contradicts what is to be stored."""


class TelegramError(MarketError, ValueError):
    """A P1 telegram that cannot be used: corrupt, cut off, or without what is needed of it."""
