"""What a compute party's process computes with. `__main__` puts the secure engine here, tests something cheaper."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mpc_market.network import Network, Vector
from mpc_market.rules.model import Market
from parties.compute.clearing_messages import ClearingJob
from parties.compute.settlement_messages import ClosingJob, SettlementJob

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mpc_market.secure.closing import MonthShares
    from mpc_market.secure.round import RoundShares
    from mpc_market.secure.service_round import ServiceRoundShares
    from mpc_market.secure.settlement import SettlementShares
    from mpc_market.secure.types import OnVerdicts, Verdicts

BookArrays = tuple[Vector, Vector, Vector]
"""One party's shares of the sides (n,), the price bits (bits, n) and the quantity bits (bits, n)."""

OnStage = Callable[[str], None]


@dataclass(frozen=True)
class SubmissionArrays:
    """What one party holds of the s submissions of a round: see `mpc_market.secure.submissions`.

    `maxima`, `suppliers` and `verdicts` (None: not known) have shape (s,); `words` (s, K, words of an order).
    """

    order_ids: Sequence[str]
    maxima: Vector
    suppliers: NDArray[np.intp]
    verdicts: Verdicts | None
    words: Vector = field(repr=False)


@dataclass(frozen=True)
class RowArrays:
    """What one party holds of the rows of a settlement: see `mpc_market.secure.readings`. `verdicts`: or None."""

    ids: Sequence[str]
    maxima: Vector
    periods: NDArray[np.intp]
    suppliers: NDArray[np.intp]
    regions: NDArray[np.intp]
    metered: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    verdicts: Verdicts | None
    traded: Vector = field(repr=False)
    words: Vector = field(repr=False)


@dataclass(frozen=True)
class MonthArrays:
    """What one party holds of a month: see `mpc_market.secure.closing`."""

    ids: Sequence[str]
    bookings: NDArray[np.intp]
    accounts: NDArray[np.intp]
    rates: NDArray[np.int64]
    volumes: Vector = field(repr=False)
    totals: Vector = field(repr=False)


ComputeRound = Callable[
    [Network, Sequence[str], BookArrays, Market, bytes | None, OnStage, str], Awaitable["RoundShares"]
]
"""Clears a round whose shares are taken on trust."""

ComputeClearing = Callable[
    [Network, SubmissionArrays, ClearingJob, "OnVerdicts", OnStage], Awaitable["ServiceRoundShares"]
]
"""Checks and clears a round of a running market."""

ComputeSettlement = Callable[[Network, RowArrays, SettlementJob, "OnVerdicts", OnStage], Awaitable["SettlementShares"]]
"""Settles rows of one or more periods."""

ComputeClosing = Callable[[Network, MonthArrays, ClosingJob, OnStage], Awaitable["MonthShares"]]
"""Closes a month."""

PrepareRound = Callable[[Network, int, Market, str], Awaitable["Engine"]]
"""Prepares a round before its orders are there, and gives what then computes it."""


@dataclass(frozen=True)
class Engine:
    """What computes; None for what it cannot do."""

    compute_round: ComputeRound | None = None
    compute_clearing: ComputeClearing | None = None
    prepare_round: PrepareRound | None = None
    compute_settlement: ComputeSettlement | None = None
    compute_closing: ComputeClosing | None = None
