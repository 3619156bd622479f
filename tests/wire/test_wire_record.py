"""The public record and its chain: complete, canonical, and any change noticed."""

import json
from dataclasses import replace

import pytest

from mpc_market.wire.agreement import SetSignature
from mpc_market.wire.audit import check_chain, check_record, same_round
from mpc_market.wire.digest import digest
from mpc_market.wire.errors import ContextError, SignatureError, WireError
from mpc_market.wire.message import sign
from mpc_market.wire.outcome import Outcome, Result, Standing, Void, VoidReason
from mpc_market.wire.record import GENESIS, Record, SetFacts
from tests.wire.wire_round import START, WireRound


@pytest.fixture(scope="module", params=[3, 5])
def played(request) -> WireRound:
    return WireRound(parties=request.param)


@pytest.fixture(scope="module")
def record(played) -> Record:
    return played.record()


def void(played: WireRound, party: int = 1, reason: VoidReason = VoidReason.NOT_COMPUTED) -> tuple:
    return (sign(Outcome(played.period, party, Void(reason)), played.signing[party]),)


def signed_by_all(played: WireRound, result: Result) -> Record:
    """The record of another result than was computed."""
    outcomes = tuple(sign(Outcome(played.period, j, result), key) for j, key in enumerate(played.signing))
    return replace(played.record(), outcomes=outcomes)


def test_a_result_is_proved_by_its_record(played, record):
    audited = check_record(Record.decode(record.encode()), played.committee)
    assert (audited.standing, audited.price) == (Standing.RESULT, played.clearing.price)
    assert audited.terms == played.terms
    assert audited.randomness == played.randomness


def test_the_record_is_canonical_json(played, record):
    text = record.encode().decode("ascii")
    table = json.loads(text)
    assert text == json.dumps(table, sort_keys=True, separators=(",", ":"))
    assert table["price_word"] == (played.clearing.price or 0) + 1
    assert (table["standing"], table["verdicts"], table["set"]["count"]) == ("result", [4, 0, 0], 4)
    assert record.digest == digest("record", record.encode())


def test_the_record_names_no_meter(played, record):
    text = record.encode()
    for submission in played.submissions:
        name = submission.header.meter.encode()
        assert name not in text
        assert name.hex().encode() not in text
        assert submission.header.digest.hex().encode() not in text


def test_every_party_writes_the_same_record_of_a_result(played, record):
    assert WireRound(parties=played.parties).openings == played.openings
    assert Record.decode(record.encode()).encode() == played.record().encode()


# --- void rounds: what there is, and no more --------------------------------------------------------------


def test_a_void_round_may_have_stopped_anywhere(played, record):
    nothing = replace(record, outcomes=void(played), openings=(), agreed=None, parts=())
    opened = replace(nothing, openings=record.openings)
    partly_signed = replace(record.agreed, signatures=record.agreed.signatures[1:])
    stages = [
        nothing,
        replace(nothing, openings=record.openings[1:]),
        opened,
        replace(opened, agreed=partly_signed),
        replace(opened, agreed=record.agreed),
        replace(opened, agreed=record.agreed, parts=record.parts),
        replace(record, outcomes=void(played)),
        replace(record, outcomes=(record.outcomes[0], *void(played))),
    ]
    for stage in stages:
        audited = check_record(Record.decode(stage.encode()), played.committee)
        assert (audited.standing, audited.price) == (Standing.VOID, None)
        table = json.loads(stage.encode())
        assert (table["standing"], table["price_word"]) == ("void", None)


def test_bad_void_records(played, record):
    nothing = replace(record, outcomes=void(played), openings=(), agreed=None, parts=())
    for bad, reason in (
        (replace(nothing, agreed=record.agreed), "without the openings of all"),
        (replace(nothing, openings=record.openings, parts=record.parts), "without a set"),
        (
            replace(
                record, outcomes=void(played), agreed=replace(record.agreed, signatures=record.agreed.signatures[1:])
            ),
            "not of all",
        ),
    ):
        with pytest.raises(WireError, match=reason):
            check_record(bad, played.committee)
    with pytest.raises(WireError, match="without an outcome"):
        replace(record, outcomes=())


