"""Shares of the parties' parts of the randomness, so that t + 1 parties can rebuild one that is withheld.

PartShare, from the dealer to one holder, before the gate:
    … (party: the dealer) ‖ holder u8 ‖ challenge 32 ‖ box blob
    inside the box: version u8 = 1 ‖ market text ‖ period start u64 ‖ dealer u8 ‖ holder u8 ‖ challenge 32 ‖ 5 words

RevealedShares, from a holder to all, together with its own part, once all have signed the set:
    … (party: the holder) ‖ challenge 32 ‖ count u8 ‖ per dealer, ascending: dealer u8 ‖ 5 words

A part itself is revealed at the same moment (`randomness.Reveal`), so the shares tell nothing that is not to be known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import ClassVar, Self

from mpc_market.wire.checks import require_ascending, require_blob, require_bytes, require_int, require_tuple
from mpc_market.wire.codec import P, Reader, Writer
from mpc_market.wire.errors import ContextError, SealError, WireError
from mpc_market.wire.header import CHALLENGE_BYTES
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import PARTY_MAX, PartyMessage, check_party
from mpc_market.wire.opening import Terms, commitment
from mpc_market.wire.sealing import SealingKey, seal
from mpc_market.wire.sharing import PART_WORDS, deal_part, rebuild_part, threshold

HeldShare = tuple[int, tuple[int, ...]]
"""A dealer and the 5 words that the holder has from it."""


@dataclass(frozen=True, slots=True)
class PartShare(PartyMessage):
    """The dealer's (`party`) share of its part for `holder`, sealed. Raises: WireError."""

    KIND: ClassVar[str] = "part share"

    period: Period
    party: int
    holder: int
    challenge: bytes
    box: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        check_party(self.holder, "the holder of a share")
        require_bytes("the challenge", self.challenge, CHALLENGE_BYTES)
        require_blob("a seal", self.box)

    def _write(self, writer: Writer) -> None:
        writer.u8(self.holder).fixed(self.challenge, CHALLENGE_BYTES).blob(self.box)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        return cls(period, party, reader.u8(), reader.fixed(CHALLENGE_BYTES), reader.blob())


@dataclass(frozen=True, slots=True)
class RevealedShares(PartyMessage):
    """All shares of others' parts that `party` holds. Raises: WireError."""

    KIND: ClassVar[str] = "revealed shares"

    period: Period
    party: int
    challenge: bytes
    shares: tuple[HeldShare, ...] = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        require_bytes("the challenge", self.challenge, CHALLENGE_BYTES)
        require_tuple("the shares of parts", self.shares, 0, PARTY_MAX)
        require_ascending("the dealers", [dealer for dealer, _ in self.shares])
        for dealer, words in self.shares:
            check_party(dealer, "the dealer of a share")
            require_tuple("the words of a share", words, PART_WORDS, PART_WORDS)
            for word in words:
                require_int("a share word", word, 0, P - 1)
            if dealer == self.party:
                raise WireError(f"party {dealer} reveals a share of its own part")

    def _write(self, writer: Writer) -> None:
        writer.fixed(self.challenge, CHALLENGE_BYTES).u8(len(self.shares))
        for dealer, words in self.shares:
            writer.u8(dealer).words(words)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        challenge, count = reader.fixed(CHALLENGE_BYTES), reader.u8()
        return cls(period, party, challenge, tuple((reader.u8(), reader.words(PART_WORDS)) for _ in range(count)))

    def of(self, dealer: int) -> tuple[int, ...] | None:
        """This holder's share of a dealer's part, or None if it has none."""
        return dict(self.shares).get(dealer)


def deal_part_shares(part: bytes, dealer: int, terms: Terms) -> dict[int, PartShare]:
    """The sealed shares of the dealer's part, by holder, the dealer itself left out. Run by the dealer, once.

    To be stored before any is sent: dealing twice would give the holders shares of two polynomials.
    Raises: WireError.
    """
    dealt = deal_part(part, terms.parties)
    return {
        holder: PartShare(
            terms.period,
            dealer,
            holder,
            terms.challenge,
            seal(terms.sealing_keys[holder], _context(terms, dealer, holder).words(dealt[holder]).data()),
        )
        for holder in range(terms.parties)
        if holder != dealer
    }


def open_part_share(share: PartShare, holder: int, key: SealingKey, terms: Terms) -> tuple[int, ...]:
    """The 5 words of the holder. Run by the holder, on a message whose signature is checked.

    Raises: ContextError ("period", "party", "challenge"); SealError; WireError.
    """
    if share.period != terms.period:
        raise ContextError("period", f"a share of a part for {share.period}, not {terms.period}")
    if share.holder != holder:
        raise ContextError("party", f"a share of a part for party {share.holder}, not {holder}")
    if share.challenge != terms.challenge:
        raise ContextError("challenge", f"a share of a part with another challenge than that of {terms.period}")
    plaintext, context = key.open(share.box), _context(terms, share.party, holder).data()
    if plaintext[: len(context)] != context:
        raise SealError(f"the share of party {share.party}'s part was sealed for another round or party")
    reader = Reader(plaintext[len(context) :])
    words = reader.words(PART_WORDS)
    reader.end()
    return words


def rebuild(dealer: int, revealed: Mapping[int, RevealedShares], terms: Terms) -> bytes:
    """The part that a party withholds, from the shares that t + 1 or more others have revealed.

    Every choice of t + 1 of them is tried until the part is the one that was committed to, so that wrong shares do
    not stop the others. Run by every party, on messages whose signatures are checked.
    Raises: WireError if no choice gives it.
    """
    shares = {}
    for holder, message in revealed.items():
        words = message.of(dealer)
        if message.party == holder and message.challenge == terms.challenge and words is not None:
            shares[holder] = words
    for chosen in combinations(sorted(shares), threshold(terms.parties) + 1):
        part = _rebuilt({holder: shares[holder] for holder in chosen}, terms.parties)
        if part is not None and commitment(terms.period, dealer, part) == terms.commitments[dealer]:
            return part
    raise WireError(f"{terms.period}: the part of party {dealer} cannot be rebuilt from parties {sorted(shares)}")


def _rebuilt(shares: Mapping[int, tuple[int, ...]], parties: int) -> bytes | None:
    try:
        return rebuild_part(shares, parties)
    except WireError:
        return None


def _context(terms: Terms, dealer: int, holder: int) -> Writer:
    writer = terms.period.write(Writer().version()).u8(dealer).u8(holder)
    return writer.fixed(terms.challenge, CHALLENGE_BYTES)
