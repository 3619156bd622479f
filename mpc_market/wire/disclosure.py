"""What a party reveals to an arbiter of one round that a dispute names: what it holds of that user, and of nobody else.

    … ‖ meter text ‖ dispute digest 32 ‖ box blob

    inside the box, sealed to the arbiter's key:
    version u8 = 1 ‖ market text ‖ period start u64 ‖ party u8 ‖ meter text ‖ dispute digest 32
    ‖ attempt u32 ‖ line                             the user's line on the roll of the round, with its proof (`roll`)
    ‖ content

    content of a clearing, settlement or correction:
    submissions u16, each: header blob ‖ signature 64 ‖ shares u8 (0 or 1), each: nonce 32 ‖ words u16, words
        ‖ receipt blob
    ‖ results u8 (0 or 1), each: number u64 ‖ verdict u8 ‖ place ‖ words u16, words
    ‖ tariffs u8 (0 or 1), each: signed tariff blob ‖ place

    place: count u32 ‖ index u32 ‖ paths u8, each: length u8 ‖ 32 per step

    content of a closing:
    members u32, each: id text ‖ number u64 ‖ digest 32          of its set: which settlements and corrections it covers
    ‖ accounts u16, each: supplier text ‖ entries u32 ‖ estimated u32 ‖ due word
        ‖ lines u16, each: facts u8, each i64 ‖ entries u32 ‖ 7 words

Every submission that the party has of the user is there, with what opens the digest that the user has signed for it. A
result is what the user has in the agreed set: its words are k accepted quantities and what was bought and sold
(clearing), or the entry (settlement, correction). Number 0: an estimate, which has no place in the set. No result: the
set holds nothing of the user.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Self

from mpc_market.wire.agreement import Item
from mpc_market.wire.checks import U32_MAX, require_blob, require_bytes, require_int, require_tuple
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.delivery import PATH_MAX
from mpc_market.wire.digest import DIGEST_BYTES
from mpc_market.wire.errors import SealError, WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Period, Stage, check_id
from mpc_market.wire.message import PartyMessage, check_party
from mpc_market.wire.roll import RollLine
from mpc_market.wire.sealing import SealingKey, seal
from mpc_market.wire.sheet import BILL_COLUMNS
from mpc_market.wire.signing import SIGNATURE_BYTES
from mpc_market.wire.submission import NONCE_BYTES, InputShare
from mpc_market.wire.verdicts import Verdict

LINE_WORDS = len(BILL_COLUMNS)
"""Words of a line of a bill."""

_HALF = 2**63


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the agreed set: the index of its first leaf among `count`, a path for each leaf."""

    count: int
    index: int
    paths: tuple[tuple[bytes, ...], ...] = field(repr=False)

    def write(self, writer: Writer) -> None:
        writer.u32(self.count).u32(self.index).u8(len(self.paths))
        for path in self.paths:
            writer.u8(len(path))
            for step in path:
                writer.fixed(step, DIGEST_BYTES)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        count, index, paths = reader.u32(), reader.u32(), []
        for _ in range(reader.u8()):
            length = reader.u8()
            if length > PATH_MAX:
                raise WireError(f"a path of {length} steps: there are at most {PATH_MAX}")
            paths.append(tuple(reader.fixed(DIGEST_BYTES) for _ in range(length)))
        return cls(count, index, tuple(paths))


@dataclass(frozen=True, slots=True)
class HeldByParty:
    """One submission of the user as a party has it. `share`: None for a second header with one number, kept as proof.
    `receipt`: the signed receipt that was given for it, or nothing.
    """

    header: Header
    signature: bytes = field(repr=False)
    share: InputShare | None
    receipt: bytes = field(repr=False)

    def write(self, writer: Writer) -> None:
        writer.blob(self.header.encode()).fixed(self.signature, SIGNATURE_BYTES).u8(self.share is not None)
        if self.share is not None:
            writer.fixed(self.share.nonce, NONCE_BYTES).u16(len(self.share.words)).words(self.share.words)
        writer.blob(self.receipt)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        header, signature = Header.decode(reader.blob()), reader.fixed(SIGNATURE_BYTES)
        share = InputShare(reader.fixed(NONCE_BYTES), reader.words(reader.u16())) if _there(reader) else None
        return cls(header, signature, share, reader.blob())


