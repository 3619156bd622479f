"""One party's chain: every record names the digest of the one before it, from the first on, none is left out.

Whatever does not hold is noted, and the rest is checked all the same.
"""

from dataclasses import dataclass, field
from pathlib import Path

from mpc_market.wire.digest import digest
from mpc_market.wire.errors import WireError
from mpc_market.wire.record import GENESIS, Record
from parties.audit.saved import Line, read_lines
from parties.audit.told import Teller, Told


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of a chain: the round's start, where it stands, and what it tells."""

    start: int
    line: int
    offset: int
    told: Told


@dataclass
class Chain:
    """A party's chain as far as it could be read. `count`: lines; `head`: the digest of the last record."""

    party: int
    path: Path
    count: int = 0
    head: bytes = GENESIS
    entries: list[Entry] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def where(self, line: int) -> str:
        """`party-1.jsonl:3`."""
        return f"{self.path.name}:{line}"


def read_chain(path: Path, party: int, teller: Teller) -> Chain:
    """Read and verify the chain of a party. Run by the auditor. Raises: InputError if the file cannot be read."""
    chain, sequence, seen = Chain(party, path), 0, dict[int, int]()
    for line in read_lines(path):
        record = _record(line, chain)
        if record is not None:
            sequence = _check_place(record, line, sequence, chain)
            first = seen.setdefault(record.period.start, line.number)
            if first != line.number:
                chain.wrong.append(
                    f"{chain.where(line.number)}: the second record of {record.period}, after line {first}"
                )
            told = teller.told(record)
            if told.problem:
                chain.wrong.append(f"{chain.where(line.number)}: {told.problem}")
            chain.entries.append(Entry(record.period.start, line.number, line.offset, told))
        # of whatever stands there: the next record must name it
        chain.head, chain.count, sequence = digest("record", line.data), line.number, sequence + 1
    return chain


def _record(line: Line, chain: Chain) -> Record | None:
    try:
        return Record.decode(line.data)
    except WireError as error:
        chain.wrong.append(f"{chain.where(line.number)}: no record: {error}")
        return None


def _check_place(record: Record, line: Line, sequence: int, chain: Chain) -> int:
    """Does it follow the line before it? Returns the sequence number that it has."""
    where = chain.where(line.number)
    if record.sequence != sequence:
        chain.wrong.append(f"{where}: record {record.sequence} where record {sequence} is to follow")
    if record.previous != chain.head:
        chain.wrong.append(
            f"{where}: it does not name the digest of the record before it: one of the two was changed, or one between "
            "them taken out"
        )
    return record.sequence
