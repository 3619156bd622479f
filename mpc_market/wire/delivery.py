"""What a party hands to a meter: its shares of the accepted quantities, sealed; verdict and Merkle paths beside them.

    … ‖ meter text ‖ number u64 ‖ attempt u32 ‖ verdict u8 ‖ count u32 ‖ index u32
    ‖ paths u8 (k), each: length u8 ‖ 32 per step ‖ box blob (empty unless the verdict is 0)

    inside the box: version u8 = 1 ‖ market text ‖ period start u64 ‖ meter text ‖ number u64 ‖ attempt u32 ‖ party u8
    ‖ count u16 (k) ‖ k words

`count` and `index`: how many orders the set has, and the place of the meter's first one among them. Shares of two
attempts at a round do not fit together, so they name theirs. To be sent to its own meter only, inside TLS.
What the meter does with all of them: `reception`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from mpc_market.wire.agreement import AgreedSet
from mpc_market.wire.checks import (
    NUMBER_MAX,
    U32_MAX,
    require_blob,
    require_digests,
    require_int,
    require_tuple,
)
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import DIGEST_BYTES
from mpc_market.wire.errors import SealError, WireError
from mpc_market.wire.header import ORDERS_MAX
from mpc_market.wire.identifiers import Period, check_id
from mpc_market.wire.merkle import MerkleTree
from mpc_market.wire.message import PartyMessage, check_party
from mpc_market.wire.sealing import SealingKey, seal
from mpc_market.wire.verdicts import Verdict

PATH_MAX = 32
"""Steps of a path: a tree has less than 2^32 leaves."""


@dataclass(frozen=True, slots=True)
class Delivery(PartyMessage):
    """Signed by party `party`, for one meter of the agreed set. Raises: WireError."""

    KIND: ClassVar[str] = "delivery"

    period: Period
    party: int
    meter: str
    number: int
    attempt: int
    verdict: Verdict
    count: int
    index: int
    paths: tuple[tuple[bytes, ...], ...] = field(repr=False)
    box: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        check_id("meter", self.meter)
        require_int("the number of a submission", self.number, 1, NUMBER_MAX)
        require_int("the attempt", self.attempt, 0, U32_MAX)
        require_tuple("paths", self.paths, 1, ORDERS_MAX)
        require_int("the count of orders", self.count, 1, U32_MAX)
        require_int("the index of an order", self.index, 0, self.count - len(self.paths))
        for path in self.paths:
            require_digests("a path", path, 0, PATH_MAX)
        require_blob("a seal", self.box)
        if (self.verdict is Verdict.VALID) != bool(self.box):
            raise WireError("shares are delivered for a valid submission, and for no other")

    def _write(self, writer: Writer) -> None:
        writer.text(self.meter).u64(self.number).u32(self.attempt).u8(self.verdict).u32(self.count).u32(self.index)
        writer.u8(len(self.paths))
        for path in self.paths:
            writer.u8(len(path))
            for step in path:
                writer.fixed(step, DIGEST_BYTES)
        writer.blob(self.box)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        meter, number, attempt = reader.text(), reader.u64(), reader.u32()
        code, count, index = reader.u8(), reader.u32(), reader.u32()
        if code not in set(Verdict):
            raise WireError(f"a verdict {code}, which is none")
        paths = tuple(tuple(reader.fixed(DIGEST_BYTES) for _ in range(reader.u8())) for _ in range(reader.u8()))
        return cls(period, party, meter, number, attempt, Verdict(code), count, index, paths, reader.blob())


def deliveries(
    agreed: AgreedSet,
    tree: MerkleTree,
    party: int,
    attempt: int,
    verdicts: Sequence[Verdict],
    shares: Sequence[Sequence[int]],
    sealing_keys: Sequence[bytes],
) -> list[Delivery]:
    """A party's deliveries to all meters of the set, in its sequence, to be signed. Run by every compute party.

    `tree`: of the set. `verdicts`, `sealing_keys` (the meters', from the round's roll): per member. `shares`: k words
    of accepted quantities per member; ignored where the verdict is not VALID.
    """
    made = []
    for place, (member, verdict, words, key) in enumerate(
        zip(agreed.members, verdicts, shares, sealing_keys, strict=True)
    ):
        index = place * agreed.orders
        box = b""
        if verdict is Verdict.VALID:
            context = _context(agreed.period, party, member.name, member.number, attempt)
            box = seal(key, context.u16(len(words)).words(words).data())
        paths = tuple(tree.path(index + k) for k in range(agreed.orders))
        place_and_box = (agreed.count, index, paths, box)
        made.append(Delivery(agreed.period, party, member.name, member.number, attempt, verdict, *place_and_box))
    return made


def open_delivery(delivery: Delivery, key: SealingKey) -> tuple[int, ...]:
    """The k share words of one party. Run by the meter. Raises: SealError; WireError if the box is malformed."""
    plaintext = key.open(delivery.box)
    context = _context(delivery.period, delivery.party, delivery.meter, delivery.number, delivery.attempt).data()
    if plaintext[: len(context)] != context:
        raise SealError(f"the shares of party {delivery.party} were sealed for another submission, attempt or party")
    reader = Reader(plaintext[len(context) :])
    count = reader.u16()
    if count != len(delivery.paths):
        raise SealError(f"party {delivery.party} sealed {count} shares for {len(delivery.paths)} orders")
    words = reader.words(count)
    reader.end()
    return words


def _context(period: Period, party: int, meter: str, number: int, attempt: int) -> Writer:
    return period.write(Writer().version()).text(meter).u64(number).u32(attempt).u8(party)