@dataclass(frozen=True, slots=True)
class ResultShare:
    """What a party has of the user's result. `number`: of the submission it is of, 0 for an estimate."""

    number: int
    verdict: Verdict
    place: Place
    words: tuple[int, ...] = field(repr=False)

    def write(self, writer: Writer) -> None:
        writer.u64(self.number).u8(self.verdict)
        self.place.write(writer)
        writer.u16(len(self.words)).words(self.words)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        number, code = reader.u64(), reader.u8()
        if code not in set(Verdict):
            raise WireError("a verdict that is none")
        return cls(number, Verdict(code), Place.read(reader), reader.words(reader.u16()))


@dataclass(frozen=True, slots=True)
class RoundShares:
    """Of a clearing, settlement or correction. `tariff`: that of the user's supplier which the round has agreed on."""

    submissions: tuple[HeldByParty, ...]
    result: ResultShare | None
    tariff: tuple[bytes, Place] | None = field(default=None, repr=False)

    def write(self, writer: Writer) -> None:
        writer.u16(len(self.submissions))
        for held in self.submissions:
            held.write(writer)
        writer.u8(self.result is not None)
        if self.result is not None:
            self.result.write(writer)
        writer.u8(self.tariff is not None)
        if self.tariff is not None:
            writer.blob(self.tariff[0])
            self.tariff[1].write(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        submissions = tuple(HeldByParty.read(reader) for _ in range(reader.u16()))
        result = ResultShare.read(reader) if _there(reader) else None
        tariff = (reader.blob(), Place.read(reader)) if _there(reader) else None
        return cls(submissions, result, tariff)


@dataclass(frozen=True, slots=True)
class LineShare:
    """A line of the bill: what it is about (facts of a line, see `sheet`), and a party's shares of its volumes."""

    facts: tuple[int, ...]
    entries: int
    words: tuple[int, ...] = field(repr=False)

    def write(self, writer: Writer) -> None:
        writer.u8(len(self.facts))
        for fact in self.facts:
            writer.u64(fact % (2 * _HALF))
        writer.u32(self.entries).words(self.words)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        facts = (reader.u64() for _ in range(reader.u8()))
        read = tuple(fact - 2 * _HALF if fact >= _HALF else fact for fact in facts)
        return cls(read, reader.u32(), reader.words(LINE_WORDS))


@dataclass(frozen=True, slots=True)
class AccountShare:
    """The user's account with one supplier: how many entries it has, and a party's share of what is due."""

    supplier: str
    entries: int
    estimated: int
    due: int = field(repr=False)
    lines: tuple[LineShare, ...]

    def write(self, writer: Writer) -> None:
        writer.text(self.supplier).u32(self.entries).u32(self.estimated).words((self.due,)).u16(len(self.lines))
        for line in self.lines:
            line.write(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        supplier, entries, estimated = check_id("supplier", reader.text()), reader.u32(), reader.u32()
        (due,) = reader.words(1)
        return cls(supplier, entries, estimated, due, tuple(LineShare.read(reader) for _ in range(reader.u16())))


@dataclass(frozen=True, slots=True)
class MonthShares:
    """Of a closing. `members`: of its agreed set, none of them a user's."""

    members: tuple[Item, ...] = field(repr=False)
    accounts: tuple[AccountShare, ...]

    def write(self, writer: Writer) -> None:
        writer.u32(len(self.members))
        for item in self.members:
            writer.text(item.name).u64(item.number).fixed(item.digest, DIGEST_BYTES)
        writer.u16(len(self.accounts))
        for account in self.accounts:
            account.write(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        members = tuple(Item(reader.text(), reader.u64(), reader.fixed(DIGEST_BYTES)) for _ in range(reader.u32()))
        return cls(members, tuple(AccountShare.read(reader) for _ in range(reader.u16())))


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What is in the box. `line`: of the user, on the roll that the round was held with.

    `attempt`: the one that the shares are of; shares of two do not fit together. Raises: WireError.
    """

    attempt: int
    line: RollLine
    content: RoundShares | MonthShares

    def __post_init__(self) -> None:
        require_int("the attempt", self.attempt, 0, U32_MAX)

    def write(self, writer: Writer) -> Writer:
        writer.u32(self.attempt)
        self.line.write(writer)
        self.content.write(writer)
        return writer

    @classmethod
    def read(cls, reader: Reader, stage: Stage) -> Self:
        attempt, line = reader.u32(), RollLine.read(reader)
        content = MonthShares.read(reader) if stage is Stage.CLOSING else RoundShares.read(reader)
        return cls(attempt, line, content)


@dataclass(frozen=True, slots=True)
class Disclosure(PartyMessage):
    """Signed by party `party`, for the arbiter that the dispute names. Raises: WireError."""

    KIND: ClassVar[str] = "disclosure"

    period: Period
    party: int
    meter: str
    dispute_digest: bytes
    box: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        check_id("meter", self.meter)
        require_bytes("the digest of a dispute", self.dispute_digest, DIGEST_BYTES)
        require_blob("a seal", self.box)

    def _write(self, writer: Writer) -> None:
        writer.text(self.meter).fixed(self.dispute_digest, DIGEST_BYTES).blob(self.box)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        return cls(period, party, reader.text(), reader.fixed(DIGEST_BYTES), reader.blob())


def make_disclosure(
    period: Period, party: int, meter: str, dispute_digest: bytes, disclosed: Disclosed, sealing_key: bytes
) -> Disclosure:
    """To be signed. Run by a compute party. `sealing_key`: of the arbiter, from the request. Raises: WireError."""
    require_tuple("the submissions of one user", _submissions(disclosed), 0, 2**16 - 1)
    context = _context(period, party, meter, dispute_digest)
    return Disclosure(period, party, meter, dispute_digest, seal(sealing_key, disclosed.write(context).data()))


def open_disclosure(disclosure: Disclosure, key: SealingKey) -> Disclosed:
    """What a party reveals. Run by the arbiter, on a message whose signature is checked.

    What is in it is not yet compared with anything that the user or all parties have signed.
    Raises: SealError; WireError if it is malformed, or of another user or round.
    """
    plaintext = key.open(disclosure.box)
    context = _context(disclosure.period, disclosure.party, disclosure.meter, disclosure.dispute_digest).data()
    if plaintext[: len(context)] != context:
        raise SealError(f"the disclosure of party {disclosure.party} was sealed for another dispute, round or party")
    reader = Reader(plaintext[len(context) :])
    disclosed = Disclosed.read(reader, disclosure.period.stage)
    reader.end()
    for held in _submissions(disclosed):
        if (held.header.period, held.header.meter) != (disclosure.period, disclosure.meter):
            raise WireError(f"party {disclosure.party} discloses a submission of another meter or round")
    return disclosed


def _submissions(disclosed: Disclosed) -> tuple[HeldByParty, ...]:
    return disclosed.content.submissions if isinstance(disclosed.content, RoundShares) else ()


def _context(period: Period, party: int, meter: str, dispute_digest: bytes) -> Writer:
    writer = period.write(Writer().version()).u8(party).text(meter)
    return writer.fixed(dispute_digest, DIGEST_BYTES)


def _there(reader: Reader) -> bool:
    count = reader.u8()
    if count > 1:
        raise WireError(f"{count} of what there is once or not at all")
    return bool(count)
