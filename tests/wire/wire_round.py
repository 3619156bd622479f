"""A whole round in memory, from the roll to the record: all roles' messages, made by the functions under test.

Keys follow from names, so a failure repeats itself; sharing and sealing draw fresh randomness.
"""

from collections.abc import Sequence
from functools import cached_property

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Clearing, Market, Order, Rationing, Side
from mpc_market.wire.agreement import AgreedSet, Held, Item, SetSignature, agree
from mpc_market.wire.committee import Committee
from mpc_market.wire.delivery import Delivery, deliveries
from mpc_market.wire.digest import digest
from mpc_market.wire.disclosure import Disclosure
from mpc_market.wire.dispute import DisputeReceipt
from mpc_market.wire.identifiers import Period, order_id
from mpc_market.wire.message import sign
from mpc_market.wire.opening import Opening, Terms, commitment, terms_of
from mpc_market.wire.outcome import Outcome, Result
from mpc_market.wire.part_share import PartShare, RevealedShares
from mpc_market.wire.randomness import Randomness, Reveal, randomness
from mpc_market.wire.receipt import Receipt
from mpc_market.wire.record import GENESIS, Record, SetFacts
from mpc_market.wire.roll import Roll, RollEntry, RollSupplier
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.sharing import deal
from mpc_market.wire.sheet import Sheet
from mpc_market.wire.showing import ShownHeaders, SignedHeader
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import Submission, make
from mpc_market.wire.totals import Totals, make_totals
from mpc_market.wire.verdicts import Verdict, Verdicts, verdict_counts, verdicts_digest

PARTY_MESSAGES = (Opening, PartShare, RevealedShares, Receipt, Held, ShownHeaders, SetSignature, Reveal, Verdicts,
                  Outcome, Delivery, Totals, Sheet, DisputeReceipt, Disclosure)  # fmt: skip
"""Everything that a compute party signs."""

MARKET = "oak-street"
START = 1_790_000_100
MAXIMUM = 5000
SUPPLIER = "green"


def signing_key(name: str) -> SigningKey:
    return SigningKey(digest("test signing", name.encode()))


def sealing_key(name: str) -> SealingKey:
    return SealingKey(digest("test sealing", name.encode()))


