"""The judgement for people, and as JSON. Quantities and prices are in it: it is for those who are in dispute."""

import json
from collections.abc import Iterator

from mpc_market.wire.identifiers import Stage
from parties.arbiter.decisions import Decision
from parties.arbiter.judging import Judgement
from parties.arbiter.telling import round_text, sentence, values_lines, values_table, verdict, without_seconds
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
        yield f"{round_text(decision.round)}: {sentence(decision)}"
        yield f'    "{decision.question.value}" is {decision.decided.value.upper()}'
        yield f"    because {printable(without_seconds(decision.reason, asked.market), _LONGEST)}"
        for line in values_lines(decision, settings):
            yield f"    {printable(line, 1000)}"
        if decision.proof:
            yield f"    by {decision.proof}"
    yield from listed("WRONG", [without_seconds(each, asked.market) for each in judgement.faults], _LONGEST)
    yield from listed("to know", [without_seconds(each, asked.market) for each in judgement.notes], _LONGEST)


def as_json(judgement: Judgement, settings: MarketFile) -> str:
    """The same for programs: kWh and currency as decimal texts, UTC times."""
    asked = judgement.asked
    table = {
        "decisions": [_table(decision, asked.market, settings) for decision in judgement.decisions],
        "currency": settings.currency,
        "market": asked.market,
        "meter": asked.meter,
        "notes": [without_seconds(note, asked.market) for note in judgement.notes],
        "number": asked.number,
        "verdict": verdict(judgement.decisions, judgement.faults),
        "wrong": [without_seconds(fault, asked.market) for fault in judgement.faults],
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def _table(decision: Decision, market: str, settings: MarketFile) -> dict[str, object]:
    return {
        "decided": decision.decided.value,
        "market": Stage.CLEARING.of(decision.round.market),
        "outcome": sentence(decision),
        "period": moment_text(decision.round.start),
        "proof": decision.proof,
        "question": decision.question.name.lower(),
        "reason": without_seconds(decision.reason, market),
        "says": decision.question.value,
        "stage": decision.round.stage.value or "clearing",
        "values": values_table(decision, settings),
    }
