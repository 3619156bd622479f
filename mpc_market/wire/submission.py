"""A submission, of orders or of a reading: header, signature, for each party a seal with its shares (T2, T3, T8).

    version u8 = 1 ‖ header blob ‖ signature 64 ‖ seals u8 (1 … m) ‖ per seal, by party: party u8 ‖ box blob

    inside the seal of party j:
    version u8 = 1 ‖ market text ‖ period start u64 ‖ meter text ‖ number u64 ‖ challenge 32 ‖ party u8 ‖ nonce 32
    ‖ count u16 ‖ count words

A meter sends each party a submission with that party's seal alone, or with all of them: a party that gets others' seals
forwards them. Orders go to the clearing of a period, a reading to its settlement or correction; all else is the same.
`dealt` and `of_shares`, or both in `make` and `make_reading`, are run by the meter, `check` and `open_seal` by a
compute party.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from mpc_market.rules.model import Market, Order
from mpc_market.wire.checks import require_ascending, require_blob, require_bytes, require_int, require_tuple
from mpc_market.wire.codec import P, Reader, Writer, bytes_words, words_bytes
from mpc_market.wire.committee import PARTIES
from mpc_market.wire.digest import digest
from mpc_market.wire.errors import ContextError, SealError, WireError
from mpc_market.wire.header import Header
from mpc_market.wire.layout import Reading, order_bits, reading_bits, words_of_submission
from mpc_market.wire.message import check_party
from mpc_market.wire.opening import Terms
from mpc_market.wire.roll import RollEntry
from mpc_market.wire.sealing import SealingKey, seal
from mpc_market.wire.sharing import deal
from mpc_market.wire.signing import SIGNATURE_BYTES, SigningKey, verify

NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class InputShare:
    """What the seal of one party holds: its share words of all orders, and the nonce that hides them in the digest."""

    nonce: bytes = field(repr=False)
    words: tuple[int, ...] = field(repr=False)

    def __post_init__(self) -> None:
        require_bytes("the nonce", self.nonce, NONCE_BYTES)
        require_tuple("share words", self.words, 1, 2**16 - 1)
        for word in self.words:
            require_int("a share word", word, 0, P - 1)

    @property
    def digest(self) -> bytes:
        """digest("share", words ‖ nonce): what the header holds for this party."""
        return digest("share", words_bytes(self.words) + self.nonce)

    def encode(self) -> bytes:
        """nonce 32 ‖ words: as a meter keeps it, and shows it to an arbiter."""
        return self.nonce + words_bytes(self.words)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises: WireError."""
        return cls(data[:NONCE_BYTES], bytes_words(data[NONCE_BYTES:]))


@dataclass(frozen=True, slots=True)
class Seal:
    """The sealed box for one party."""

    party: int
    box: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        require_blob("a seal", self.box)


