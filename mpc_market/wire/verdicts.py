"""The verdicts on the submissions of the agreed set, signed and kept: a retry reuses them once all have them.

    … ‖ set digest 32 ‖ count u32 ‖ one code u8 per meter of the set, in its sequence

    verdicts digest = digest("verdicts", set digest, codes)

A verdict excludes a submission and blames nobody: a party's bad share looks the same (protocol.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Self

from mpc_market.wire.checks import U32_MAX, require_bytes
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import DIGEST_BYTES, digest
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import PartyMessage, check_party


class Verdict(IntEnum):
    """What the check of one submission found."""

    VALID = 0
    OFF_POLYNOMIAL = 1
    """The shares do not lie on polynomials of degree ≤ t."""
    NOT_AN_ORDER = 2
    """A "bit" is none, or a quantity is above the maximum."""


@dataclass(frozen=True, slots=True)
class Verdicts(PartyMessage):
    """Signed by party `party`. `codes`: one `Verdict` per meter. Raises: WireError."""

    KIND: ClassVar[str] = "verdicts"

    period: Period
    party: int
    set_digest: bytes
    codes: tuple[Verdict, ...] = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        require_bytes("the digest of a set", self.set_digest, DIGEST_BYTES)
        object.__setattr__(self, "codes", _verdicts(self.codes))

    def _write(self, writer: Writer) -> None:
        writer.fixed(self.set_digest, DIGEST_BYTES).blob(bytes(self.codes))

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        return cls(period, party, reader.fixed(DIGEST_BYTES), _verdicts(reader.blob()))

    @property
    def digest(self) -> bytes:
        """The same for all parties that have the same verdicts."""
        return verdicts_digest(self.set_digest, self.codes)


def verdicts_digest(set_digest: bytes, codes: Sequence[Verdict]) -> bytes:
    """What an outcome names the verdicts by, 32 bytes."""
    return digest("verdicts", set_digest, bytes(codes))


def verdict_counts(codes: Sequence[Verdict]) -> tuple[int, ...]:
    """How many submissions have each code: what the public record tells of them."""
    return tuple(sum(code is verdict for code in codes) for verdict in Verdict)


def _verdicts(codes: Sequence[int]) -> tuple[Verdict, ...]:
    if len(codes) > U32_MAX or not set(codes) <= set(Verdict):
        raise WireError(f"a verdict that is none of {', '.join(map(str, map(int, Verdict)))}")
    return tuple(map(Verdict, codes))
