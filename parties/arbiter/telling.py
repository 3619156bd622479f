"""The judgement in the words and units of people: how a question is decided, in a sentence; kWh, currency and UTC.

An arbiter need not know ticks, lots, or seconds since 1970; nor that what is disproved was said against the user. So
each outcome of each question has a sentence of its own, which is true as it stands.
"""

from collections.abc import Mapping
from typing import Any

from mpc_market.rules.settlement import deviation
from parties.arbiter.decisions import Decided, Decision, Question
from parties.files.market import MarketFile
from parties.statement.texts import cents_text

_YES, _NO, _OPEN = Decided.PROVED, Decided.DISPROVED, Decided.NOT_PROVED

_SENTENCES: Mapping[Question, Mapping[Decided, str]] = {
    Question.RECORDED: {
        _YES: "the request for this dispute is in the public record",
        _NO: "the request for this dispute is not in the public record",
        _OPEN: "it is not shown that the request for this dispute is in the public record",
    },
    Question.USER_LIES: {
        _YES: "the user says another order than it has signed",
        _NO: "the user says truly what it ordered",
        _OPEN: "it is not shown whether the user says truly what it ordered",
    },
    Question.OMITTED: {
        _YES: "an order that all parties had acknowledged was left out",
        _NO: "no order that all parties had acknowledged was left out",
        _OPEN: "it is not shown that an acknowledged order was left out",
    },
    Question.ACCEPTED: {
        _YES: "what was accepted is right: it fits the order and the clearing price",
        _NO: "what was accepted is wrong: it does not fit the order and the clearing price",
        _OPEN: "it is not shown whether what was accepted is right",
    },
    Question.READING_DIFFERS: {
        _YES: "another reading was settled, or is claimed, than the user has signed",
        _NO: "the reading that was settled is the one that the user has signed",
        _OPEN: "it is not shown whether the reading that was settled is the one that the user has signed",
    },
    Question.ENTRY: {
        _YES: "what was settled is right: it follows from the accepted quantities and the reading",
        _NO: "what was settled is wrong: it does not follow from the accepted quantities and the reading",
        _OPEN: "it is not shown whether what was settled is right",
    },
    Question.BILL: {
        _YES: "the bill is right",
        _NO: "the bill is wrong",
        _OPEN: "it is not shown whether the bill is right",
    },
}

_WRONG = {
    (Question.USER_LIES, _YES),
    (Question.OMITTED, _YES),
    (Question.ACCEPTED, _NO),
    (Question.READING_DIFFERS, _YES),
    (Question.ENTRY, _NO),
    (Question.BILL, _NO),
}
"""Outcomes by which somebody has done wrong, or has said something untrue."""

_NAMES = {
    "signed": "as the user has signed",
    "said": "as the user says",
    "accepted": "accepted",
    "price": "clearing price",
    "settled": "as settled",
    "entry": "as settled",
    "rule": "by the rule",
    "due": "as billed",
}
_ENTRY = ("bought", "sold", "import", "export", "residual_import", "residual_export")


def sentence(decision: Decision) -> str:
    """How a question is decided."""
    return _SENTENCES[decision.question][decision.decided]


def verdict(decisions: list[Decision], faults: list[str]) -> str:
    """All of it in one line."""
    wrong = dict.fromkeys(sentence(each) for each in decisions if (each.question, each.decided) in _WRONG)
    if faults:
        wrong["something that was shown or signed does not hold (see below)"] = None
    if wrong:
        return f"verdict: WRONG: {'; '.join(wrong)}"
    undecided = sum(decision.decided is _OPEN for decision in decisions)
    decided = f"{len(decisions) - undecided} of {len(decisions)} questions are decided"
    return f"verdict: nothing wrong is found; {decided}"


def values_table(decision: Decision, settings: MarketFile) -> dict[str, object]:
    """The values of a decision for programs: decimal texts in kWh and currency, with the names of the fields."""
    return {name: _value(decision.question, name, value, settings) for name, value in decision.values.items()}


def values_lines(decision: Decision, settings: MarketFile) -> list[str]:
    """The same for people."""
    table = values_table(decision, settings)
    return [f"{_NAMES.get(name, name)}: {_text(name, value, settings)}" for name, value in table.items()]


def _value(question: Question, name: str, value: Any, settings: MarketFile) -> object:
    """`value`: as the checks give it, in ticks, lots and cents."""
    kwh = settings.quantity_text
    if name == "price":
        return None if value is None else settings.price_text(value)
    if name == "accepted":
        return [kwh(lots) for lots in value]
    if question is Question.USER_LIES:
        return [
            {"side": side, "quantity": kwh(lots), "price": settings.price_text(price)} for side, price, lots in value
        ]
    if question is Question.READING_DIFFERS:
        return dict(zip(("import", "export"), map(kwh, value), strict=True))
    if question is Question.ENTRY:
        *metered, residual = value
        both = (residual, residual - deviation(*metered))
        return dict(zip(_ENTRY, map(kwh, (*metered, *both)), strict=True))
    assert question is Question.BILL, "every question with values is here"
    return {supplier: cents_text(cents) for supplier, cents in value.items()}


def _text(name: str, value: Any, settings: MarketFile) -> str:
    if value is None:
        return "none"
    if name == "price":
        return f"{value} {settings.prices.unit}"
    if isinstance(value, list):
        return "; ".join(_order(each, settings) for each in value) or "none"
    if name == "due" or not set(value) <= set(_ENTRY):
        return ", ".join(f"{amount} {settings.currency} to {supplier}" for supplier, amount in value.items()) or "none"
    return ", ".join(f"{field.replace('_', ' ')} {kwh} kWh" for field, kwh in value.items())


def _order(order: Any, settings: MarketFile) -> str:
    if isinstance(order, str):
        return f"{order} kWh"
    return f"{order['side']} {order['quantity']} kWh at {order['price']} {settings.prices.unit}"