class WireRound:
    """A round of m parties with some meters, each with k orders; `book`: (side, price, quantity) per order."""

    def __init__(
        self,
        book: Sequence[Sequence[tuple[Side, int, int]]] | None = None,
        parties: int = 3,
        market: str = MARKET,
        start: int = START,
    ) -> None:
        default = [[(Side.SELL, 5, 3)], [(Side.SELL, 5, 3)], [(Side.BUY, 9, 4)], [(Side.SELL, 0, 0)]]
        self.settings = Market(price_bits=4, quantity_bits=13, rationing=Rationing.PRO_RATA)
        self.parties = parties
        self.period = Period(market, start)
        self.signing = [signing_key(f"party {j}") for j in range(parties)]
        self.sealing = [sealing_key(f"party {j}") for j in range(parties)]
        self.committee = Committee(market, tuple(key.public for key in self.signing))
        meters = len(default if book is None else book)
        # digits enough for all, so that names are in the sequence of their bytes
        self.meters = [f"meter-{i:0{len(str(meters - 1))}}" for i in range(meters)]
        self.book = [
            [Order(order_id(meter, k), *limits) for k, limits in enumerate(orders)]
            for meter, orders in zip(self.meters, default if book is None else book, strict=True)
        ]
        self.orders = len(self.book[0])
        self.parts = [digest("test part", bytes([j])) for j in range(parties)]

    @cached_property
    def roll(self) -> Roll:
        entries = tuple(
            RollEntry(meter, signing_key(meter).public, sealing_key(meter).public, SUPPLIER, "north", MAXIMUM)
            for meter in self.meters
        )
        supplier = RollSupplier(SUPPLIER, signing_key(SUPPLIER).public, sealing_key(SUPPLIER).public)
        return Roll(self.period.market, 7, entries, (supplier,))

    @cached_property
    def openings(self) -> dict[int, Opening]:
        gate = self.period.start * 1000 - 60_000
        return {
            j: Opening(
                self.period,
                j,
                gate,
                gate + 30_000,
                self.roll.version,
                self.roll.digest,
                self.sealing[j].public,
                digest("test nonce", bytes([j])),
                commitment(self.period, j, self.parts[j]),
            )
            for j in range(self.parties)
        }

    @cached_property
    def terms(self) -> Terms:
        return terms_of(self.openings, self.parties)

    @cached_property
    def submissions(self) -> list[Submission]:
        return [
            make(self.terms, entry, 1, orders, self.settings, signing_key(entry.meter))
            for entry, orders in zip(self.roll.entries, self.book, strict=True)
        ]

    @cached_property
    def items(self) -> tuple[Item, ...]:
        return tuple(Item(s.header.meter, s.header.number, s.header.digest) for s in self.submissions)

    @cached_property
    def held(self) -> dict[int, Held]:
        return {j: Held(self.period, j, self.terms.challenge, self.items) for j in range(self.parties)}

    def shown(self, party: int, *meters: int) -> ShownHeaders:
        """The headers of the meters at these places, as a party shows them."""
        shown = (SignedHeader(self.submissions[i].header, self.submissions[i].signature) for i in meters)
        return ShownHeaders(self.period, party, tuple(sorted(shown, key=lambda each: each.item.sort_key)))

    @cached_property
    def agreed(self) -> AgreedSet:
        return agree(self.held, self.terms, self.orders)

    @cached_property
    def set_signatures(self) -> dict[int, SetSignature]:
        return {j: SetSignature(self.period, j, self.agreed.digest()) for j in range(self.parties)}

    @cached_property
    def reveals(self) -> dict[int, Reveal]:
        return {j: Reveal(self.period, j, self.agreed.digest(), self.parts[j]) for j in range(self.parties)}

    @cached_property
    def randomness(self) -> Randomness:
        return randomness(self.agreed.digest(), self.parts, self.terms)

    @cached_property
    def verdicts(self) -> dict[int, Verdicts]:
        codes = (Verdict.VALID,) * len(self.items)
        return {j: Verdicts(self.period, j, self.agreed.digest(), codes) for j in range(self.parties)}

    @cached_property
    def clearing(self) -> Clearing:
        everything = [order for orders in self.book for order in orders]
        return clear(everything, self.settings, self.randomness.ticket_seed)

    @cached_property
    def result(self) -> Result:
        price_word = 0 if self.clearing.price is None else self.clearing.price + 1
        verdicts = verdicts_digest(self.agreed.digest(), self.verdicts[0].codes)
        return Result(self.agreed.digest(), verdicts, verdict_counts(self.verdicts[0].codes), price_word)

    @cached_property
    def outcomes(self) -> dict[int, Outcome]:
        return {j: Outcome(self.period, j, self.result) for j in range(self.parties)}

    @cached_property
    def accepted(self) -> list[tuple[int, ...]]:
        """Per meter, the plaintext rule's accepted quantities."""
        flat, k = self.clearing.accepted, self.orders
        return [flat[k * i : k * (i + 1)] for i in range(len(self.meters))]

    def delivered(self, accepted: Sequence[Sequence[int]] | None = None, attempt: int = 0) -> list[dict[int, Delivery]]:
        """Per meter, the deliveries of all parties; of other quantities if they are given."""
        shares = [deal(quantities, self.parties) for quantities in (self.accepted if accepted is None else accepted)]
        keys = [entry.sealing_key for entry in self.roll.entries]
        codes = self.verdicts[0].codes
        by_party = [
            deliveries(self.agreed, self.agreed.tree(), j, attempt, codes, [share[j] for share in shares], keys)
            for j in range(self.parties)
        ]
        return [{j: by_party[j][i] for j in range(self.parties)} for i in range(len(self.meters))]

    def totals(self, bought: int, sold: int, attempt: int = 0) -> dict[int, Totals]:
        shares = deal([bought, sold], self.parties)
        return {
            j: make_totals(
                self.period,
                j,
                SUPPLIER,
                attempt,
                len(self.meters),
                (shares[j][0], shares[j][1]),
                sealing_key(SUPPLIER).public,
            )
            for j in range(self.parties)
        }

    def record(self, sequence: int = 0, previous: bytes = GENESIS) -> Record:
        """The complete record of the round's result."""
        agreed = self.agreed
        signatures = tuple(sign(self.set_signatures[j], key) for j, key in enumerate(self.signing))
        return Record(
            period=self.period,
            sequence=sequence,
            previous=previous,
            openings=tuple(sign(self.openings[j], key) for j, key in enumerate(self.signing)),
            agreed=SetFacts(agreed.digest(), agreed.count, agreed.tree().root, signatures),
            parts=tuple(self.parts),
            outcomes=tuple(sign(self.outcomes[j], key) for j, key in enumerate(self.signing)),
        )
