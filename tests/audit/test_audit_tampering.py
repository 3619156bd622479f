"""Any field of any record, and of any message in it, changed: noticed, and told with party and place."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from mpc_market.wire.agreement import SetSignature
from mpc_market.wire.message import PartyMessage, sign
from mpc_market.wire.opening import Opening
from mpc_market.wire.outcome import Outcome, Result
from mpc_market.wire.record import Record
from tests.audit.chains import STEP, Market, changed, linked
from tests.wire.wire_round import START, WireRound


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path).save()


def only(found: list[str]) -> str:
    assert len(found) == 1, found
    return found[0]


# --- any field of any record, changed at one party --------------------------------------------------------

Change = Callable[[dict[str, Any]], object]

FIELDS: dict[str, list[Change]] = {
    "market": [lambda table: "elm-street", lambda table: None],
    "openings": [
        lambda table: table["openings"][:-1],
        lambda table: [],
        lambda table: table["openings"][::-1],
        lambda table: [_flip(table["openings"][0]), *table["openings"][1:]],
    ],
    "outcomes": [
        lambda table: table["outcomes"][1:],
        lambda table: [],
        lambda table: [_flip(table["outcomes"][0]), *table["outcomes"][1:]],
    ],
    "parts": [
        lambda table: table["parts"][::-1],
        lambda table: [],
        lambda table: [_flip(table["parts"][0]), *table["parts"][1:]],
    ],
    "period": [lambda table: table["period"] + STEP * 9, lambda table: 2**39],
    "previous": [lambda table: _flip(table["previous"]), lambda table: "00" * 31],
    "price_word": [lambda table: table["price_word"] + 1, lambda table: 0, lambda table: None],
    "sequence": [lambda table: table["sequence"] + 1, lambda table: 2**62, lambda table: -1],
    "set": [lambda table: None],
    "set_count": [lambda table: table["set"]["count"] + 4, lambda table: 0],
    "set_digest": [lambda table: _flip(table["set"]["digest"])],
    "set_merkle_root": [lambda table: _flip(table["set"]["merkle_root"])],
    "set_signatures": [
        lambda table: table["set"]["signatures"][1:],
        lambda table: [*table["set"]["signatures"][:-1], _flip(table["set"]["signatures"][-1])],
    ],
    "standing": [lambda table: "void", lambda table: "pending"],
    "verdicts": [lambda table: [3, 1, 0], lambda table: [2, 0, 0], lambda table: None],
    "version": [lambda table: 2],
}


def _flip(text: str) -> str:
    """Hex with its last bit changed."""
    return text[:-1] + format(int(text[-1], 16) ^ 1, "x")


def test_all_fields_are_changed_below() -> None:
    table = json.loads(WireRound().record().encode())
    assert set(table) | {f"set_{name}" for name in table["set"]} == set(FIELDS)


@pytest.mark.parametrize(("party", "place"), [(0, 3), (1, 0), (1, 3)])
@pytest.mark.parametrize(("field", "change"), [(name, change) for name in FIELDS for change in FIELDS[name]])
def test_a_changed_field_is_noticed(market: Market, field: str, change: Change, party: int, place: int) -> None:
    """At the last record no later one names its digest: the record itself, or another party's, must show it."""
    chain = market.chain(party)
    chain[place] = changed(chain[place], **{field: change(json.loads(chain[place]))})
    market.write(party, chain)
    report = market.verify()
    assert not report.holds
    # it is said of which party's record, and of no other's
    assert any(line.startswith(f"party-{party}.jsonl:{place + 1}: ") for line in report.wrong)
    assert not any(line.startswith(f"party-{other}.jsonl") for line in report.wrong for other in {0, 1, 2} - {party})
    assert report.faults == []


