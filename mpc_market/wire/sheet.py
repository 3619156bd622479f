"""What settling reveals, each to its one reader: a table of which each party hands over its shares, sealed.

    … ‖ reader u8 ‖ id text ‖ content u8 ‖ attempt u32 ‖ columns u8
    ‖ rows u32, each: name text ‖ users u32 ‖ facts u8, each i64 ‖ box blob

    inside the box: version u8 = 1 ‖ market text ‖ period start u64 ‖ reader u8 ‖ id text ‖ content u8 ‖ attempt u32
    ‖ columns u8 ‖ party u8 ‖ rows u32 ‖ rows · columns words, row by row

Reader 1: a meter, 2: a supplier, 3: the DSO of a region, 4: the TSO of an area. A word above (p − 1)/2 stands for the
negative number word − p. Names of rows, numbers of users and facts are known to the parties; values are not.

    content        stage        reader     rows                                    columns
    1 totals       settlement   supplier   supplier/ID                             TOTALS_COLUMNS: lots
                                DSO        region/ID, supplier/ID of each in it    the same
                                TSO        region/ID of each in the area           the same
    2 corrections  closing      as totals  as totals                               the same
    3 amounts      closing      supplier   meter/ID of each user                   AMOUNT_COLUMNS: cents
                                meter      supplier/ID of each in the month        the same
    4 bill         closing      meter      supplier/ID of each line                BILL_COLUMNS: lots, ticks × lots

`users`: of totals and corrections, over how many users a row is, at least `minimum_group`; of amounts and bills, over
how many entries: one for a period that is settled or corrected, one for what a correction takes back. Of a meter on
the supplier's roll that has none the amount is 0. `facts`: of amounts, AMOUNT_FACTS; of a supplier's totals of a
period, the retail price, feed-in price and fee that it was settled at (ticks, prices counted from 0; none of the three
if no tariff was published); of a line of a bill, the same three, the start of the month that the periods lie in, and 1
if it is estimated, else 0.

An amount is of one identity key: a meter whose owner has changed in the month has two rows at its supplier, who tells
them apart by `key`, the first 8 bytes of it. A meter's claim gets what is of the key that has signed it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Self

from mpc_market.wire.checks import U8_MAX, U32_MAX, require_blob, require_int, require_tuple
from mpc_market.wire.claim import Claimant
from mpc_market.wire.codec import P, Reader, Writer
from mpc_market.wire.errors import DeliveryError, PolynomialError, SealError, WireError
from mpc_market.wire.identifiers import Period, check_id, check_member
from mpc_market.wire.message import PartyMessage, check_party
from mpc_market.wire.opening import Terms
from mpc_market.wire.sealing import SealingKey, seal
from mpc_market.wire.sharing import recombine

TOTALS_COLUMNS = ("import", "export")
AMOUNT_COLUMNS = ("amount",)
AMOUNT_FACTS = ("periods", "corrections", "estimated", "key")
"""Periods of the month itself that were settled; periods of the month before that were corrected, late or estimated;
how many of all these rest on an estimate; see `key_fact`."""
BILL_COLUMNS = ("bought", "sold", "residual_import", "residual_export", "bought_value", "sold_value", "imported")


class Content(IntEnum):
    """What a sheet is about."""

    TOTALS = 1
    CORRECTIONS = 2
    AMOUNTS = 3
    BILL = 4


_HALF = 2**63

_READERS = {Claimant.METER: 1, Claimant.SUPPLIER: 2, Claimant.DSO: 3, Claimant.TSO: 4}
_BY_CODE = {code: reader for reader, code in _READERS.items()}


def key_fact(identity_key: bytes) -> int:
    """The first 8 bytes of a user's identity key, high byte first, as a fact is written."""
    return int.from_bytes(identity_key[:8], "big", signed=True)


def key_text(fact: int) -> str:
    """The same for people: as the key begins in the registrar's list."""
    return f"{fact % (2 * _HALF):016x}"


@dataclass(frozen=True, slots=True)
class Row:
    """The public part of a row: `name` made by `identifiers.member`."""

    name: str
    users: int
    facts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_member(self.name)
        require_int("the users of a row", self.users, 0, U32_MAX)
        require_tuple("the facts of a row", self.facts, 0, U8_MAX)
        for fact in self.facts:
            require_int("a fact", fact, -_HALF, _HALF - 1)

    def write(self, writer: Writer) -> None:
        writer.text(self.name).u32(self.users).u8(len(self.facts))
        for fact in self.facts:
            writer.u64(fact % (2 * _HALF))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        name, users = reader.text(), reader.u32()
        facts = (reader.u64() for _ in range(reader.u8()))
        return cls(name, users, tuple(fact - 2 * _HALF if fact >= _HALF else fact for fact in facts))


