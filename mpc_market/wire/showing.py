"""Headers that are shown: where lists of what is held differ in a number of a meter, its signed headers decide (T8).

ShownHeaders:   … ‖ count u32 ‖ per header, ascending: header blob ‖ signature 64

A list (`agreement.Held`) names headers by digests that anybody could make up. Only the meter can have signed two
headers with one number, so only these exclude it; a digest whose header nobody shows counts for nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from mpc_market.wire.agreement import Held, Item
from mpc_market.wire.checks import require_ascending, require_bytes, require_tuple
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.errors import WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import PartyMessage, check_party
from mpc_market.wire.opening import Terms
from mpc_market.wire.roll import RollEntry
from mpc_market.wire.signing import SIGNATURE_BYTES, verify


@dataclass(frozen=True, slots=True)
class SignedHeader:
    """A header with its meter's signature, which is not checked (`genuine` does)."""

    header: Header
    signature: bytes = field(repr=False)

    def __post_init__(self) -> None:
        require_bytes("a signature", self.signature, SIGNATURE_BYTES)

    @property
    def item(self) -> Item:
        """How a list names it."""
        return Item(self.header.meter, self.header.number, self.header.digest)


@dataclass(frozen=True, slots=True)
class ShownHeaders(PartyMessage):
    """All headers behind the items of `party` in which the lists differ. Raises: WireError."""

    KIND: ClassVar[str] = "shown headers"

    period: Period
    party: int
    headers: tuple[SignedHeader, ...] = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        require_tuple("the headers shown", self.headers)
        require_ascending("the headers shown", [shown.item.sort_key for shown in self.headers])

    def _write(self, writer: Writer) -> None:
        writer.u32(len(self.headers))
        for shown in self.headers:
            writer.blob(shown.header.encode()).fixed(shown.signature, SIGNATURE_BYTES)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        count = reader.u32()
        headers = tuple(SignedHeader(Header.decode(reader.blob()), reader.fixed(SIGNATURE_BYTES)) for _ in range(count))
        return cls(period, party, headers)


def genuine(shown: Mapping[int, ShownHeaders], terms: Terms, meters: Mapping[str, RollEntry]) -> frozenset[Item]:
    """The items whose header somebody shows: of this very round, signed by a meter that is on its roll.

    Run by every party, on messages whose signatures are checked. Cost: a check of a signature for each header.
    """
    once = {(each.item, each.signature): each for message in shown.values() for each in message.headers}
    return frozenset(item for (item, _), each in once.items() if _is_genuine(each, terms, meters))


def _is_genuine(shown: SignedHeader, terms: Terms, meters: Mapping[str, RollEntry]) -> bool:
    header, entry = shown.header, meters.get(shown.header.meter)
    if entry is None or (header.period, header.challenge) != (terms.period, terms.challenge):
        return False
    try:
        verify(entry.identity_key, header.kind, header.encode(), shown.signature)
    except WireError:
        return False
    return True


def not_shown(held: Mapping[int, Held], asked: Collection[tuple[str, int]], shown: Collection[Item]) -> dict[int, int]:
    """By party, how many items it lists, where the lists differ (`asked`: `agreement.differing`), whose header nobody
    shows. None of an honest party.
    """
    found = {
        party: sum((item.name, item.number) in asked and item not in shown for item in message.items)
        for party, message in held.items()
    }
    return {party: count for party, count in found.items() if count}
