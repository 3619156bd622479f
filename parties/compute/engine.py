"""What a compute party's process computes with. `__main__` puts the secure engine here, tests something cheaper."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mpc_market.network import Network, Vector
from mpc_market.rules.model import Market
from parties.compute.service_messages import ServiceRound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mpc_market.secure.round import RoundShares
    from mpc_market.secure.service_round import OnVerdicts, ServiceRoundShares
    from mpc_market.secure.validity import Verdicts

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


ComputeRound = Callable[
    [Network, Sequence[str], BookArrays, Market, bytes | None, OnStage, str], Awaitable["RoundShares"]
]
"""Clears a round whose shares are taken on trust."""

ComputeServiceRound = Callable[
    [Network, SubmissionArrays, ServiceRound, "OnVerdicts", OnStage], Awaitable["ServiceRoundShares"]
]
"""Checks and clears a round of a running market."""

PrepareRound = Callable[[Network, int, Market, str], Awaitable["Engine"]]
"""Prepares a round before its orders are there, and gives what then computes it."""


@dataclass(frozen=True)
class Engine:
    """What computes; None for what it cannot do."""

    compute_round: ComputeRound | None = None
    compute_service_round: ComputeServiceRound | None = None
    prepare_round: PrepareRound | None = None
