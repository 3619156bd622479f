"""Whether the chains of the m parties tell the same, and whether somebody has signed two different things.

Records of a result are the same at all parties but for their place. Records of a void round hold what each party has,
and may differ in that; not in that it is void. A party signs one opening, one set and one outcome of a round: two
different ones with good signatures prove its fault to anybody.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from mpc_market.wire.audit import same_round
from mpc_market.wire.errors import WireError
from mpc_market.wire.message import PartyMessage, Signed, check_signed
from mpc_market.wire.outcome import Standing
from mpc_market.wire.record import Record
from parties.audit.chain import Chain, Entry
from parties.audit.saved import read_line
from parties.audit.told import Teller
from parties.files.values import moment_text

BEHIND_MAX = 2
"""How many of the last rounds a chain may lack: the parties end a round, and are asked, one after the other."""


@dataclass
class Agreement:
    """`wrong`: where the chains do not agree. `faults`: what proves that a party has broken the rules."""

    wrong: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Statement:
    """One chain's record of a round."""

    chain: Chain
    entry: Entry

    @property
    def where(self) -> str:
        """File and line."""
        return self.chain.where(self.entry.line)

    def record(self) -> Record:
        """The record, read again. Raises: InputError."""
        return Record.decode(read_line(self.chain.path, self.entry.offset))


Rounds = dict[int, list[Statement]]
"""What the chains have of each round, by the start of its period, ascending."""


def by_round(chains: Sequence[Chain]) -> Rounds:
    """All records of the chains, put beside each other."""
    found: defaultdict[int, list[Statement]] = defaultdict(list)
    for chain in chains:
        for entry in chain.entries:
            found[entry.start].append(Statement(chain, entry))
    return dict(sorted(found.items()))


def compare(chains: Sequence[Chain], rounds: Rounds, teller: Teller) -> Agreement:
    """Compare the chains, round by round. Run by the auditor. Raises: InputError if a file cannot be read again."""
    agreement = Agreement()
    for start, statements in rounds.items():
        if len({statement.entry.told.content for statement in statements}) > 1:
            records = [(statement, statement.record()) for statement in statements]
            agreement.wrong += _differences(start, [(s, r) for s, r in records if not s.entry.told.problem])
            agreement.faults += _contradictions(start, records, teller)
    for chain in chains:
        _missing(chain, rounds, agreement)
    return agreement


def _missing(chain: Chain, rounds: Rounds, agreement: Agreement) -> None:
    """The rounds that others have a record of, and this chain has not."""
    own = {entry.start for entry in chain.entries}
    last = max(own, default=-1)
    # what does not hold need not be in any chain
    lacking = [start for start in rounds if start not in own and any(not s.entry.told.problem for s in rounds[start])]
    behind = [start for start in lacking if start > last]
    gone = [start for start in lacking if start < last]
    for start in gone:
        there = ", ".join(statement.where for statement in rounds[start])
        agreement.wrong.append(
            f"{period_name(start)}: there is a record of it in {there}, but none of party {chain.party}"
        )
    if behind:
        said = f"party {chain.party}: the last {len(behind)} rounds that others have a record of are not in its chain"
        if len(behind) > BEHIND_MAX:
            agreement.wrong.append(said)
        else:
            agreement.notes.append(f"{said} (yet?): fetch again")


def _differences(start: int, records: Sequence[tuple[Statement, Record]]) -> Iterator[str]:
    """How records that hold, each for itself, differ."""
    groups: list[list[tuple[Statement, Record]]] = []
    for statement, record in records:
        group = next((group for group in groups if _same(group[0][1], record)), None)
        if group is None:
            groups.append([(statement, record)])
        else:
            group.append((statement, record))
    if len(groups) > 1:
        told = "; ".join(f"{_where(group)} {_outcome(group[0][1])}" for group in groups)
        yield f"{period_name(start)}: the chains tell of different outcomes: {told}"
    for group in groups:
        if group[0][1].standing is Standing.RESULT:
            # what most of them say is where the others deviate from
            contents = Counter(statement.entry.told.content for statement, _ in group)
            first, record = max(group, key=lambda pair: contents[pair[0].entry.told.content])
            for statement, other in group:
                if names := _fields(record, other):
                    yield f"{statement.where}: the same result as in {first.where}, but with other {', '.join(names)}"


def _same(first: Record, second: Record) -> bool:
    try:
        same_round(first, second)
    except WireError:
        return False
    return True


def _fields(first: Record, second: Record) -> list[str]:
    """The fields in which two records differ, their places left out."""
    names = [field.name for field in fields(Record) if field.name not in ("sequence", "previous")]
    return [name.replace("_", " ") for name in names if getattr(first, name) != getattr(second, name)]


def _where(group: Sequence[tuple[Statement, Record]]) -> str:
    return ", ".join(statement.where for statement, _ in group)


def _outcome(record: Record) -> str:
    result = record.result
    if result is None:
        return "void"
    return "no trade" if result.price is None else f"a price of tick {result.price}"


def _contradictions(start: int, records: Sequence[tuple[Statement, Record]], teller: Teller) -> Iterator[str]:
    """Who has signed two different messages where one is signed."""
    seen: defaultdict[tuple[str, int], dict[PartyMessage, str]] = defaultdict(dict)
    for statement, record in records:
        for signed in _signed(record):
            message = signed.message
            if _is_genuine(signed, record, teller):
                seen[message.KIND, message.party].setdefault(message, statement.where)
    for (kind, party), messages in sorted(seen.items()):
        if len(messages) > 1:
            yield (
                f"{period_name(start)}: party {party} has signed {len(messages)} different messages of the kind "
                f"'{kind}', where a party signs one: in {' and in '.join(messages.values())}"
            )


def _signed(record: Record) -> Iterator[Signed[Any]]:
    yield from record.openings
    yield from record.outcomes
    if record.agreed is not None:
        yield from record.agreed.signatures


def _is_genuine(signed: Signed[Any], record: Record, teller: Teller) -> bool:
    try:
        check_signed(signed, teller.committee(record.period.start), record.period)
    except WireError:
        return False
    return True


def period_name(start: int) -> str:
    """A round for people; what no calendar holds as its number."""
    try:
        return moment_text(start)
    except (ValueError, OverflowError, OSError):
        return f"period {start}"