@pytest.mark.parametrize(("field", "change"), [(name, change) for name in FIELDS for change in FIELDS[name]])
def test_a_changed_field_is_noticed_also_where_all_later_places_are_mended(
    market: Market, field: str, change: Change
) -> None:
    if field in ("previous", "sequence"):
        return  # that is what is mended
    chain = market.chain(1)
    chain[0] = changed(chain[0], **{field: change(json.loads(chain[0]))})
    try:
        chain = linked(chain)
    except ValueError:
        return  # no record any more: noticed above
    market.write(1, chain)
    assert any("party-1.jsonl:1: " in line for line in market.verify().wrong)


@pytest.mark.parametrize(
    "field", ["market", "outcomes", "period", "previous", "price_word", "sequence", "standing", "version"]
)
def test_a_changed_field_of_a_void_round_is_noticed(tmp_path: Path, field: str) -> None:
    """What else is there of a void round may differ from party to party; what is there must hold."""
    market = Market(tmp_path, rounds=3).save()
    chain = market.chain(1)
    values = {
        "market": "elm-street", "outcomes": [], "period": START, "previous": "11" * 32, "price_word": 3,
        "sequence": 7, "standing": "result", "version": 0,
    }  # fmt: skip
    chain[2] = changed(chain[2], **{field: values[field]})
    market.write(1, chain)
    assert any("party-1.jsonl:3: " in line for line in market.verify().wrong)


# --- fields of the signed messages, also where their signer helps -----------------------------------------


def _other(value: object) -> object:
    """Another value of the same kind."""
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, int):
        return value + 1
    assert isinstance(value, Result)
    return replace(value, price_word=value.price_word + 1)


def message_fields(kind: type[PartyMessage]) -> list[tuple[type[PartyMessage], str]]:
    return [(kind, field.name) for field in fields(kind) if field.name not in ("period", "party")]


MESSAGES = [*message_fields(Opening), *message_fields(SetSignature), *message_fields(Outcome)]


@pytest.mark.parametrize("resigned", [False, True])
@pytest.mark.parametrize(("kind", "field"), MESSAGES)
def test_a_changed_field_of_a_message_is_noticed(
    market: Market, kind: type[PartyMessage], field: str, resigned: bool
) -> None:
    """`resigned`: party 1 itself signs the changed message, which proves its fault."""

    def content(played: WireRound, party: int) -> Record:
        record = played.record()
        if party != 1:
            return record
        listed = {Opening: record.openings, Outcome: record.outcomes, SetSignature: record.agreed.signatures}[kind]
        before = listed[1]
        message = replace(before.message, **{field: _other(getattr(before.message, field))})
        after = sign(message, played.signing[1]) if resigned else replace(before, message=message)
        now = (listed[0], after, listed[2])
        if kind is Opening:
            return replace(record, openings=now)
        if kind is Outcome:
            return replace(record, outcomes=now)
        return replace(record, agreed=replace(record.agreed, signatures=now))

    market.with_content(3, content).save()
    report = market.verify()
    text = "\n".join(report.wrong)
    if resigned:
        assert f"party 1 has signed 2 different messages of the kind '{kind.KIND}'" in only(report.faults)
        assert "party-0.jsonl:4" in report.faults[0]
        assert "party-1.jsonl:4" in report.faults[0]
        assert "party-1.jsonl:4" in text
    else:
        assert report.faults == []
        assert "party-1.jsonl:4: " in text


def test_all_parties_together_cannot_change_a_result_later(market: Market) -> None:
    """All m sign another price and mend one chain: the two signatures of each of them are the proof."""

    def other(played: WireRound, party: int) -> Record:
        content = replace(played.result, price_word=1)
        signed = tuple(sign(Outcome(played.period, j, content), key) for j, key in enumerate(played.signing))
        return replace(played.record(), outcomes=signed)

    chain = market.chain(0)
    chain[0] = other(market.rounds[0], 0).encode()
    market.write(0, linked(chain))
    report = market.verify()
    assert "the chains tell of different outcomes: party-0.jsonl:1 a price of tick 0; party-1.jsonl:1" in only(
        report.wrong
    )
    assert [fault.split("party ")[1][0] for fault in report.faults] == ["0", "1", "2"]
