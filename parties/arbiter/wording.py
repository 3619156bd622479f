"""The judgement for people, and as JSON. Quantities and prices are in it: it is for those who are in dispute."""

import json
from collections.abc import Iterator

from mpc_market.wire.identifiers import Stage
from parties.arbiter.claims import Claim
from parties.arbiter.judging import Judgement
from parties.arbiter.telling import round_text, sentence, values_lines, values_table, verdict, without_seconds
from parties.files.market import MarketFile
from parties.files.problems import listed, printable
from parties.files.values import moment_text

_LONGEST = 500


def lines(judgement: Judgement, settings: MarketFile) -> Iterator[str]:
    """The verdict; then claim by claim: what became of it, why, and whose signature decides it."""
    asked = judgement.asked
    yield f"dispute {asked.number} of meter {printable(asked.meter, 64)} in market {asked.market}"
    yield verdict(judgement.claims, judgement.faults)
    for claim in judgement.claims:
        yield f"{round_text(claim.round)}: {sentence(claim)}"
        yield f'    the claim "{claim.kind.value}" is {claim.standing.value.upper()}'
        yield f"    because {printable(without_seconds(claim.reason, asked.market), _LONGEST)}"
        for line in values_lines(claim, settings):
            yield f"    {printable(line, 1000)}"
        if claim.proof:
            yield f"    by {claim.proof}"
    yield from listed("WRONG", [without_seconds(each, asked.market) for each in judgement.faults], _LONGEST)
    yield from listed("to know", [without_seconds(each, asked.market) for each in judgement.notes], _LONGEST)


def as_json(judgement: Judgement, settings: MarketFile) -> str:
    """The same for programs: kWh and currency as decimal texts, UTC times."""
    asked = judgement.asked
    table = {
        "claims": [_table(claim, asked.market, settings) for claim in judgement.claims],
        "currency": settings.currency,
        "market": asked.market,
        "meter": asked.meter,
        "notes": [without_seconds(note, asked.market) for note in judgement.notes],
        "number": asked.number,
        "verdict": verdict(judgement.claims, judgement.faults),
        "wrong": [without_seconds(fault, asked.market) for fault in judgement.faults],
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def _table(claim: Claim, market: str, settings: MarketFile) -> dict[str, object]:
    return {
        "claim": claim.kind.name.lower(),
        "market": Stage.CLEARING.of(claim.round.market),
        "outcome": sentence(claim),
        "period": moment_text(claim.round.start),
        "proof": claim.proof,
        "reason": without_seconds(claim.reason, market),
        "says": claim.kind.value,
        "stage": claim.round.stage.value or "clearing",
        "standing": claim.standing.value,
        "values": values_table(claim, settings),
    }
