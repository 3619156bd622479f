"""The public record of one round: canonical JSON, chained by hashes. It holds no id of a meter, and no order.

    sorted keys, no blanks, ASCII; numbers are integers, bytes are lower-case hex; signed: message ‖ signature, as hex
    digest = digest("record", the bytes of the JSON)        `previous`: that of the record before, 00…00 in the first

    {"market", "openings": [signed …], "outcomes": [signed …], "parts": [hex …], "period": start, "previous": hex,
     "price_word": int or null, "sequence": int, "set": {"count", "digest", "merkle_root", "signatures": [signed …]} or
     null, "standing": "result" or "void", "verdicts": [how many of code 0, 1, 2] or null, "version": 1}

`price_word`, `verdicts` and `standing` repeat, for whoever reads it without a decoder, what the outcomes say.

The record of a result is complete. That of a void round holds what the party that keeps it has, each piece checked;
so the chains of two parties may differ in void rounds, and never in a result but for `sequence` and `previous`.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Self

from mpc_market.wire.agreement import SetSignature
from mpc_market.wire.checks import NUMBER_MAX, U32_MAX, require_ascending, require_bytes, require_digests, require_int
from mpc_market.wire.codec import VERSION
from mpc_market.wire.committee import PARTIES
from mpc_market.wire.digest import DIGEST_BYTES, digest
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import M, Signed, split_signed
from mpc_market.wire.opening import Opening
from mpc_market.wire.outcome import Outcome, Result, Standing

GENESIS = bytes(DIGEST_BYTES)
"""`previous` of the first record of a chain."""


@dataclass(frozen=True, slots=True)
class SetFacts:
    """What the record tells of the agreed set. `count`: orders; `signatures`: by ascending party."""

    digest: bytes
    count: int
    merkle_root: bytes
    signatures: tuple[Signed[SetSignature], ...] = field(repr=False)

    def __post_init__(self) -> None:
        require_bytes("the digest of a set", self.digest, DIGEST_BYTES)
        require_int("the count of orders", self.count, 0, U32_MAX)
        require_bytes("a Merkle root", self.merkle_root, DIGEST_BYTES)
        _check_parties("signatures on the set", self.signatures)


@dataclass(frozen=True, slots=True)
class Record:
    """One round as everyone may see it; `openings` and `outcomes` by ascending party, `parts` of all m or none.

    Well-formed is not yet true: `audit.check_record` checks all signatures and digests. Raises: WireError.
    """

    period: Period
    sequence: int
    previous: bytes
    openings: tuple[Signed[Opening], ...] = field(repr=False)
    agreed: SetFacts | None
    parts: tuple[bytes, ...] = field(repr=False)
    outcomes: tuple[Signed[Outcome], ...] = field(repr=False)

    def __post_init__(self) -> None:
        require_int("the sequence number of a record", self.sequence, 0, NUMBER_MAX)
        require_bytes("the digest of the record before", self.previous, DIGEST_BYTES)
        require_digests("the parts of the randomness", self.parts, 0, max(PARTIES))
        _check_parties("openings", self.openings)
        _check_parties("outcomes", self.outcomes)
        if not self.outcomes:
            raise WireError("a record without an outcome")

    @property
    def standing(self) -> Standing:
        """Result or void, as the outcomes say; that there are m of a result is for `audit.check_record`."""
        return Standing.VOID if self.result is None else Standing.RESULT

    @property
    def result(self) -> Result | None:
        """What was signed as the result, or None for a void round."""
        contents = {signed.message.content for signed in self.outcomes}
        content = contents.pop()
        return content if isinstance(content, Result) and not contents else None

    def encode(self) -> bytes:
        """The canonical JSON."""
        result = self.result
        return _canonical(
            {
                "market": self.period.market,
                "openings": [signed.encode().hex() for signed in self.openings],
                "outcomes": [signed.encode().hex() for signed in self.outcomes],
                "parts": [part.hex() for part in self.parts],
                "period": self.period.start,
                "previous": self.previous.hex(),
                "price_word": None if result is None else result.price_word,
                "sequence": self.sequence,
                "set": None if self.agreed is None else _set_as_json(self.agreed),
                "standing": self.standing.value,
                "verdicts": None if result is None else list(result.verdict_counts),
                "version": VERSION,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises: WireError if it is malformed, or JSON in another than the canonical form."""
        table = _table(_parse(data), _KEYS)
        record = cls(
            period=Period(table["market"], table["period"]),
            sequence=table["sequence"],
            previous=_hex(table["previous"]),
            openings=_signed(Opening, table["openings"]),
            agreed=None if table["set"] is None else _set_from_json(table["set"]),
            parts=tuple(map(_hex, _list(table["parts"]))),
            outcomes=_signed(Outcome, table["outcomes"]),
        )
        # covers the version, standing, price word and verdicts too, which follow from the rest
        if record.encode() != data:
            raise WireError("a record that is not in its canonical form")
        return record

    @property
    def digest(self) -> bytes:
        """What the next record names it by, 32 bytes."""
        return digest("record", self.encode())


_KEYS = {"market", "openings", "outcomes", "parts", "period", "previous", "price_word", "sequence", "set", "standing",
         "verdicts", "version"}  # fmt: skip
_SET_KEYS = {"count", "digest", "merkle_root", "signatures"}


def _check_parties(name: str, signed: tuple[Signed[Any], ...]) -> None:
    require_ascending(f"the parties of {name}", [item.message.party for item in signed])


def _set_as_json(facts: SetFacts) -> dict[str, object]:
    return {
        "count": facts.count,
        "digest": facts.digest.hex(),
        "merkle_root": facts.merkle_root.hex(),
        "signatures": [signed.encode().hex() for signed in facts.signatures],
    }


def _set_from_json(value: object) -> SetFacts:
    table = _table(value, _SET_KEYS)
    signatures = _signed(SetSignature, table["signatures"])
    return SetFacts(_hex(table["digest"]), table["count"], _hex(table["merkle_root"]), signatures)


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _parse(data: bytes) -> object:
    try:
        return json.loads(data.decode("ascii"))
    except RecursionError:
        raise WireError("a record nested too deeply") from None
    # UnicodeDecodeError, JSONDecodeError, and an integer too long for int() are all of this kind
    except ValueError:
        raise WireError("a record that is not JSON in ASCII") from None


def _table(value: object, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != keys:
        raise WireError(f"a record is to have a table with the keys {', '.join(sorted(keys))}")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise WireError("a record has something else where there is to be a list")
    return value


def _hex(value: object) -> bytes:
    if isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise WireError("a record has something else where there is to be hex")


def _signed(kind: type[M], value: object) -> tuple[Signed[M], ...]:
    return tuple(split_signed(kind, _hex(item)) for item in _list(value))
