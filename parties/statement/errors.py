"""What can go wrong with a statement. Messages carry public values only: never an amount or a volume."""

from mpc_market.errors import MarketError


class StatementError(MarketError):
    """The sheets of a month contradict each other, or are not what they must be."""
