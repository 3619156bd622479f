"""What clearing a market on this machine gives: the outcome, and what it took."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mpc_market.errors import InvalidSettingsError
from mpc_market.network import Vector
from mpc_market.rules.model import Clearing, Market
from mpc_market.secure.clearing import Method
from parties.compute.messages import Prepared


@dataclass(frozen=True)
class Figures:
    """What one clearing took.

    `bytes_sent`: to the other parties, by party. `seconds`: `start` (processes up and connected: first
    clearing only, then 0), `input` (dealing and handing over the shares), `prepare` (work before the
    orders, if `LocalParties.prepare` was called), `compute` (from the last share handed over to the checked result)
    and `total`. `cpu_seconds`: of computing, by party; `prepare_cpu_seconds` and `prepare_bytes_sent` of preparing.
    `peak_memory`: bytes resident, by party, the most since the process began. `stage_seconds`: of computing, by
    stage, at party 0.
    """

    orders: int
    parties: int
    threshold: int
    communication_rounds: int
    bytes_sent: tuple[int, ...]
    seconds: dict[str, float]
    cpu_seconds: tuple[float, ...]
    peak_memory: tuple[int, ...]
    stage_seconds: dict[str, float]
    prepare_cpu_seconds: tuple[float, ...] = ()
    prepare_bytes_sent: tuple[int, ...] = ()


@dataclass(frozen=True)
class Preparing:
    """What the parties have prepared for the next clearing, and what that took."""

    orders_max: int
    market: Market
    method: Method
    seconds: float
    reports: Sequence[Prepared]

    def check(self, orders: int, market: Market, method: Method) -> None:
        """Raises: InvalidSettingsError if it does not serve for this clearing."""
        if (self.market, self.method) != (market, method) or orders > self.orders_max:
            raise InvalidSettingsError(
                f"prepared for up to {self.orders_max} orders by {self.method.value}, "
                f"not for {orders} by {method.value} or for another market"
            )


@dataclass(frozen=True)
class Outcome:
    """The cleared market, the public seed that its lots were drawn with, and what it took.

    `shares`: what each party holds of the accepted quantities, in the sequence of the orders: kept for settlement.
    """

    clearing: Clearing
    seed: bytes
    figures: Figures
    shares: Sequence[Vector] = field(repr=False)
