"""What a party keeps of an account after its month was closed, besides the share of what is due: a row of the ledger.

periods u32 ‖ corrections u32 ‖ estimated u32 ‖ lines u16, each: facts u8, each i64 ‖ entries u32 ‖ 7 words
"""

from dataclasses import dataclass, field
from typing import Self

from mpc_market.rules.model import VOLUMES
from mpc_market.wire.codec import Reader, Writer
from parties.settling.accounts import Words

_HALF = 2**63


@dataclass(frozen=True, slots=True)
class KeptLine:
    """One line of a bill. `facts`: what it is about (`wire.sheet`); `words`: this party's shares of its volumes."""

    facts: tuple[int, ...]
    entries: int
    words: Words = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeptAccount:
    """`periods`: how many of the month itself were settled; `corrections`: how many of the month before were corrected,
    late or estimated; `estimated`: how many of all these rest on an estimate.
    """

    periods: int
    corrections: int
    estimated: int
    lines: tuple[KeptLine, ...]

    @property
    def entries(self) -> int:
        """How many went into it, those taken back included."""
        return sum(line.entries for line in self.lines)

    def encode(self) -> bytes:
        """As it is stored."""
        writer = Writer().u32(self.periods).u32(self.corrections).u32(self.estimated).u16(len(self.lines))
        for line in self.lines:
            writer.u8(len(line.facts))
            for fact in line.facts:
                writer.u64(fact % (2 * _HALF))
            writer.u32(line.entries).words(line.words)
        return writer.data()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The inverse. Raises: WireError."""
        reader = Reader(data)
        periods, corrections, estimated = reader.u32(), reader.u32(), reader.u32()
        lines = tuple(_line(reader) for _ in range(reader.u16()))
        reader.end()
        return cls(periods, corrections, estimated, lines)


def _line(reader: Reader) -> KeptLine:
    facts = (reader.u64() for _ in range(reader.u8()))
    read = tuple(fact - 2 * _HALF if fact >= _HALF else fact for fact in facts)
    return KeptLine(read, reader.u32(), reader.words(VOLUMES))
