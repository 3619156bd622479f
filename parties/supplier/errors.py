"""What can go wrong at a supplier. Messages carry public values only: never a total, a share or a key."""

from mpc_market.errors import MarketError


class TotalsError(MarketError):
    """The totals of a period cannot be had, or cannot be relied on; says why, and what would help.

    `problem`: why, in one word as the parties use it (`client.sheets`), where all of them say or have signed the same.
    """

    def __init__(self, reason: str, problem: str | None = None) -> None:
        super().__init__(reason)
        self.problem = problem
