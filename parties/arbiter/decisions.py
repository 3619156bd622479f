"""What may be in dispute, and how it is decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mpc_market.wire.identifiers import Period


class Question(StrEnum):
    """What is asked, as the sentence that is proved or disproved."""

    RECORDED = "the request is in the public record"
    USER_LIES = "the user lies about the order"
    OMITTED = "a party omitted what all had acknowledged"
    ACCEPTED = "the accepted quantities fit order and price"
    READING_DIFFERS = "the reading differs from what was submitted"
    ENTRY = "the settled entry follows from accepted quantities and reading"
    BILL = "the bill is right"


class Decided(StrEnum):
    """Whether what is there proves the sentence, or its contrary."""

    PROVED = "proved"
    DISPROVED = "disproved"
    NOT_PROVED = "not proved"


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` holds public values only; `values` is for the arbiter's eyes. `proof`: whose signature decides it."""

    question: Question
    round: Period
    decided: Decided
    reason: str
    proof: str = ""
    values: Mapping[str, object] = field(default_factory=dict, repr=False)


def proved(question: Question, about: Period, reason: str, proof: str, **values: object) -> Decision:
    """It is so."""
    return Decision(question, about, Decided.PROVED, reason, proof, values)


def disproved(question: Question, about: Period, reason: str, proof: str, **values: object) -> Decision:
    """It is not so."""
    return Decision(question, about, Decided.DISPROVED, reason, proof, values)


def not_proved(question: Question, about: Period, reason: str) -> Decision:
    """It cannot be said."""
    return Decision(question, about, Decided.NOT_PROVED, reason)
