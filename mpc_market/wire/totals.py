"""What a party hands to a supplier: its shares of what the supplier's users have bought and sold in total, sealed.

    … ‖ supplier text ‖ attempt u32 ‖ users u32 ‖ box blob

    inside the box: version u8 = 1 ‖ market text ‖ period start u64 ‖ supplier text ‖ attempt u32 ‖ users u32 ‖ party u8
    ‖ bought word ‖ sold word

Made only for a supplier with at least `minimum_group` valid users in the round; the others learn nothing of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from mpc_market.rules.model import Market
from mpc_market.wire.checks import U32_MAX, require_blob, require_int
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.errors import DeliveryError, PolynomialError, SealError, WireError
from mpc_market.wire.identifiers import Period, check_id
from mpc_market.wire.message import PartyMessage, check_party
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import Result
from mpc_market.wire.sealing import SealingKey, seal
from mpc_market.wire.sharing import recombine


@dataclass(frozen=True, slots=True)
class Totals(PartyMessage):
    """Signed by party `party`, for one supplier. `users`: how many valid meters they are over. Raises: WireError."""

    KIND: ClassVar[str] = "totals"

    period: Period
    party: int
    supplier: str
    attempt: int
    users: int
    box: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        check_id("supplier", self.supplier)
        require_int("the attempt", self.attempt, 0, U32_MAX)
        require_int("the number of users", self.users, 1, U32_MAX)
        require_blob("a seal", self.box)

    def _write(self, writer: Writer) -> None:
        writer.text(self.supplier).u32(self.attempt).u32(self.users).blob(self.box)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        return cls(period, party, reader.text(), reader.u32(), reader.u32(), reader.blob())


@dataclass(frozen=True, slots=True)
class ReceivedTotals:
    """What a supplier learns of a period: lots bought and sold by its `users`. `verified`: all m parties delivered."""

    users: int
    verified: bool
    bought: int = field(repr=False)
    sold: int = field(repr=False)


def make_totals(
    period: Period, party: int, supplier: str, attempt: int, users: int, shares: tuple[int, int], sealing_key: bytes
) -> Totals:
    """A party's shares (bought, sold) for a supplier, to be signed. Run by every compute party.

    The caller has seen to it that `users` is at least the market's `minimum_group`. Raises: WireError.
    """
    plaintext = _context(period, party, supplier, attempt, users).words(shares).data()
    return Totals(period, party, supplier, attempt, users, seal(sealing_key, plaintext))


def receive_totals(
    supplier: str,
    totals: Mapping[int, Totals],
    result: Result,
    terms: Terms,
    key: SealingKey,
    market: Market,
    orders: int,
) -> ReceivedTotals:
    """Put the totals of one attempt together. Run by the supplier, on messages whose signatures are checked.

    `totals`: by party, at least t + 1. `result`: what all m parties signed. `orders`: k per submission.
    Raises: DeliveryError saying which check failed; WireError for fewer than t + 1.
    """
    if not totals:
        raise WireError(f"{terms.period}: no party has delivered totals")
    for party, message in totals.items():
        if (message.period, message.party, message.supplier) != (terms.period, party, supplier):
            raise DeliveryError("context", f"{terms.period}: totals for another supplier, round or party", party)
    if len({(message.attempt, message.users) for message in totals.values()}) > 1:
        raise DeliveryError("context", f"{terms.period}: totals of different attempts or over different users")
    users = next(iter(totals.values())).users
    try:
        bought, sold = recombine({party: _open(message, key) for party, message in totals.items()}, terms.parties)
    except PolynomialError as error:
        reason = f"{terms.period}: the shares of the totals do not lie on one polynomial"
        raise DeliveryError("polynomial", reason, error.suspect) from None
    if max(bought, sold) > users * orders * (2**market.quantity_bits - 1):
        raise DeliveryError("quantity", f"{terms.period}: the totals are more than {users} users can order")
    if result.price is None and (bought or sold):
        raise DeliveryError("price", f"{terms.period}: totals of a round in which nothing was traded")
    return ReceivedTotals(users, len(totals) == terms.parties, bought, sold)


def _open(message: Totals, key: SealingKey) -> tuple[int, ...]:
    """The two share words of one party. Raises: DeliveryError."""
    try:
        plaintext = key.open(message.box)
        context = _context(message.period, message.party, message.supplier, message.attempt, message.users).data()
        if plaintext[: len(context)] != context:
            raise SealError("the totals were sealed for another supplier, attempt or party")
        reader = Reader(plaintext[len(context) :])
        words = reader.words(2)
        reader.end()
    except WireError as error:
        raise DeliveryError("seal", str(error), message.party) from None
    return words


def _context(period: Period, party: int, supplier: str, attempt: int, users: int) -> Writer:
    return period.write(Writer().version()).text(supplier).u32(attempt).u32(users).u8(party)