@dataclass(frozen=True, slots=True)
class Title:
    """All that is public of a sheet, the same from all parties. Raises: WireError."""

    reader: Claimant
    name: str
    content: Content
    attempt: int
    columns: int
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        check_id("reader", self.name)
        require_int("the attempt", self.attempt, 0, U32_MAX)
        require_int("the number of columns", self.columns, 1, U8_MAX)
        require_tuple("the rows of a sheet", self.rows, 1)
        if self.content is not Content.AMOUNTS and any(row.users == 0 for row in self.rows):
            raise WireError("a row over nobody: only amounts have one")
        if len({(row.name, row.facts) for row in self.rows}) < len(self.rows):
            raise WireError("two rows of a sheet have one name and the same facts")

    @property
    def words(self) -> int:
        """How many words are sealed."""
        return self.columns * len(self.rows)

    def write_head(self, writer: Writer) -> Writer:
        writer.u8(_READERS[self.reader]).text(self.name).u8(self.content).u32(self.attempt)
        return writer.u8(self.columns)


@dataclass(frozen=True, slots=True)
class Sheet(PartyMessage):
    """Signed by party `party`, for one reader. Raises: WireError."""

    KIND: ClassVar[str] = "sheet"

    period: Period
    party: int
    title: Title
    box: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        require_blob("a seal", self.box)

    def _write(self, writer: Writer) -> None:
        self.title.write_head(writer).u32(len(self.title.rows))
        for row in self.title.rows:
            row.write(writer)
        writer.blob(self.box)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        code, name, content = reader.u8(), reader.text(), reader.u8()
        if code not in _BY_CODE or content not in set(Content):
            raise WireError("a sheet for a reader, or of a content, that there is not")
        attempt, columns = reader.u32(), reader.u8()
        rows = tuple(Row.read(reader) for _ in range(reader.u32()))
        title = Title(_BY_CODE[code], name, Content(content), attempt, columns, rows)
        return cls(period, party, title, reader.blob())


def make_sheet(period: Period, party: int, title: Title, words: Sequence[int], sealing_key: bytes) -> Sheet:
    """A party's shares of a table for its reader, to be signed. Run by every compute party.

    The caller has seen to it that totals are over `minimum_group` users. Raises: WireError.
    """
    if len(words) != title.words:
        raise WireError(f"{len(words)} words for a sheet of {title.words}")
    return Sheet(period, party, title, seal(sealing_key, _context(period, party, title).words(words).data()))


@dataclass(frozen=True, slots=True)
class ReceivedSheet:
    """What a reader learns: `values` of each row, in columns. `verified`: all m parties have delivered."""

    title: Title
    verified: bool
    values: tuple[tuple[int, ...], ...] = field(repr=False)


def receive_sheet(
    reader: Claimant, name: str, content: Content, sheets: Mapping[int, Sheet], terms: Terms, key: SealingKey
) -> ReceivedSheet:
    """Put the sheets of one attempt together. Run by the reader, on messages whose signatures are checked.

    `sheets`: by party, at least t + 1. `terms`: of the settlement or closing.
    Raises: DeliveryError saying which check failed; WireError for fewer than t + 1.
    """
    if not sheets:
        raise WireError(f"{terms.period}: no party has handed over a sheet")
    for party, sheet in sheets.items():
        found = (sheet.period, sheet.party, sheet.title.reader, sheet.title.name, sheet.title.content)
        if found != (terms.period, party, reader, name, content):
            raise DeliveryError("context", f"{terms.period}: a sheet for another reader, round or party", party)
    if len({sheet.title for sheet in sheets.values()}) > 1:
        raise DeliveryError("context", f"{terms.period}: sheets of different attempts or over different users")
    title = next(iter(sheets.values())).title
    try:
        words = recombine({party: _open(sheet, key) for party, sheet in sheets.items()}, terms.parties)
    except PolynomialError as error:
        reason = f"{terms.period}: the shares of a sheet do not lie on one polynomial"
        raise DeliveryError("polynomial", reason, error.suspect) from None
    numbers = [word if word <= P // 2 else word - P for word in words]
    values = tuple(tuple(numbers[i * title.columns : (i + 1) * title.columns]) for i in range(len(title.rows)))
    return ReceivedSheet(title, len(sheets) == terms.parties, values)


def _open(sheet: Sheet, key: SealingKey) -> tuple[int, ...]:
    """The share words of one party. Raises: DeliveryError."""
    try:
        plaintext = key.open(sheet.box)
        context = _context(sheet.period, sheet.party, sheet.title).data()
        if plaintext[: len(context)] != context:
            raise SealError("the sheet was sealed for another reader, attempt or party")
        reader = Reader(plaintext[len(context) :])
        words = reader.words(sheet.title.words)
        reader.end()
    except WireError as error:
        raise DeliveryError("seal", str(error), sheet.party) from None
    return words


def _context(period: Period, party: int, title: Title) -> Writer:
    writer = title.write_head(period.write(Writer().version()))
    return writer.u8(party).u32(len(title.rows))
