"""Whatever arrives: a message whose only encoding it is, or `WireError`, and nothing else.

Valid messages with bytes changed, cut out, put in or swapped, pieces of two messages, and random bytes; the same for
what is inside a seal; and then the functions that work on messages that parse but are wrong in every field.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.wire.agreement import Held, SetSignature, agree, all_signed
from mpc_market.wire.audit import check_record
from mpc_market.wire.claim import Claim, Claimant, check_claim, make_claim
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.delivery import Delivery, open_delivery
from mpc_market.wire.disclosure import (
    AccountShare,
    Disclosed,
    HeldByParty,
    LineShare,
    MonthShares,
    Place,
    ResultShare,
    RoundShares,
    make_disclosure,
    open_disclosure,
)
from mpc_market.wire.dispute import (
    Arbiter,
    DisputeReceipt,
    DisputeRequest,
    check_dispute,
    dispute_digest,
    sign_dispute,
    split_dispute,
)
from mpc_market.wire.enrolment import EnrolRequest
from mpc_market.wire.errors import WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.message import PartyMessage, read_signed, sign
from mpc_market.wire.opening import Opening, terms_of
from mpc_market.wire.outcome import Outcome, standing
from mpc_market.wire.part_share import PartShare, RevealedShares, deal_part_shares, open_part_share, rebuild
from mpc_market.wire.randomness import Reveal, check_reveal
from mpc_market.wire.receipt import Receipt, accepted, receipt_for
from mpc_market.wire.reception import receive
from mpc_market.wire.record import Record
from mpc_market.wire.roll import Roll, read_roll, sign_roll
from mpc_market.wire.sealing import seal
from mpc_market.wire.sharing import deal
from mpc_market.wire.sheet import Content, Row, Sheet, Title, make_sheet, receive_sheet
from mpc_market.wire.showing import ShownHeaders, genuine
from mpc_market.wire.submission import Submission, check, open_seal
from mpc_market.wire.tariff import Tariff, check_tariff, sign_tariff, split_tariff
from mpc_market.wire.totals import Totals, receive_totals
from mpc_market.wire.verdicts import Verdict, Verdicts
from tests.wire.wire_round import MARKET, SUPPLIER, WireRound, sealing_key, signing_key

PLAYED = WireRound()
TERMS, KEYS = PLAYED.terms, PLAYED.sealing
REGISTRAR = signing_key("registrar")


def enrol_request() -> bytes:
    key = signing_key("m")
    return EnrolRequest(MARKET, "m", key.public, sealing_key("m").public).sign(key)


TITLE = Title(
    Claimant.SUPPLIER, SUPPLIER, Content.TOTALS, 1, 2, (Row("supplier/green", 5, (1, -1)), Row("supplier/red", 6))
)
SHEETS = {
    j: make_sheet(PLAYED.period, j, TITLE, words, sealing_key(SUPPLIER).public)
    for j, words in enumerate(deal([1, 2, 3, 4], 3))
}
TARIFF = Tariff(MARKET, SUPPLIER, 1, 0, 900, 2000, 400, 300)


ARBITER = Arbiter("ombudsman", signing_key("ombudsman").public, sealing_key("ombudsman").public)
DISPUTE = sign_dispute(
    DisputeRequest(MARKET, "meter-0", 7, ARBITER, (0, PLAYED.period.start), 0), signing_key("meter-0")
)


def disclosed(stage: Stage) -> Disclosed:
    """What party 1 holds of a meter."""
    place, held = Place(4, 2, ((bytes(32), bytes(range(32))),)), PLAYED.submissions[0]
    share = open_seal(held.box(1) or b"", PLAYED.sealing[1], held.header, 1, PLAYED.settings)
    content: RoundShares | MonthShares = RoundShares(
        (HeldByParty(held.header, held.signature, share, b"receipt"), HeldByParty(held.header, bytes(64), None, b"")),
        ResultShare(1, Verdict.VALID, place, (1, 2, 3)),
        (b"tariff", place),
    )
    if stage is Stage.CLOSING:
        account = AccountShare(SUPPLIER, 5, 1, 9, (LineShare((1, -2), 5, (1, 2, 3, 4, 5, 6, 7)),))
        content = MonthShares(PLAYED.held[1].items, (account,))
    return Disclosed(1, WireRound().roll.line("meter-0"), content)


def disclosed_again(stage: Stage) -> Callable[[bytes], bytes]:
    def parse(data: bytes) -> bytes:
        reader = Reader(data)
        found = Disclosed.read(reader, stage)
        reader.end()
        return found.write(Writer()).data()

    return parse


DISCLOSURE = make_disclosure(
    PLAYED.period, 1, "meter-0", dispute_digest(DISPUTE), disclosed(Stage.CLEARING), ARBITER.sealing_key
)


def read_dispute(data: bytes) -> None:
    request, signature = split_dispute(data)
    check_dispute(request, signature, MARKET, signing_key("meter-0").public)


def read_tariff(data: bytes) -> None:
    tariff, signature = split_tariff(data)
    check_tariff(tariff, signature, MARKET, signing_key(SUPPLIER).public, 12)


@cache
def party_messages() -> dict[type[PartyMessage], bytes]:
    """One valid message of every kind."""
    messages = [
        PLAYED.openings[1],
        deal_part_shares(PLAYED.parts[1], 1, TERMS)[0],
        RevealedShares(PLAYED.period, 1, TERMS.challenge, ((0, (1, 2, 3, 4, 5)), (2, (1, 2, 3, 4, 5)))),
        receipt_for(PLAYED.submissions[0].header, 1, 5),
        PLAYED.held[1],
        PLAYED.shown(1, 0, 1),
        PLAYED.set_signatures[1],
        PLAYED.reveals[1],
        PLAYED.verdicts[1],
        PLAYED.outcomes[1],
        PLAYED.delivered()[0][1],
        PLAYED.totals(1, 2)[1],
        SHEETS[1],
        DisputeReceipt(PLAYED.period, 1, dispute_digest(DISPUTE), 5),
        DISCLOSURE,
    ]
    return {type(message): message.encode() for message in messages}


def encoded_again(kind: type[PartyMessage]) -> Callable[[bytes], bytes]:
    return lambda data: kind.decode(data).encode()


PARSERS: dict[str, tuple[Callable[[bytes], bytes], bytes]] = {
    "header": (lambda data: Header.decode(data).encode(), PLAYED.submissions[0].header.encode()),
    "submission": (lambda data: Submission.decode(data).encode(), PLAYED.submissions[0].encode()),
    "roll": (lambda data: Roll.decode(data).encode(), PLAYED.roll.encode()),
    "record": (lambda data: Record.decode(data).encode(), PLAYED.record().encode()),
    "tariff": (lambda data: Tariff.decode(data).encode(), TARIFF.encode()),
    "dispute": (lambda data: b"".join((split_dispute(data)[0].encode(), split_dispute(data)[1])), DISPUTE),
    **{
        f"disclosed of a {stage or 'clearing'}": (disclosed_again(stage), disclosed(stage).write(Writer()).data())
        for stage in (Stage.CLEARING, Stage.CLOSING)
    },
    "claim": (
        lambda data: b"".join((Claim.decode(data)[0].encode(), Claim.decode(data)[1])),
        make_claim(TERMS, 1, Claimant.METER, "meter-0", signing_key("meter-0")),
    ),
    **{kind.KIND: (encoded_again(kind), data) for kind, data in party_messages().items()},
}


def test_the_list_of_parsers_is_complete():
    assert len(PARSERS) == 9 + 15
    for parse, valid in PARSERS.values():
        assert parse(valid) == valid


@st.composite
def mutated(draw: st.DrawFn, valid: bytes, other: bytes) -> bytes:
    """A valid message after one to three changes."""
    data = valid
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        kind = draw(st.sampled_from(["bytes", "cut", "put", "end", "splice", "length", "swap"]))
        if kind == "bytes":
            data = data[:at] + draw(st.binary(min_size=1, max_size=8)) + data[at + 8 :]
        elif kind == "cut":
            data = data[:at] + data[at + length :]
        elif kind == "put":
            data = data[:at] + draw(st.binary(max_size=40)) + data[at:]
        elif kind == "end":
            data = data[:at]
        elif kind == "splice":
            data = data[:at] + other[draw(st.integers(0, len(other))) :]
        elif kind == "length":
            # a small number where a length may stand
            data = data[:at] + bytes([draw(st.sampled_from([0, 1, 2, 3, 64, 127, 128, 255]))]) + data[at + 1 :]
        else:
            data = data[:at] + data[at : at + length][::-1] + data[at + length :]
    return data


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=150)
@given(data=st.data())
def test_a_message_or_a_wire_error(name, data):
    parse, valid = PARSERS[name]
    other = PARSERS[data.draw(st.sampled_from(sorted(PARSERS)))][1]
    received = data.draw(st.one_of(mutated(valid, other), st.binary(max_size=300)))
    try:
        again = parse(received)
    except WireError:
        return
    assert again == received


SIGNED: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "roll": (lambda data: read_roll(data, MARKET, REGISTRAR.public), sign_roll(PLAYED.roll, REGISTRAR)),
    "tariff": (read_tariff, sign_tariff(TARIFF, signing_key(SUPPLIER))),
    "dispute": (read_dispute, DISPUTE),
    "enrol request": (EnrolRequest.read, enrol_request()),
    "claim": (
        lambda data: check_claim(data, TERMS, 1, Claimant.METER, "meter-0", signing_key("meter-0").public),
        PARSERS["claim"][1],
    ),
    **{
        kind.KIND: (
            lambda data, kind=kind: read_signed(kind, data, PLAYED.committee),
            sign(kind.decode(data), PLAYED.signing[1]).encode(),
        )
        for kind, data in party_messages().items()
    },
}


@pytest.mark.parametrize("name", SIGNED)
@settings(max_examples=60)
@given(data=st.data())
def test_nothing_but_the_signed_message_verifies(name, data):
    read, valid = SIGNED[name]
    read(valid)
    received = data.draw(st.one_of(mutated(valid, valid), st.binary(max_size=300)))
    if received != valid:
        with pytest.raises(WireError):
            read(received)


# --- inside seals -----------------------------------------------------------------------------------------


METER, SUPPLIER_KEY = sealing_key("meter-0"), sealing_key(SUPPLIER)
PART_SHARE, DELIVERED, TOTALS = (
    deal_part_shares(PLAYED.parts[1], 1, TERMS)[0],
    PLAYED.delivered()[0],
    PLAYED.totals(1, 2),
)
SEALED_TEXTS = [
    KEYS[0].open(PLAYED.submissions[0].box(0) or b""),
    KEYS[0].open(PART_SHARE.box),
    METER.open(DELIVERED[1].box),
    SUPPLIER_KEY.open(TOTALS[1].box),
    SUPPLIER_KEY.open(SHEETS[1].box),
    sealing_key("ombudsman").open(DISCLOSURE.box),
]


def readers(text: bytes) -> list[Callable[[], object]]:
    """Everyone who opens a seal, and finds this in it."""
    delivered = {**DELIVERED, 1: replace(DELIVERED[1], box=seal(METER.public, text))}
    totals = {**TOTALS, 1: replace(TOTALS[1], box=seal(SUPPLIER_KEY.public, text))}
    sheets = {**SHEETS, 1: replace(SHEETS[1], box=seal(SUPPLIER_KEY.public, text))}
    disclosure = replace(DISCLOSURE, box=seal(ARBITER.sealing_key, text))
    part_share, box = replace(PART_SHARE, box=seal(KEYS[0].public, text)), seal(KEYS[0].public, text)
    header, result, settings_ = PLAYED.submissions[0].header, PLAYED.result, PLAYED.settings
    return [
        lambda: open_seal(box, KEYS[0], header, 0, settings_),
        lambda: open_part_share(part_share, 0, KEYS[0], TERMS),
        lambda: open_delivery(delivered[1], METER),
        lambda: receive(header, PLAYED.book[0], delivered, result, TERMS, METER),
        lambda: receive_totals(SUPPLIER, totals, result, TERMS, SUPPLIER_KEY, settings_, 1),
        lambda: receive_sheet(Claimant.SUPPLIER, SUPPLIER, Content.TOTALS, sheets, TERMS, SUPPLIER_KEY),
        lambda: open_disclosure(disclosure, sealing_key("ombudsman")),
    ]


@settings(max_examples=150)
@given(st.data())
def test_whatever_a_seal_holds(data):
    valid = data.draw(st.sampled_from(SEALED_TEXTS))
    text = data.draw(st.one_of(mutated(valid, SEALED_TEXTS[0]), st.binary(max_size=200)))
    for read in readers(text):
        try:
            read()
        except WireError:
            continue


# --- messages that parse, and are wrong -------------------------------------------------------------------


def parsed(kind: type[PartyMessage], data: st.DataObject) -> PartyMessage:
    """A valid message of a kind, or a changed one that still parses."""
    valid = party_messages()[kind]
    try:
        return kind.decode(data.draw(mutated(valid, valid)))
    except WireError:
        return kind.decode(valid)


@settings(max_examples=150)
@given(st.data(), st.integers(0, 3))
def test_functions_of_a_round_take_any_message_or_raise_a_wire_error(data, party):
    def one(kind):
        return parsed(kind, data)

    set_digest, header = PLAYED.agreed.digest(), PLAYED.submissions[0].header
    shares, market = {1: one(RevealedShares), 2: one(RevealedShares)}, PLAYED.settings
    for run in (
        lambda: terms_of({**PLAYED.openings, party: one(Opening)}, 3),
        lambda: open_part_share(one(PartShare), 0, KEYS[0], TERMS),
        lambda: rebuild(0, shares, TERMS),
        lambda: accepted({party: one(Receipt)}, header),
        lambda: agree({**PLAYED.held, party: one(Held)}, TERMS, 1),
        lambda: genuine({party: one(ShownHeaders)}, TERMS, PLAYED.roll.by_meter()),
        lambda: all_signed({**PLAYED.set_signatures, party: one(SetSignature)}, set_digest, TERMS),
        lambda: check_reveal(one(Reveal), set_digest, TERMS),
        lambda: one(Verdicts).digest,
        lambda: standing({**PLAYED.outcomes, party: one(Outcome)}, 3),
        lambda: receive(
            header,
            PLAYED.book[0],
            {**DELIVERED, party: one(Delivery)},
            PLAYED.result,
            TERMS,
            METER,
        ),
        lambda: receive_totals(SUPPLIER, {**TOTALS, party: one(Totals)}, PLAYED.result, TERMS, SUPPLIER_KEY, market, 1),
        lambda: receive_sheet(
            Claimant.SUPPLIER, SUPPLIER, Content.TOTALS, {**SHEETS, party: one(Sheet)}, TERMS, SUPPLIER_KEY
        ),
    ):
        try:
            run()
        except WireError:
            continue


@settings(max_examples=100)
@given(st.data())
def test_a_changed_submission_is_not_accepted(data):
    """Every change of a submission is noticed by the party that it is sent to; of another party's seal, by that one."""
    submission, other = PLAYED.submissions[0].only_for(1), PLAYED.submissions[1].only_for(1)
    received = data.draw(mutated(submission.encode(), other.encode()))
    if received in (submission.encode(), other.encode()):
        return
    with pytest.raises(WireError):
        taken_in(received)


