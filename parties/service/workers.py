"""What the life of a round needs of the processes that compute: one worker per attempt, never the same one twice.

What is settled and closed is handed over, and comes back, as `parties.worker` has it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mpc_market.errors import MarketError
from mpc_market.rules.model import Market
from parties.compute.messages import Effort
from parties.files.party_home import PartyHome
from parties.net import Address
from parties.worker import ClosingInput, ClosingResult, SettlementInput, SettlementResult


class AttemptError(MarketError):
    """An attempt came to nothing: a worker could not be started, crashed, stalled, lost a peer. Another may succeed."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is cleared: the agreed set, at one party.

    Public, the same at all parties: `meters` in the sequence of the set, their `maxima` (lots) and the place of their
    `suppliers` among `supplier_count`; `orders` in each submission; the seeds; `verdicts`, if they are known from an
    earlier attempt. Secret: `words`, the share words of each submission as bytes.
    """

    meters: Sequence[str] = field(repr=False)
    maxima: Sequence[int] = field(repr=False)
    suppliers: Sequence[int] = field(repr=False)
    supplier_count: int
    orders: int
    rules: Market
    check_seed: bytes
    ticket_seed: bytes
    verdicts: bytes | None = field(repr=False)
    words: Sequence[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Computed:
    """What one party holds afterwards. `verdicts`: one code for each submission of the set.

    `accepted`: share words of the accepted quantities of each VALID submission, in sequence, as bytes; `traded`: of
    each of these, share words (bought, sold) over all its orders; `users`: valid
    submissions of each supplier; `totals`: share words (bought, sold) of each, as bytes.
    """

    price: int | None
    verdicts: bytes = field(repr=False)
    accepted: Sequence[bytes] = field(repr=False)
    traded: Sequence[bytes] = field(repr=False)
    users: Sequence[int] = field(repr=False)
    totals: Sequence[bytes] = field(repr=False)
    effort: Effort

    @property
    def price_word(self) -> int:
        """0 for no trade, else the price + 1."""
        return 0 if self.price is None else self.price + 1


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

    async def compute(self, way: Way, task: Task, on_verdicts: OnVerdicts) -> Computed:
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
