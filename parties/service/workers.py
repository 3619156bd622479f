"""What the life of a round needs of the processes that compute: one worker per attempt, never the same one twice.

What is cleared, settled and closed is handed over, and comes back, as `parties.worker` has it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mpc_market.errors import MarketError
from parties.files.party_home import PartyHome
from parties.net import Address
from parties.worker import (
    ClearingInput,
    ClearingResult,
    ClosingInput,
    ClosingResult,
    SettlementInput,
    SettlementResult,
)


class AttemptError(MarketError):
    """An attempt came to nothing: a worker could not be started, crashed, stalled, lost a peer. Another may succeed."""


OnVerdicts = Callable[[bytes], Awaitable[None]]
"""Takes the verdicts (one code each) that were just found; returns when all parties have stored the same ones."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a worker reaches those of the other parties, and how long it may take. `tokens`: shared with each peer, for
    this attempt alone.
    """

    addresses: Sequence[Address]
    tokens: Mapping[int, bytes] = field(repr=False)
    seconds: float


class Worker(Protocol):
    """A process that is ready for one attempt: its doors are open, and nobody has come in yet.

    It stays connected until it is ended, for the peers may need a little longer.
    """

    @property
    def address(self) -> Address:
        """Where it listens."""

    async def clear(self, way: Way, given: ClearingInput, on_verdicts: OnVerdicts) -> ClearingResult:
        """Connect with the others' workers and clear. Raises: AttemptError; whatever `on_verdicts` raises."""

    async def settle(self, way: Way, given: SettlementInput, on_verdicts: OnVerdicts) -> SettlementResult:
        """The same for a settlement or correction. Raises: AttemptError; whatever `on_verdicts` raises."""

    async def close(self, way: Way, given: ClosingInput) -> ClosingResult:
        """The same for the closing of a month. Raises: AttemptError."""

    async def end(self) -> None:
        """End the process, whatever it is doing."""


class Workers(Protocol):
    """Starts workers."""

    async def start(self, home: PartyHome, now: int) -> Worker:
        """A fresh worker of this party; `now`: seconds since 1970. Raises: AttemptError."""
