"""What the life of a round needs of the processes that compute: one worker per attempt, never the same one twice."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mpc_market.errors import MarketError
from mpc_market.rules.model import Market
from mpc_market.rules.money import Scale
from mpc_market.rules.tariff import Rates
from parties.files.party_home import PartyHome
from parties.net import Address


class AttemptError(MarketError):
    """An attempt came to nothing: a worker could not be started, crashed, stalled, lost a peer. Another may succeed."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is computed: the agreed set, at one party, within so many `seconds`.

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
    seconds: float


@dataclass(frozen=True, slots=True)
class Computed:
    """What one party holds afterwards. `verdicts`: one code for each submission of the set.

    `accepted`: share words of the accepted quantities of each VALID submission, in sequence, as bytes; `traded`: of
    each of these, share words (bought, sold) over all its orders; `users`: valid
    submissions of each supplier; `totals`: share words (bought, sold) of each, as bytes. `stages`: seconds.
    """

    price: int | None
    verdicts: bytes = field(repr=False)
    accepted: Sequence[bytes] = field(repr=False)
    traded: Sequence[bytes] = field(repr=False)
    users: Sequence[int] = field(repr=False)
    totals: Sequence[bytes] = field(repr=False)
    stages: Mapping[str, float]
    bytes_sent: int

    @property
    def price_word(self) -> int:
        """0 for no trade, else the price + 1."""
        return 0 if self.price is None else self.price + 1


OnVerdicts = Callable[[bytes], Awaitable[None]]
"""Takes the verdicts (one code each) that were just found; returns when all parties have stored the same ones."""


@dataclass(frozen=True, slots=True)
class SettleTask:
    """The settlement or correction of one period, at one party.

    Public: a row for each user (`parties.settling.rows`), by `ids`; its enrolled maximum (lots), the places of supplier
    and region, whether it is `metered`; whether it is `counted` in totals; `verdicts` of the metered ones, if known.
    Secret: `traded`, share words (bought, sold) of each row; `words`, those of each reading, b"" for an estimate.
    """

    ids: Sequence[str] = field(repr=False)
    maxima: Sequence[int] = field(repr=False)
    suppliers: Sequence[int] = field(repr=False)
    supplier_count: int
    regions: Sequence[int] = field(repr=False)
    region_count: int
    metered: Sequence[bool] = field(repr=False)
    counted: Sequence[bool] = field(repr=False)
    rules: Market
    minimum_group: int
    check_seed: bytes
    verdicts: bytes | None = field(repr=False)
    traded: Sequence[tuple[int, int]] = field(repr=False)
    words: Sequence[bytes] = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class GroupTotal:
    """This party's share words (imported, exported) of a group of `users` that is large enough to be shown.

    A supplier's users (`region` None), those of a region (`supplier` None), or of a supplier in a region; by place.
    """

    supplier: int | None
    region: int | None
    users: int
    words: tuple[int, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settled:
    """What one party holds afterwards. `verdicts`: of the metered rows. `entries`: of each row five share words
    (bought, sold, imported, exported, residual import), none if its reading is not valid.
    """

    verdicts: bytes = field(repr=False)
    entries: Sequence[tuple[int, ...]] = field(repr=False)
    totals: Sequence[GroupTotal] = field(repr=False)
    stages: Mapping[str, float]
    bytes_sent: int


@dataclass(frozen=True, slots=True)
class CloseTask:
    """The closing of a month, at one party.

    Public: `ids`, of all that is computed; `bookings`, how many entries each account has; `lines`, the account of each
    bill line and its rates. Secret: `volumes` of each line, six share words; `totals`, two share words each.
    """

    ids: Sequence[str] = field(repr=False)
    scale: Scale
    bookings: Sequence[int]
    lines: Sequence[tuple[int, Rates]] = field(repr=False)
    volumes: Sequence[tuple[int, ...]] = field(repr=False)
    totals: Sequence[tuple[int, ...]] = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class Closed:
    """What one party holds afterwards: share words of what is due from each account (cents), and fresh ones of all
    volumes and totals.
    """

    due: Sequence[int] = field(repr=False)
    volumes: Sequence[tuple[int, ...]] = field(repr=False)
    totals: Sequence[tuple[int, ...]] = field(repr=False)
    stages: Mapping[str, float]
    bytes_sent: int


class Worker(Protocol):
    """A process that is ready for one attempt: its doors are open, and nobody has come in yet."""

    @property
    def address(self) -> Address:
        """Where it listens."""

    async def compute(
        self, addresses: Sequence[Address], tokens: Mapping[int, bytes], task: Task, on_verdicts: OnVerdicts
    ) -> Computed:
        """Connect with the others' workers and compute. `tokens`: shared with each peer, for this attempt alone.

        The worker stays connected until it is ended, for the peers may need a little longer.
        Raises: AttemptError; whatever `on_verdicts` raises.
        """

    async def settle(
        self, addresses: Sequence[Address], tokens: Mapping[int, bytes], task: SettleTask, on_verdicts: OnVerdicts
    ) -> Settled:
        """The same for a settlement or correction. Raises: AttemptError; whatever `on_verdicts` raises."""

    async def close(self, addresses: Sequence[Address], tokens: Mapping[int, bytes], task: CloseTask) -> Closed:
        """The same for the closing of a month. Raises: AttemptError."""

    async def end(self) -> None:
        """End the process, whatever it is doing."""


class Workers(Protocol):
    """Starts workers."""

    async def start(self, home: PartyHome, now: int) -> Worker:
        """A fresh worker of this party; `now`: seconds since 1970. Raises: AttemptError."""
