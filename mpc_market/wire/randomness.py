"""The round's public randomness: every party's part, revealed only after all m have signed the set (T10).

Reveal:  … ‖ set digest 32 ‖ part 32

    randomness = digest("randomness", set digest, part_0, …, part_{m−1})
    ticket seed = digest("ticket seed", randomness)        check seed = digest("check seed", randomness)

Parts are committed to in the openings, before any order is there, and a withheld one is rebuilt (`part_share`): nobody
can choose, redraw or stop it, and the set is fixed before anybody knows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from mpc_market.wire.checks import require_bytes
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import DIGEST_BYTES, digest
from mpc_market.wire.errors import ContextError, WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import PartyMessage, check_party
from mpc_market.wire.opening import Terms, commitment
from mpc_market.wire.sharing import PART_BYTES


@dataclass(frozen=True, slots=True)
class Reveal(PartyMessage):
    """A party's part, with the set that it was revealed for. Raises: WireError."""

    KIND: ClassVar[str] = "reveal"

    period: Period
    party: int
    set_digest: bytes
    part: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_party(self.party)
        require_bytes("the digest of a set", self.set_digest, DIGEST_BYTES)
        require_bytes("a part of the randomness", self.part, PART_BYTES)

    def _write(self, writer: Writer) -> None:
        writer.fixed(self.set_digest, DIGEST_BYTES).fixed(self.part, PART_BYTES)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        return cls(period, party, reader.fixed(DIGEST_BYTES), reader.fixed(PART_BYTES))


@dataclass(frozen=True, slots=True)
class Randomness:
    """32 public bytes, and the two seeds that are drawn from them."""

    value: bytes

    @property
    def ticket_seed(self) -> bytes:
        """32 bytes, the seed of `rules.ticket`."""
        return digest("ticket seed", self.value)

    @property
    def check_seed(self) -> bytes:
        """32 bytes, from which the public coefficients ρ of the validity checks are drawn."""
        return digest("check seed", self.value)


def check_reveal(reveal: Reveal, set_digest: bytes, terms: Terms) -> bytes:
    """The part, if it is the one that the party committed to. Run by every party.

    Raises: ContextError ("period", "set"); WireError if it is another part.
    """
    if reveal.period != terms.period:
        raise ContextError("period", f"a part revealed for {reveal.period}, not {terms.period}")
    if reveal.set_digest != set_digest:
        raise ContextError("set", f"{terms.period}: party {reveal.party} revealed its part for another set")
    _check_part(reveal.party, reveal.part, terms)
    return reveal.part


def randomness(set_digest: bytes, parts: Sequence[bytes], terms: Terms) -> Randomness:
    """The randomness of a round from the parts of all parties, revealed or rebuilt. Run by every party and auditor.

    Raises: WireError if a part is missing, or not the one committed to.
    """
    if len(parts) != terms.parties:
        raise WireError(f"{terms.period}: {len(parts)} parts of the randomness, not {terms.parties}")
    for party, part in enumerate(parts):
        _check_part(party, part, terms)
    return Randomness(digest("randomness", set_digest, *parts))


def _check_part(party: int, part: bytes, terms: Terms) -> None:
    if commitment(terms.period, party, part) != terms.commitments[party]:
        raise WireError(f"{terms.period}: a part of party {party} that it has not committed to")
