"""The opening of a round: each party's times, roll, sealing key, nonce, and commitment to its part of the randomness.

    … ‖ gate u64 ‖ deadline u64 (ms since 1970) ‖ roll version u64 ‖ roll digest 32 ‖ sealing key 32 ‖ nonce 32
    ‖ commitment 32 = digest("part", market, period start u64, party u8, part 32)

    challenge = digest("challenge", opening_0, …, opening_{m−1})          each without its signature

The nonces make the challenge new and unpredictable each round (T1): what was recorded in one round is of no use in
another. The roll of the round is the lowest version that an opening names: every party has that one. (A party takes no
part in a round that would so go back behind an earlier one.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from mpc_market.wire.checks import MILLISECONDS_MAX, NUMBER_MAX, require_bytes, require_int, require_sealing_key
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import DIGEST_BYTES, digest
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import PartyMessage, check_party, of_all_parties
from mpc_market.wire.sealing import KEY_BYTES
from mpc_market.wire.sharing import PART_BYTES

NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Opening(PartyMessage):
    """Signed by party `party`. Times in ms since 1970, gate ≤ deadline. Raises: WireError."""

    KIND: ClassVar[str] = "opening"

    period: Period
    party: int
    gate: int
    deadline: int
    roll_version: int
    roll_digest: bytes
    sealing_key: bytes
    nonce: bytes
    commitment: bytes

    def __post_init__(self) -> None:
        check_party(self.party)
        require_int("the deadline", self.deadline, 0, MILLISECONDS_MAX)
        require_int("the gate", self.gate, 0, self.deadline)
        require_int("the version of a roll", self.roll_version, 0, NUMBER_MAX)
        require_bytes("the digest of a roll", self.roll_digest, DIGEST_BYTES)
        require_sealing_key("the sealing key of a party", self.sealing_key)
        require_bytes("the nonce of an opening", self.nonce, NONCE_BYTES)
        require_bytes("a commitment", self.commitment, DIGEST_BYTES)

    def _write(self, writer: Writer) -> None:
        writer.u64(self.gate).u64(self.deadline).u64(self.roll_version).fixed(self.roll_digest, DIGEST_BYTES)
        writer.fixed(self.sealing_key, KEY_BYTES).fixed(self.nonce, NONCE_BYTES).fixed(self.commitment, DIGEST_BYTES)

    @classmethod
    def _read(cls, reader: Reader, period: Period, party: int) -> Self:
        times_and_version = reader.u64(), reader.u64(), reader.u64()
        keys_and_digests = (reader.fixed(32), reader.fixed(32), reader.fixed(32), reader.fixed(32))
        return cls(period, party, *times_and_version, *keys_and_digests)


@dataclass(frozen=True, slots=True)
class Terms:
    """What all m openings of a round say together: everything that a submission depends on.

    `gate` and `deadline` in ms since 1970; `sealing_keys` and `commitments` by party.
    """

    period: Period
    gate: int
    deadline: int
    challenge: bytes
    roll_version: int
    roll_digest: bytes
    sealing_keys: tuple[bytes, ...]
    commitments: tuple[bytes, ...]

    @property
    def parties(self) -> int:
        """m."""
        return len(self.sealing_keys)


def terms_of(openings: Mapping[int, Opening], parties: int) -> Terms:
    """The terms of a round. Run by everyone, on openings whose signatures are checked.

    Raises: WireError if one is missing, times differ, or one roll version has two digests; ContextError.
    """
    listed = of_all_parties(openings, parties)
    first = listed[0]
    for opening in listed:
        if (opening.gate, opening.deadline) != (first.gate, first.deadline):
            raise WireError(f"{opening.period}: parties 0 and {opening.party} opened it with different times")
    lowest = min(opening.roll_version for opening in listed)
    rolls = {opening.roll_digest for opening in listed if opening.roll_version == lowest}
    if len(rolls) > 1:
        raise WireError(f"{first.period}: the parties have different rolls of version {lowest}")
    return Terms(
        period=first.period,
        gate=first.gate,
        deadline=first.deadline,
        challenge=digest("challenge", *(opening.encode() for opening in listed)),
        roll_version=lowest,
        roll_digest=rolls.pop(),
        sealing_keys=tuple(opening.sealing_key for opening in listed),
        commitments=tuple(opening.commitment for opening in listed),
    )


def commitment(period: Period, party: int, part: bytes) -> bytes:
    """A party's commitment to its part: hiding, since the part is 32 uniform bytes, and bound to round and party."""
    if len(part) != PART_BYTES:
        raise WireError(f"a part of the randomness has {PART_BYTES} bytes, not {len(part)}")
    start = Writer().u64(period.start).data()
    return digest("part", period.market.encode("ascii"), start, Writer().u8(party).data(), part)
