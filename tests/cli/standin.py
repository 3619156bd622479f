"""A stand-in for the compute parties: the plaintext rule. `test_end_to_end.py` runs the real ones."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mpc_market.errors import MarketError
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Market, Order
from mpc_market.secure.clearing import Method
from parties.local.outcome import Figures, Outcome


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


class PlainParties:
    """Stands in for `parties.local.LocalParties`, with the plaintext rule instead of processes."""

    calls = 0
    method: Method | None = None
    """How the last one was to be computed."""
    failure: MarketError | KeyboardInterrupt | OSError | None = None

    def __init__(self, parties: int = 3, on_stage: Callable[[str], None] | None = None) -> None:
        self.parties = parties
        self.on_stage = on_stage

    async def __aenter__(self) -> "PlainParties":
        type(self).calls += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def clear(
        self, orders: Sequence[Order], market: Market, seed: bytes | None = None, method: Method = Method.SORT
    ) -> Outcome:
        type(self).method = method
        if self.on_stage is not None:
            self.on_stage("sort")
        if self.failure is not None:
            raise self.failure
        seed = hashlib.sha256(b"stand-in").digest() if seed is None else seed
        seconds = dict.fromkeys(("start", "input", "prepare", "compute", "total"), 0.25)
        m = self.parties
        figures = Figures(len(orders), m, (m - 1) // 2, 132, (100,) * m, seconds, (0.5,) * m, (1,) * m, {})
        return Outcome(clear(orders, market, seed), seed, figures, ())
