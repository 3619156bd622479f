"""What goes into the ledger and comes out of it. Neither contents nor the ids of meters are in any `repr`."""

from dataclasses import dataclass, field
from enum import StrEnum

MAX_NUMBER = 2**64 - 1
"""The largest number of a submission (an unsigned word of 64 bits on the wire)."""

QUOTA = 64
"""Submissions of one meter in one round that are stored, whatever process they come to."""


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round of one market.

    `start`: start of the period, seconds since the epoch; `opens_ms`, `gate_ms`, `deadline_ms`: milliseconds.
    `state`: a name that the service gives; `finished`: whether the service has nothing left to do in it.
    `collecting`: whether submissions are still stored. `fenced`: see FencedError. `erased`: see `Ledger.erase`.
    """

    market: str
    start: int
    opens_ms: int
    gate_ms: int
    deadline_ms: int
    state: str
    finished: bool
    collecting: bool
    fenced: bool
    erased: bool


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """A checked submission as one party stores it: `words` are this party's share words, `nonce` goes with them."""

    market: str
    start: int
    meter: str = field(repr=False)
    number: int
    header: bytes = field(repr=False)
    header_digest: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    words: bytes = field(repr=False)
    received_ms: int
    receipt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HeldSubmission:
    """The public part of a stored submission: what a held list is made of.

    `contradicts`: the header of another stored submission of this meter has the same number. Both are held, and
    the two signed headers prove the meter's fault; `receipt` is None for the later one.
    """

    meter: str = field(repr=False)
    number: int
    header: bytes = field(repr=False)
    header_digest: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    received_ms: int
    receipt: bytes | None = field(repr=False)
    contradicts: bool


@dataclass(frozen=True, slots=True)
class OpenedSubmission:
    """A stored submission with all that is held of it: for an arbiter whom its meter has named.

    `nonce`, `words`: None of a second header with one number, which is kept as proof; `receipt` likewise.
    """

    header: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    nonce: bytes | None = field(repr=False)
    words: bytes | None = field(repr=False)
    receipt: bytes | None = field(repr=False)


class Storing(StrEnum):
    """What became of a submission."""

    NEW = "new"  # stored, durable
    SAME = "same"  # the same header was stored before
    LOWER = "lower"  # not stored: a higher number of this meter is held
    CONTRADICTS = "contradicts"  # another header with this number is held; kept as proof, no receipt
    FULL = "full"  # not stored: as many of this meter as may be are held already (QUOTA)
    CLOSED = "closed"  # not stored: the round is not there or collects no more


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer to a submission: `receipt` for NEW and SAME (then the one given first)."""

    storing: Storing
    receipt: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Forward:
    """A message that waits to be handed to another compute party. `id` is given by the ledger (0 before)."""

    market: str
    start: int
    party: int
    data: bytes = field(repr=False)
    id: int = 0


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One meter's result at one party.

    `verdict`: the code of its validity; `words`: this party's share words of the accepted quantities, one per
    order (empty where there are none); `path`: what else the meter gets, e.g. its Merkle path. `traded`: share words of
    what was bought and sold over all orders, for the settlement.
    """

    meter: str = field(repr=False)
    number: int
    verdict: int
    words: bytes = field(repr=False)
    path: bytes = field(repr=False)
    traded: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class TotalRow:
    """This party's share words of the totals (bought, sold) of one supplier's `users`."""

    supplier: str
    users: int
    words: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TariffRow:
    """One version of a supplier's tariff. `begins`, `ends`: it holds for periods that start in between, seconds."""

    market: str
    supplier: str
    number: int
    begins: int
    ends: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DisputeRow:
    """A user's signed request that its shares be disclosed to an arbiter. `data`: message ‖ signature."""

    market: str
    meter: str = field(repr=False)
    number: int
    digest: bytes
    data: bytes = field(repr=False)
    received_ms: int


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One public record in a market's chain; `digest` is its own, `previous` that of the record before."""

    market: str
    sequence: int
    start: int
    previous: bytes
    digest: bytes
    data: bytes = field(repr=False)
