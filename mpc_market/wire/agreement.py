"""The agreed set: what the parties hold at the gate, compared, and signed by all before anything is revealed (T8, T10).

Held:           … ‖ challenge 32 ‖ count u32 ‖ per item, ascending: meter text ‖ number u64 ‖ header digest 32
SetSignature:   … ‖ set digest 32

    set digest = digest("set", market, period start u64, challenge, roll digest, count u32, Merkle root)

`count` and the root are over orders: k leaves for each meter of the set (in further stages one), meters by the bytes of
their ids.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from mpc_market.wire.checks import NUMBER_MAX, require_ascending, require_bytes, require_int, require_tuple
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import DIGEST_BYTES, digest
from mpc_market.wire.errors import ContextError
from mpc_market.wire.header import CHALLENGE_BYTES, ORDERS_MAX, Header
from mpc_market.wire.identifiers import Period, check_member, id_key, is_meter, order_id
from mpc_market.wire.merkle import MerkleTree, leaf
from mpc_market.wire.message import PartyMessage, check_party, of_all_parties
from mpc_market.wire.opening import Terms


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a party holds, or that is agreed on: a meter's submission, by the digest of its header.

    The set of a settlement also holds the tariffs that it is computed with, that of a closing the settlements that it
    covers: their `name` is made by `identifiers.member`, their number and digest say which one.
    """

    name: str
    number: int
    digest: bytes

    def __post_init__(self) -> None:
        check_member(self.name)
        require_int("the number of a submission", self.number, 1, NUMBER_MAX)
        require_bytes("the digest of a header", self.digest, DIGEST_BYTES)

    @property
    def sort_key(self) -> tuple[bytes, int, bytes]:
        """What lists of items are sorted by."""
        return id_key(self.name), self.number, self.digest


@dataclass(frozen=True, slots=True)
class Held(PartyMessage):
    """All submissions of the round whose own seal opened well at `party`. Raises: WireError."""

    KIND: ClassVar[str] = "held"

    period: Period
    party: int
    challenge: bytes
    items: tuple[Item, ...] = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        require_bytes("the challenge", self.challenge, CHALLENGE_BYTES)
        require_tuple("the submissions held", self.items)
        require_ascending("the submissions held", [item.sort_key for item in self.items])

    def _write(self, writer: Writer) -> None:
        writer.fixed(self.challenge, CHALLENGE_BYTES).u32(len(self.items))
        for item in self.items:
            writer.text(item.name).u64(item.number).fixed(item.digest, DIGEST_BYTES)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        challenge, count = reader.fixed(CHALLENGE_BYTES), reader.u32()
        items = tuple(Item(reader.text(), reader.u64(), reader.fixed(DIGEST_BYTES)) for _ in range(count))
        return cls(period, party, challenge, items)


