"""What is particular to the rounds of one stage: when they are, what goes in, what is computed, what is kept.

The life of a round (`life`), and all that the parties say to one another in it, is the same for the clearing of a
period, its settlement, its correction, and the closing of a month.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from mpc_market.wire.agreement import AgreedSet, Item
from mpc_market.wire.opening import Terms
from mpc_market.wire.verdicts import Verdict
from parties.compute.messages import Effort
from parties.files.running import RunningMarket
from parties.ledger import ResultRow, TotalRow
from parties.service.rolls import Enrolled
from parties.service.workers import OnVerdicts, Way, Worker

if TYPE_CHECKING:
    from parties.service.agreeing import Agreed
    from parties.service.intake import OpenRound
    from parties.service.node import Node
    from parties.service.round import Round


@dataclass(frozen=True)
class Given:
    """Everything that the attempts at one round have in common."""

    terms: Terms
    enrolled: Enrolled
    agreed: "Agreed"


class Timetable(Protocol):
    """When rounds are. Starts are in seconds, moments in ms, both since 1970."""

    def is_start(self, start: int) -> bool:
        """Whether there is a round of this start."""

    def opens(self, start: int) -> int:
        """When the parties begin to open it."""

    def gate(self, start: int) -> int:
        """When nothing is taken in any more."""

    def deadline(self, start: int) -> int:
        """When it is void if this party has signed no result."""

    def opened_by(self, start: int) -> int:
        """When it is void if not all parties have opened it; not later than the deadline."""

    def next_start(self, now_ms: int) -> int:
        """The first start whose round opens later than `now_ms`."""

    def open_starts(self, now_ms: int) -> list[int]:
        """The starts whose rounds have opened and can still be begun, earliest first."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a worker has computed: public, `verdicts`, one code for each member of the set, and `price_word`, 0 or a
    price in ticks + 1; `rows` and `totals`, this party's shares of it, to be stored; and what it took.
    """

    verdicts: bytes = field(repr=False)
    price_word: int
    rows: Sequence[ResultRow] = field(repr=False)
    totals: Sequence[TotalRow] = field(repr=False)
    effort: Effort


Compute = Callable[[Worker, Way, tuple[Verdict, ...] | None, OnVerdicts], Awaitable[Finished]]
"""Has the worker of one attempt compute on what was prepared. Verdicts: one for each member, if they are known; else
they are found, and told.

Raises: AttemptError; whatever `on_verdicts` raises.
"""


class Business(Protocol):
    """Run by every party."""

    def timetable(self, market: RunningMarket) -> Timetable:
        """When the rounds of this stage are. Raises: InvalidSettingsError."""

    async def first(self, node: "Node") -> int | None:
        """The earliest start of a round that this party takes part in; None: of none so far."""

    def key_name(self, start: int) -> str:
        """The name of the sealing key of a round: of its day, and of the stage, which needs it longer than others."""

    async def roll(self, current: "Round") -> Enrolled | None:
        """The version of the roll that this party opens a round with; None: there is none yet."""

    async def lowest_roll(self, current: "Round") -> int:
        """The version of the roll below which this party takes no part in a round."""

    async def until_closed(self, current: "Round", opened: "OpenRound") -> None:
        """Take in what comes, until the gate or until nothing more can come."""

    async def further_items(self, current: "Round") -> list[Item]:
        """What the set holds besides submissions."""

    def is_too_large(self, current: "Round", agreed: AgreedSet) -> bool:
        """Whether the set is larger than what can be computed on."""

    async def nothing_to_compute(self, current: "Round", given: Given) -> tuple[tuple[Verdict, ...], int] | None:
        """Verdicts and price word, if they follow without a computation."""

    async def prepare(self, current: "Round", given: Given) -> Compute:
        """Gather this party's input, the same one for all attempts: it may take minutes. Raises: LedgerError."""
