"""What clearing a market on this machine gives: the outcome, and what it took."""

from dataclasses import dataclass

from mpc_market.rules.model import Clearing


@dataclass(frozen=True)
class Figures:
    """What one clearing took.

    `bytes_sent`: to the other parties, by party. `seconds`: `start` (processes up and connected: first
    clearing only, then 0), `input` (dealing and handing over the shares), `prepare` (work before the
    orders: none yet), `compute` (from the last share handed over to the checked result) and `total`.
    `cpu_seconds`: of computing, by party. `peak_memory`: bytes resident, by party, the most since the
    process began. `stage_seconds`: of computing, by stage, at party 0.
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


@dataclass(frozen=True)
class Outcome:
    """The cleared market, the public seed that its lots were drawn with, and what it took."""

    clearing: Clearing
    seed: bytes
    figures: Figures