# --- changes ----------------------------------------------------------------------------------------------


def test_bad_records_of_a_result(played, record):
    agreed = record.agreed
    other_round = WireRound(parties=played.parties, start=START + 900).record()
    for bad in (
        replace(record, openings=record.openings[:-1]),
        replace(record, openings=()),
        replace(record, outcomes=record.outcomes[:-1]),
        replace(record, agreed=None),
        replace(record, parts=()),
        replace(record, parts=record.parts[::-1]),
        replace(record, parts=record.parts[1:]),
        *(signed_by_all(played, replace(played.result, verdict_counts=(count, 0, 0))) for count in (0, 3, 5)),
        replace(record, agreed=replace(agreed, count=8)),
        replace(record, agreed=replace(agreed, merkle_root=bytes(32))),
        replace(record, agreed=replace(agreed, digest=bytes(32))),
        replace(record, agreed=replace(agreed, signatures=agreed.signatures[:-1])),
        replace(record, agreed=other_round.agreed),
        replace(record, openings=other_round.openings),
        replace(record, outcomes=other_round.outcomes),
        replace(record, period=other_round.period),
    ):
        with pytest.raises(WireError):
            check_record(Record.decode(bad.encode()), played.committee)


def test_bad_signatures_in_a_record(played, record):
    forged = replace(record.outcomes[1], signature=record.outcomes[0].signature)
    agreed = record.agreed
    for bad in (
        replace(record, outcomes=(record.outcomes[0], forged, *record.outcomes[2:])),
        replace(record, openings=(replace(record.openings[0], signature=bytes(64)), *record.openings[1:])),
        replace(
            record,
            agreed=replace(
                agreed, signatures=(replace(agreed.signatures[0], signature=bytes(64)), *agreed.signatures[1:])
            ),
        ),
    ):
        with pytest.raises(SignatureError):
            check_record(bad, played.committee)


def test_a_result_of_another_set_is_refused(played, record):
    content = replace(played.result, set_digest=bytes(32))
    outcomes = tuple(sign(Outcome(played.period, j, content), key) for j, key in enumerate(played.signing))
    with pytest.raises(ContextError, match="another set"):
        check_record(replace(record, outcomes=outcomes), played.committee)


def change(record: Record, **fields: object) -> bytes:
    table = {**json.loads(record.encode()), **fields}
    return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2},
        {"version": True},
        {"standing": "void"},
        {"price_word": 1},
        {"price_word": None},
        {"sequence": -1},
        {"sequence": 0.0},
        {"sequence": "0"},
        {"sequence": False},
        {"period": str(START)},
        {"market": "Oak"},
        {"market": None},
        {"previous": "00"},
        {"previous": "AB" * 32},
        {"previous": " " + "00" * 32},
        {"previous": 0},
        {"openings": {}},
        {"openings": None},
        {"openings": ["zz"]},
        {"openings": ["00" * 100]},
        {"openings": [7]},
        {"parts": ["00"]},
        {"parts": "00"},
        {"parts": 7},
        {"set": []},
        {"set": {"count": 1}},
        {"verdicts": [1, 2]},
        {"verdicts": [1, 2, 3, 4]},
        {"verdicts": [True, 0, 0]},
        {"verdicts": {}},
        {"verdicts": 3},
        {"outcomes": []},
        {"extra": 1},
    ],
)
def test_bad_fields_of_a_record(record, fields):
    assert change(record) == record.encode()
    with pytest.raises(WireError):
        Record.decode(change(record, **fields))