@dataclass(frozen=True, slots=True)
class SetSignature(PartyMessage):
    """A party's one signature on the agreed set of a round: stored before it is sent, never another.

    Raises: WireError.
    """

    KIND: ClassVar[str] = "set"

    period: Period
    party: int
    set_digest: bytes

    def __post_init__(self) -> None:
        check_party(self.party)
        require_bytes("the digest of a set", self.set_digest, DIGEST_BYTES)

    def _write(self, writer: Writer) -> None:
        writer.fixed(self.set_digest, DIGEST_BYTES)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        return cls(period, party, reader.fixed(DIGEST_BYTES))


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Different things with one number: a meter is excluded, and its signed headers, which were shown, are the proof.
    Of another member (`identifiers.member`) they are only listed, and only that number is left out.
    """

    name: str
    number: int
    digests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AgreedSet:
    """The submissions of a round that all parties compute on, by the bytes of the meters' ids.

    `orders`: k per submission, 1 in further stages. `contradictions`: what was left out, and for which number.
    """

    period: Period
    challenge: bytes
    roll_digest: bytes
    orders: int
    members: tuple[Item, ...] = field(repr=False)
    contradictions: tuple[Contradiction, ...] = ()

    @property
    def count(self) -> int:
        """Orders in the set, k for each member."""
        return self.orders * len(self.members)

    @property
    def order_ids(self) -> tuple[str, ...]:
        """All orders in the sequence of the set: the sequence of the leaves, and of the input of the computation."""
        return tuple(order_id(item.name, k) for item in self.members for k in range(self.orders))

    def tree(self) -> MerkleTree:
        """The Merkle tree of its orders; build it once and keep it."""
        leaves = [leaf(order_id(item.name, k), item.digest) for item in self.members for k in range(self.orders)]
        return MerkleTree(leaves)

    def digest(self) -> bytes:
        """The set digest, 32 bytes. Cost: builds the tree."""
        return set_digest(self.period, self.challenge, self.roll_digest, self.count, self.tree().root)


def set_digest(period: Period, challenge: bytes, roll_digest: bytes, count: int, root: bytes) -> bytes:
    """The set digest from public values. `count`: orders."""
    start, number = Writer().u64(period.start).data(), Writer().u32(count).data()
    return digest("set", period.market.encode("ascii"), start, challenge, roll_digest, number, root)


def differing(lists: Iterable[Held]) -> set[tuple[str, int]]:
    """The meters, each with a number, of which the lists name more than one header: these have to be shown."""
    return {key for key, digests in _digests(lists).items() if len(digests) > 1 and is_meter(key[0])}


def _digests(lists: Iterable[Held]) -> dict[tuple[str, int], set[bytes]]:
    seen: defaultdict[tuple[str, int], set[bytes]] = defaultdict(set)
    for message in lists:
        for item in message.items:
            seen[item.name, item.number].add(item.digest)
    return seen


def agree(held: Mapping[int, Held], terms: Terms, orders: int, shown: Collection[Item] = ()) -> AgreedSet:
    """The set that follows from what all m parties hold: per meter the highest number with one header at all of them.

    A meter with two headers for one number, in one list or in two, is excluded (T8) if both are among the `shown`
    (`showing.genuine`): else a party could have anybody excluded by a digest of nothing. Two tariffs of a supplier with
    one number take only that number out: they must not leave its users without the tariff that it has published before.
    To leave that number out of its list would do a liar the same service, so nothing has to be shown of it.
    Run by every party, on messages whose signatures are checked; all come to the same set.
    Raises: WireError if a list is missing; ContextError if one is of another round.
    """
    require_int("the number of orders", orders, 1, ORDERS_MAX)
    listed = of_all_parties(held, terms.parties)
    for message in listed:
        if (message.period, message.challenge) != (terms.period, terms.challenge):
            raise ContextError(
                "challenge", f"party {message.party} says what it holds for {message.period} otherwise opened"
            )
    contradictions = _contradictions(_digests(listed), shown)
    excluded = {each.name for each in contradictions if is_meter(each.name)}
    left_out = {(each.name, each.number) for each in contradictions}
    at_all = set.intersection(*(set(message.items) for message in listed))
    highest: dict[str, Item] = {}
    # ascending numbers: the last one of a meter stays
    for item in sorted(at_all, key=lambda item: item.sort_key):
        if item.name not in excluded and (item.name, item.number) not in left_out:
            highest[item.name] = item
    return AgreedSet(terms.period, terms.challenge, terms.roll_digest, orders, tuple(highest.values()), contradictions)


def _contradictions(seen: Mapping[tuple[str, int], set[bytes]], shown: Collection[Item]) -> tuple[Contradiction, ...]:
    found = []
    for (name, number), digests in sorted(seen.items(), key=lambda pair: (id_key(pair[0][0]), pair[0][1])):
        if len(digests) > 1:
            counting = sorted(d for d in digests if not is_meter(name) or Item(name, number, d) in shown)
            if len(counting) > 1:
                found.append(Contradiction(name, number, tuple(counting)))
    return tuple(found)


def all_signed(signatures: Mapping[int, SetSignature], agreed_digest: bytes, terms: Terms) -> None:
    """Have all m parties signed this set? Only then may a part be revealed. On messages whose signatures are checked.

    Raises: WireError if one is missing; ContextError ("set") naming a party that signed another set.
    """
    for signature in of_all_parties(signatures, terms.parties):
        if signature.period != terms.period:
            raise ContextError("period", f"a signature on the set of {signature.period}, not {terms.period}")
        if signature.set_digest != agreed_digest:
            raise ContextError("set", f"{terms.period}: party {signature.party} signed another set")


def contradict(first: Header, second: Header) -> bool:
    """Whether two headers prove that their meter contradicted itself. Run by anyone who is shown them, on headers whose
    signatures are checked.
    """
    same = (first.period, first.meter, first.number) == (second.period, second.meter, second.number)
    return same and first.digest != second.digest
