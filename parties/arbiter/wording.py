"""The judgement for people, and as JSON. Quantities and prices are in it: it is for those who are in dispute."""

import json
from collections.abc import Iterator

from mpc_market.wire.identifiers import split_market
from parties.arbiter.decisions import Decision
from parties.arbiter.judging import Judgement
from parties.arbiter.telling import sentence, values_lines, values_table, verdict
from parties.files.market import MarketFile
from parties.files.problems import listed, printable
from parties.files.values import moment_text

_LONGEST = 500


def lines(judgement: Judgement, settings: MarketFile) -> Iterator[str]:
    """The verdict; then question by question: how it is decided, why, and by whose signature."""
    asked = judgement.asked
    yield f"dispute {asked.number} of meter {printable(asked.meter, 64)} in market {asked.market}"
    yield verdict(judgement.decisions, judgement.faults)
    for decision in judgement.decisions:
        yield f"{decision.round}: {sentence(decision)}"
        yield f'    "{decision.question.value}" is {decision.decided.value.upper()}'
        yield f"    because {printable(decision.reason, _LONGEST)}"
        for line in values_lines(decision, settings):
            yield f"    {printable(line, 1000)}"
        if decision.proof:
            yield f"    by {decision.proof}"
    yield from listed("WRONG", judgement.faults, _LONGEST)
    yield from listed("to know", judgement.notes, _LONGEST)


def as_json(judgement: Judgement, settings: MarketFile) -> str:
    """The same for programs: kWh and currency as decimal texts, UTC times."""
    asked = judgement.asked
    table = {
        "decisions": [_table(decision, settings) for decision in judgement.decisions],
        "currency": settings.currency,
        "market": asked.market,
        "meter": asked.meter,
        "notes": judgement.notes,
        "number": asked.number,
        "verdict": verdict(judgement.decisions, judgement.faults),
        "wrong": judgement.faults,
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def _table(decision: Decision, settings: MarketFile) -> dict[str, object]:
    return {
        "decided": decision.decided.value,
        "market": split_market(decision.round.market)[0],
        "outcome": sentence(decision),
        "period": moment_text(decision.round.start),
        "proof": decision.proof,
        "question": decision.question.name.lower(),
        "reason": decision.reason,
        "says": decision.question.value,
        "stage": decision.round.stage.label,
        "values": values_table(decision, settings),
    }
