"""What can be claimed in a dispute, and how it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mpc_market.wire.identifiers import Period


class Kind(StrEnum):
    """A claim, as a sentence."""

    RECORDED = "the request is in the public record"
    USER_LIES = "the user lies about the order"
    OMITTED = "a party omitted what all had acknowledged"
    ACCEPTED = "the accepted quantities fit order and price"
    READING_DIFFERS = "the reading differs from what was submitted"
    ENTRY = "the settled entry follows from accepted quantities and reading"
    BILL = "the bill is right"


class Standing(StrEnum):
    """Whether what is there decides a claim."""

    PROVED = "proved"
    DISPROVED = "disproved"
    NOT_PROVED = "not proved"


@dataclass(frozen=True, slots=True)
class Claim:
    """`reason` holds public values only; `values` is for the arbiter's eyes. `proof`: whose signature decides it."""

    kind: Kind
    round: Period
    standing: Standing
    reason: str
    proof: str = ""
    values: Mapping[str, object] = field(default_factory=dict, repr=False)


def proved(kind: Kind, about: Period, reason: str, proof: str, **values: object) -> Claim:
    """It is so."""
    return Claim(kind, about, Standing.PROVED, reason, proof, values)


def disproved(kind: Kind, about: Period, reason: str, proof: str, **values: object) -> Claim:
    """It is not so."""
    return Claim(kind, about, Standing.DISPROVED, reason, proof, values)


def not_proved(kind: Kind, about: Period, reason: str) -> Claim:
    """It cannot be said."""
    return Claim(kind, about, Standing.NOT_PROVED, reason)