@dataclass(frozen=True, slots=True)
class Submission:
    """Header, signature, and 1 … m seals by ascending party. Raises: WireError."""

    header: Header
    signature: bytes = field(repr=False)
    seals: tuple[Seal, ...]

    def __post_init__(self) -> None:
        require_bytes("a signature", self.signature, SIGNATURE_BYTES)
        require_tuple("seals", self.seals, 1, max(PARTIES))
        require_ascending("the parties of the seals", [part.party for part in self.seals])
        if self.seals[-1].party >= len(self.header.share_digests):
            raise WireError(f"a seal for party {self.seals[-1].party}: there are {len(self.header.share_digests)}")

    def encode(self) -> bytes:
        """The bytes as they are sent."""
        writer = Writer().version().blob(self.header.encode()).fixed(self.signature, SIGNATURE_BYTES)
        writer.u8(len(self.seals))
        for part in self.seals:
            writer.u8(part.party).blob(part.box)
        return writer.data()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises: WireError."""
        reader = Reader(data)
        reader.version()
        header, signature = Header.decode(reader.blob()), reader.fixed(SIGNATURE_BYTES)
        seals = tuple(Seal(reader.u8(), reader.blob()) for _ in range(reader.u8()))
        reader.end()
        return cls(header, signature, seals)

    def box(self, party: int) -> bytes | None:
        """The box for a party, or None if it is not in this copy."""
        return next((part.box for part in self.seals if part.party == party), None)

    def only_for(self, *parties: int) -> "Submission":
        """The same submission with the seals of some parties alone. Raises: WireError if it has none of theirs."""
        return Submission(self.header, self.signature, tuple(part for part in self.seals if part.party in parties))


# --- the meter --------------------------------------------------------------------------------------------


def make(
    terms: Terms, entry: RollEntry, number: int, orders: Sequence[Order], market: Market, key: SigningKey
) -> Submission:
    """Share, seal and sign a submission, with the seals of all parties. Run by the meter.

    `orders`: all k of the market (`layout.filled`). `entry`: the meter's own line of the round's roll.
    Raises: InvalidOrderError; WireError.
    """
    bits = order_bits(orders, entry.meter, market, entry.maximum)
    return of_shares(terms, entry.meter, number, len(orders), dealt(bits, terms), key)


def make_reading(
    terms: Terms, entry: RollEntry, number: int, reading: Reading, market: Market, key: SigningKey
) -> Submission:
    """The same for a reading. `terms`: of the settlement or correction of the period that was metered.

    Raises: InvalidReadingError; WireError.
    """
    bits = reading_bits(reading, entry.meter, market, entry.maximum)
    return of_shares(terms, entry.meter, number, 1, dealt(bits, terms), key)


def dealt(bits: Sequence[int], terms: Terms) -> list[InputShare]:
    """The share of each party: fresh polynomials, fresh nonces. What hides an order is drawn here, and nowhere else."""
    return [InputShare(secrets.token_bytes(NONCE_BYTES), share) for share in deal(bits, terms.parties)]


def of_shares(
    terms: Terms, meter: str, number: int, orders: int, shares: Sequence[InputShare], key: SigningKey
) -> Submission:
    """Seal and sign given shares: `make` without the sharing, which is random. Raises: WireError."""
    digests = tuple(share.digest for share in shares)
    header = Header(terms.period, meter, number, terms.challenge, orders, digests)
    seals = tuple(Seal(j, seal(terms.sealing_keys[j], sealed_text(header, j, share))) for j, share in enumerate(shares))
    return Submission(header, key.sign(header.kind, header.encode()), seals)


def sealed_text(header: Header, party: int, share: InputShare) -> bytes:
    """What is sealed to a party."""
    writer = _context(header, party).fixed(share.nonce, NONCE_BYTES).u16(len(share.words))
    return writer.words(share.words).data()


# --- the compute party ------------------------------------------------------------------------------------


def check(submission: Submission, terms: Terms, entry: RollEntry, orders: int) -> None:
    """Is it for this round, of this many orders, by this meter? Cheap checks first, the signature last (T6).

    `entry`: the line of the meter that the header names, from the round's roll.
    Raises: ContextError ("market", "period", "challenge", "parties", "orders", "meter"); SignatureError.
    """
    header = submission.header
    if header.period.market != terms.period.market:
        raise ContextError("market", f"a submission to market {header.period.market}, not {terms.period.market}")
    if header.period != terms.period:
        raise ContextError("period", f"a submission for {header.period}, not {terms.period}")
    if header.challenge != terms.challenge:
        raise ContextError("challenge", f"a submission with another challenge than that of {terms.period}")
    if len(header.share_digests) != terms.parties:
        raise ContextError("parties", f"a submission to {len(header.share_digests)} parties, not {terms.parties}")
    if header.orders != orders:
        raise ContextError("orders", f"a submission of {header.orders} orders: this market has {orders} in each")
    if header.meter != entry.meter:
        raise ContextError("meter", f"a submission of meter {header.meter!r}, not {entry.meter!r}")
    verify(entry.identity_key, header.kind, header.encode(), submission.signature)


def open_seal(box: bytes, key: SealingKey, header: Header, party: int, market: Market) -> InputShare:
    """A party's own share out of its seal, all context compared and the digest checked.

    Raises: SealError if it does not open or holds another context, another number of words or another share;
    WireError if it is malformed.
    """
    plaintext = key.open(box)
    context = _context(header, party).data()
    if plaintext[: len(context)] != context:
        raise SealError(f"the seal for party {party} was made for another submission or party")
    reader = Reader(plaintext[len(context) :])
    nonce, count = reader.fixed(NONCE_BYTES), reader.u16()
    due = words_of_submission(header.period, header.orders, market)
    if count != due:
        raise SealError(f"the seal for party {party} holds {count} words: {due} were to be expected")
    share = InputShare(nonce, reader.words(count))
    reader.end()
    if share.digest != header.share_digests[party]:
        raise SealError(f"the seal for party {party} holds another share than the header says")
    return share


def _context(header: Header, party: int) -> Writer:
    """The beginning of what is sealed: fields of the header, then the party."""
    writer = header.period.write(Writer().version()).text(header.meter).u64(header.number)
    return writer.fixed(header.challenge, len(header.challenge)).u8(party)
