"""A signed request for what is one's own: a meter's delivery, a supplier's totals, what an arbiter is shown.

    version u8 = 1 ‖ market text ‖ period start u64 ‖ party u8 ‖ id text ‖ challenge 32 ‖ signature 64

It names the party that it is shown to and the round's challenge, so no party can use it at another, and none is of
use for another round. It needs no clock. Meters, suppliers, DSOs, TSOs and arbiters sign different kinds.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Self

from mpc_market.wire.checks import require_bytes
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.errors import ContextError
from mpc_market.wire.header import CHALLENGE_BYTES
from mpc_market.wire.identifiers import Period, check_id
from mpc_market.wire.message import check_party
from mpc_market.wire.opening import Terms
from mpc_market.wire.signing import SIGNATURE_BYTES, SigningKey, verify


class Claimant(Enum):
    """Who claims; the value is the kind that is signed."""

    METER = "claim of a meter"
    SUPPLIER = "claim of a supplier"
    DSO = "claim of a DSO"
    TSO = "claim of a TSO"
    ARBITER = "claim of an arbiter"


@dataclass(frozen=True, slots=True)
class Claim:
    """`name`: the id of the meter, supplier, region (DSO) or area (TSO); the arbiter's name. Raises: WireError."""

    period: Period
    party: int
    name: str
    challenge: bytes

    def __post_init__(self) -> None:
        check_party(self.party)
        check_id("claimant", self.name)
        require_bytes("the challenge", self.challenge, CHALLENGE_BYTES)

    def encode(self) -> bytes:
        """The bytes that are signed (after the tag)."""
        writer = self.period.write(Writer().version()).u8(self.party).text(self.name)
        return writer.fixed(self.challenge, CHALLENGE_BYTES).data()

    @classmethod
    def decode(cls, data: bytes) -> tuple[Self, bytes]:
        """The claim and its signature, not yet checked. Raises: WireError."""
        reader = Reader(data)
        reader.version()
        claim = cls(Period.read(reader), reader.u8(), reader.text(), reader.fixed(CHALLENGE_BYTES))
        signature = reader.fixed(SIGNATURE_BYTES)
        reader.end()
        return claim, signature


def make_claim(terms: Terms, party: int, claimant: Claimant, name: str, key: SigningKey) -> bytes:
    """A claim to be sent to a party: message ‖ signature. Run by whoever claims."""
    encoded = Claim(terms.period, party, name, terms.challenge).encode()
    return encoded + key.sign(claimant.value, encoded)


def check_claim(data: bytes, terms: Terms, party: int, claimant: Claimant, name: str, identity_key: bytes) -> None:
    """Is this `name`'s claim to this party for this round? Run by the party.

    Raises: WireError; in particular ContextError ("period", "party", "challenge", or the claimant: "meter", "supplier",
    "dso", "tso", "arbiter"), SignatureError.
    """
    claim, signature = Claim.decode(data)
    if claim.period != terms.period:
        raise ContextError("period", f"a claim for {claim.period}, not {terms.period}")
    if claim.party != party:
        raise ContextError("party", f"a claim to party {claim.party}, not {party}")
    if claim.name != name:
        raise ContextError(claimant.name.lower(), f"a claim of {claim.name!r}, not {name!r}")
    if claim.challenge != terms.challenge:
        raise ContextError("challenge", f"a claim with another challenge than that of {terms.period}")
    verify(identity_key, claimant.value, claim.encode(), signature)