def taken_in(data: bytes) -> None:
    """What party 1 does with a body."""
    submission, by_meter = Submission.decode(data), PLAYED.roll.by_meter()
    check(submission, TERMS, by_meter.get(submission.header.meter, PLAYED.roll.entries[0]), 1)
    box = submission.box(1)
    if box is None:
        raise WireError("no seal for this party")
    open_seal(box, KEYS[1], submission.header, 1, PLAYED.settings)


RECORD = PLAYED.record().encode()


@settings(max_examples=200)
@given(st.data())
def test_a_changed_record_is_not_a_record_of_the_round(data):
    """`sequence` and `previous` are free until the chain is checked; nothing else is."""
    received = data.draw(
        st.one_of(mutated(RECORD, RECORD), st.integers(0, len(RECORD) - 1).map(lambda at: flipped_digit(RECORD, at)))
    )
    try:
        record = Record.decode(received)
        check_record(record, PLAYED.committee)
    except WireError:
        return
    assert PLAYED.record(record.sequence, record.previous) == record


def flipped_digit(record: bytes, at: int) -> bytes:
    """One hex or decimal digit changed into another."""
    digit = record[at : at + 1]
    return record[:at] + (b"1" if digit == b"0" else b"0" if digit.isdigit() else digit) + record[at + 1 :]