def test_bad_bytes_of_a_record(record):
    data = record.encode()
    deep = b"[" * 100_000
    for bad in (
        b"", b"null", b"[]", b"{}", data + b"\n", b" " + data, data[:-1], data.replace(b'":', b'": ', 1),
        data.replace(b"market", b"\\u006darket"), b"\xef\xbb\xbf" + data, b"\xff", deep, b'{"a":' * 100_000,
        data.replace(b'"sequence":0', b'"sequence":' + b"9" * 5000), data.replace(b'"sequence":0', b'"sequence":NaN'),
        b'{"market":"x",' + data[1:], data.decode().encode("utf-16"),
    ):  # fmt: skip
        with pytest.raises(WireError):
            Record.decode(bad)


# --- the chain --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain(played) -> list[Record]:
    records: list[Record] = []
    for i in range(4):
        round_ = WireRound(parties=played.parties, start=START + 900 * i)
        previous = records[-1].digest if records else GENESIS
        made = round_.record(i, previous)
        if i == 2:
            made = replace(made, outcomes=void(round_), agreed=None, parts=())
        records.append(made)
    return records


def test_a_chain_holds(played, chain):
    audited = check_chain(chain, lambda _: played.committee)
    assert [found.standing.value for found in audited] == ["result", "result", "void", "result"]
    # from the middle on
    assert len(check_chain(chain[2:], lambda _: played.committee, chain[1].digest, 2)) == 2
    assert check_chain([], lambda _: played.committee) == []


def test_bad_chains(played, chain):
    a, b, c, d = chain
    again = replace(b, sequence=2, previous=b.digest)
    late_start = replace(a, previous=b"\x01" * 32)
    for bad, reason in (
        ([b], "record 1 where record 0"),
        ([a, c, d], "record 2 where record 1"),
        ([a, b, c, c], "record 2 where record 3"),
        ([a, replace(c, sequence=1)], "does not name the digest"),
        ([a, replace(b, previous=bytes(32))], "does not name the digest"),
        ([late_start], "does not name the digest"),
        ([a, b, again], "the second of this round"),
    ):
        with pytest.raises(WireError, match=reason):
            check_chain(bad, lambda _: played.committee)


def test_a_changed_record_breaks_the_chain_behind_it(played, chain):
    a, b, c, d = chain
    changed = replace(c, outcomes=void(WireRound(parties=played.parties, start=START + 1800), 2))
    assert len(check_chain([a, b, changed], lambda _: played.committee)) == 3
    with pytest.raises(WireError, match="does not name the digest"):
        check_chain([a, b, changed, d], lambda _: played.committee)


def test_two_parties_tell_the_same_of_a_result(played, record):
    same_round(record, replace(record, sequence=5, previous=b"\x01" * 32))
    same_round(replace(record, outcomes=void(played)), replace(record, outcomes=void(played, 2)))
    with pytest.raises(WireError, match="a result, another's a void"):
        same_round(record, replace(record, outcomes=void(played)))
    other = tuple(
        sign(Outcome(played.period, j, replace(played.result, price_word=2)), key)
        for j, key in enumerate(played.signing)
    )
    with pytest.raises(WireError, match="different results"):
        same_round(record, replace(record, outcomes=other))
    with pytest.raises(ContextError):
        same_round(record, WireRound(parties=played.parties, start=START + 900).record())


def test_bad_facts_of_a_set(record):
    agreed = record.agreed
    for fields in ({"digest": bytes(31)}, {"count": -1}, {"merkle_root": b""}, {"signatures": agreed.signatures[::-1]}):
        with pytest.raises(WireError):
            replace(agreed, **fields)
    assert isinstance(agreed, SetFacts)


def test_a_signature_on_another_set_is_refused(played, record):
    """In a void round too, where not all signatures need be there."""
    other = sign(SetSignature(played.period, 0, bytes(32)), played.signing[0])
    agreed = replace(record.agreed, signatures=(other, *record.agreed.signatures[1:]))
    for bad in (replace(record, agreed=agreed), replace(record, agreed=agreed, parts=(), outcomes=void(played))):
        with pytest.raises(ContextError, match="party 0 signed another set"):
            check_record(bad, played.committee)
