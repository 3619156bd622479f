"""The outcome of a round: each party durably signs exactly ONE of {result, void} (parties.md "One round").

    … ‖ kind u8
    kind 1, result:  set digest 32 ‖ verdicts digest 32 ‖ per verdict code, how many submissions have it: u32
                     ‖ price word u32 (0: no trade; else tick + 1)
    kind 2, void:    reason u8

A result needs all m signatures, one void is final, neither means pending. Two different results can never become one:
that is void too. Nothing else has to be decided, so everyone who has the same signatures says the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import ClassVar, Self

from mpc_market.rules.model import PRICE_BITS_MAX
from mpc_market.wire.checks import U32_MAX, require_bytes, require_int, require_tuple
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import DIGEST_BYTES
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import PartyMessage, check_party, check_same_round
from mpc_market.wire.verdicts import Verdict

_RESULT, _VOID = 1, 2


class VoidReason(IntEnum):
    """Why a party gave a round up."""

    NOT_OPENED = 1
    """Not all parties opened it in time, or they opened it differently."""
    NO_SET = 2
    """Not all parties said what they hold, or not all signed the same set, in time."""
    NO_RANDOMNESS = 3
    """A part of the randomness was withheld and could not be rebuilt."""
    NOT_COMPUTED = 4
    """No attempt came to its end before the deadline."""
    DIFFERENT_VERDICTS = 5
    """The parties came to different verdicts."""
    DIFFERENT_RESULTS = 6
    """The parties came to different results."""
    TOO_LARGE = 7
    """More orders than the arithmetic holds (market.md §4)."""


class Standing(Enum):
    """Where a round stands."""

    PENDING = "pending"
    RESULT = "result"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Result:
    """What was computed. `verdict_counts`: how many submissions of the set have each `Verdict`: all that the public
    learns of verdicts. `price_word`: 0 for no trade, else the clearing price in ticks + 1. Raises: WireError.
    """

    set_digest: bytes
    verdicts_digest: bytes
    verdict_counts: tuple[int, ...]
    price_word: int

    def __post_init__(self) -> None:
        require_bytes("the digest of a set", self.set_digest, DIGEST_BYTES)
        require_bytes("the digest of verdicts", self.verdicts_digest, DIGEST_BYTES)
        require_tuple("the counts of verdicts", self.verdict_counts)
        if len(self.verdict_counts) != len(Verdict):
            raise WireError(f"{len(self.verdict_counts)} counts of verdicts: there are {len(Verdict)} codes")
        for count in self.verdict_counts:
            require_int("a count of verdicts", count, 0, U32_MAX)
        require_int("the price word", self.price_word, 0, 2**PRICE_BITS_MAX)

    @property
    def price(self) -> int | None:
        """The clearing price in ticks, or None for no trade."""
        return self.price_word - 1 if self.price_word else None


@dataclass(frozen=True, slots=True)
class Void:
    """The round was given up: nobody trades."""

    reason: VoidReason


@dataclass(frozen=True, slots=True)
class Outcome(PartyMessage):
    """What party `party` signs at the end of a round, once and for all. Raises: WireError."""

    KIND: ClassVar[str] = "outcome"

    period: Period
    party: int
    content: Result | Void

    def __post_init__(self) -> None:
        check_party(self.party)

    def _write(self, writer: Writer) -> None:
        if isinstance(self.content, Void):
            writer.u8(_VOID).u8(self.content.reason)
        else:
            writer.u8(_RESULT).fixed(self.content.set_digest, DIGEST_BYTES)
            writer.fixed(self.content.verdicts_digest, DIGEST_BYTES)
            for count in self.content.verdict_counts:
                writer.u32(count)
            writer.u32(self.content.price_word)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        kind = reader.u8()
        if kind == _RESULT:
            digests = reader.fixed(DIGEST_BYTES), reader.fixed(DIGEST_BYTES)
            return cls(period, party, Result(*digests, tuple(reader.u32() for _ in Verdict), reader.u32()))
        if kind == _VOID:
            return cls(period, party, Void(_reason(reader.u8())))
        raise WireError(f"an outcome of kind {kind}: there are {_RESULT} (result) and {_VOID} (void)")


def standing(outcomes: Mapping[int, Outcome], parties: int) -> Standing:
    """Where a round stands, from the outcomes that are there; on messages whose signatures are checked.

    Run by everyone. Void and result are final: no further outcome changes them.
    Raises: ContextError if they are of different rounds; WireError for a party that there is not.
    """
    check_same_round(outcomes)
    if not set(outcomes) <= set(range(parties)):
        raise WireError(f"outcomes of parties {sorted(outcomes)}: there are {parties}")
    contents = {outcome.content for outcome in outcomes.values()}
    if any(isinstance(content, Void) for content in contents) or len(contents) > 1:
        return Standing.VOID
    return Standing.RESULT if len(outcomes) == parties else Standing.PENDING


def result_of(outcomes: Mapping[int, Outcome], parties: int) -> Result:
    """The result that all m parties signed. Raises: WireError if the round is void or pending; ContextError."""
    stands = standing(outcomes, parties)
    content = next(iter(outcomes.values())).content if outcomes else None
    if stands is not Standing.RESULT or not isinstance(content, Result):
        raise WireError(f"the round is {stands.value}: it has no result")
    return content


def _reason(code: int) -> VoidReason:
    if code not in set(VoidReason):
        raise WireError(f"a round void for reason {code}, which is none of 1 to {max(VoidReason)}")
    return VoidReason(code)
