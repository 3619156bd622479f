"""The judgement for people, and as JSON. Quantities and prices are in it: it is for those who are in dispute."""

import json
from collections.abc import Iterator

from mpc_market.wire.identifiers import Period
from parties.arbiter.claims import Claim
from parties.arbiter.judging import Judgement
from parties.files.problems import printable
from parties.meter.periods import period_text

SHOWN = 50


def lines(judgement: Judgement) -> Iterator[str]:
    """Claim by claim: how it stands, why, and whose signature decides it."""
    asked = judgement.asked
    yield f"dispute {asked.number} of meter {printable(asked.meter, 64)} in market {asked.market}"
    for claim in judgement.claims:
        yield f"{claim.standing.value.upper()}: {claim.kind.value} ({_round(claim.round)})"
        yield f"    {printable(claim.reason, 500)}"
        for name, value in claim.values.items():
            yield f"    {name}: {printable(json.dumps(value), 200)}"
        if claim.proof:
            yield f"    by {claim.proof}"
    yield from _listed("WRONG", judgement.faults)
    yield from _listed("to know", judgement.notes)


def as_json(judgement: Judgement) -> str:
    """The same for programs."""
    asked = judgement.asked
    table = {
        "claims": [_table(claim) for claim in judgement.claims],
        "market": asked.market,
        "meter": asked.meter,
        "notes": judgement.notes,
        "number": asked.number,
        "wrong": judgement.faults,
    }
    return json.dumps(table, indent=1) + "\n"


def _table(claim: Claim) -> dict[str, object]:
    return {
        "claim": claim.kind.name.lower(),
        "market": claim.round.market,
        "period": claim.round.start,
        "proof": claim.proof,
        "reason": claim.reason,
        "says": claim.kind.value,
        "standing": claim.standing.value,
        "values": dict(claim.values),
    }


def _round(period: Period) -> str:
    return f"{period.market}, {period_text(period.start)}"


def _listed(title: str, texts: list[str]) -> Iterator[str]:
    if texts:
        yield f"{title}:"
    for text in texts[:SHOWN]:
        yield f"  - {printable(text, 500)}"
    if len(texts) > SHOWN:
        yield f"  - and {len(texts) - SHOWN} more"
