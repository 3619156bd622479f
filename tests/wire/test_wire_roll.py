"""The roll, requests to be enrolled, and claims to what is one's own."""

from contextlib import suppress
from dataclasses import replace

import pytest

from mpc_market.wire.claim import Claimant, check_claim, make_claim
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.enrolment import EnrolRequest
from mpc_market.wire.errors import ContextError, SignatureError, WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.roll import Roll, RollArea, RollEntry, RollLine, RollRegion, RollSupplier, read_roll, sign_roll
from tests.wire.wire_round import MARKET, START, SUPPLIER, WireRound, sealing_key, signing_key

PLAYED = WireRound()
ROLL = PLAYED.roll
REGISTRAR = signing_key("registrar")


def test_a_roll_reads_what_was_signed():
    data = sign_roll(ROLL, REGISTRAR)
    roll = read_roll(data, MARKET, REGISTRAR.public)
    assert roll == ROLL
    assert roll.digest == ROLL.digest
    assert roll.by_meter()["meter-2"].maximum == 5000
    assert roll.by_supplier()[SUPPLIER].identity_key == signing_key(SUPPLIER).public


def test_an_empty_roll():
    roll = Roll(MARKET, 0, (), ())
    assert read_roll(sign_roll(roll, REGISTRAR), MARKET, REGISTRAR.public) == roll


def test_bad_rolls_do_not_verify():
    data = sign_roll(ROLL, REGISTRAR)
    with pytest.raises(SignatureError):
        read_roll(data, MARKET, signing_key("somebody").public)
    with pytest.raises(ContextError):
        read_roll(data, "elm-street", REGISTRAR.public)
    for bit in range(0, 8 * len(data), 7):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureError):
            read_roll(bytes(changed), MARKET, REGISTRAR.public)
    with pytest.raises(WireError, match="too few"):
        read_roll(bytes(63), MARKET, REGISTRAR.public)


def test_every_change_changes_the_digest():
    entry = ROLL.entries[0]
    changes = [
        replace(entry, identity_key=bytes(32)),
        replace(entry, sealing_key=b"\x09" + bytes(31)),
        replace(entry, region="south"),
        replace(entry, maximum=1),
        replace(entry, meter="aaa"),
    ]
    rolls = [replace(ROLL, entries=(changed, *ROLL.entries[1:])) for changed in changes]
    rolls += [ROLL, replace(ROLL, version=8), replace(ROLL, market="elm"), replace(ROLL, entries=ROLL.entries[1:])]
    assert len({roll.digest for roll in rolls}) == len(rolls)


def test_a_line_is_of_one_roll_and_every_change_is_seen():
    for meter in ROLL.by_meter():
        line = ROLL.line(meter)
        writer = Writer()
        line.write(writer)
        assert RollLine.read(Reader(writer.data())) == line
        assert line.digest(MARKET) == ROLL.digest
    changes = (
        {"version": 8},
        {"count": line.count + 1},
        {"entry": replace(line.entry, maximum=1)},
        {"entry": ROLL.entries[0]},
        {"entry_index": 0},
        {"entry_path": line.entry_path[::-1]},
        {"supplier": replace(line.supplier, identity_key=bytes(32))},
        {"supplier_path": line.supplier_path[1:]},
    )
    for change in changes:
        with suppress(WireError):
            assert replace(line, **change).digest(MARKET) != ROLL.digest, change
    assert line.digest("elm") != ROLL.digest
    with pytest.raises(WireError, match="not its own"):
        replace(line, supplier=replace(line.supplier, supplier="sun"))
    with pytest.raises(WireError, match="is not on version 7"):
        ROLL.line("nobody")


def test_bad_lists_of_a_roll():
    a, b = ROLL.entries[:2]
    supplier = ROLL.suppliers[0]
    for entries, suppliers, reason in (
        ((b, a), (supplier,), "ascending"),
        ((a, a), (supplier,), "ascending"),
        ((a, replace(a, maximum=1)), (supplier,), "ascending"),
        ((a,), (), "supplier 'green' has meters"),
        ((a,), (supplier, supplier), "ascending"),
        ([a], (supplier,), "not a tuple"),
    ):
        with pytest.raises(WireError, match=reason):
            Roll(MARKET, 1, entries, suppliers)


@pytest.mark.parametrize(
    "fields",
    [
        {"meter": "a/b"},
        {"identity_key": bytes(31)},
        {"sealing_key": b""},
        {"supplier": ""},
        {"region": "\n"},
        {"maximum": -1},
        {"maximum": 2**24},
    ],
)
def test_bad_entries(fields):
    with pytest.raises(WireError):
        replace(ROLL.entries[0], **fields)


def test_bad_suppliers():
    key = sealing_key("m").public
    for fields in ((SUPPLIER, bytes(31), key), (SUPPLIER, bytes(32), bytes(31)), ("a/b", bytes(32), key)):
        with pytest.raises(WireError):
            RollSupplier(*fields)
    assert RollEntry("m", bytes(32), key, "s", "r", 0).maximum == 0


def test_no_row_has_a_sealing_key_of_small_order():
    """A registrar that signed one would have every party stumble that seals to it."""
    key = sealing_key("m").public
    rows = [
        RollEntry("m", bytes(32), key, SUPPLIER, "north", 1),
        RollSupplier(SUPPLIER, bytes(32), key),
        RollRegion("north", bytes(32), key, "area"),
        RollArea("area", bytes(32), key),
    ]
    for row in rows:
        writer = Writer()
        row.write(writer)
        with pytest.raises(WireError, match=r"the sealing key of a \w+ is of small order"):
            type(row).read(Reader(writer.data().replace(key, bytes(32))))


def test_a_request_proves_the_identity_key():
    key = signing_key("new meter")
    request = EnrolRequest(MARKET, "541448820000000013", key.public, sealing_key("new meter").public)
    assert EnrolRequest.read(request.sign(key)) == request
    for data in (request.sign(signing_key("other")), request.encode() + bytes(64)):
        with pytest.raises(SignatureError):
            EnrolRequest.read(data)
    for data in (b"", request.encode(), request.sign(key) + b"\x00"):
        with pytest.raises(WireError):
            EnrolRequest.read(data)
    for fields in (
        {"meter": "a/b"},
        {"market": ""},
        {"identity_key": b""},
        {"sealing_key": b""},
        {"sealing_key": bytes(32)},
    ):
        with pytest.raises(WireError):
            replace(request, **fields)


def test_a_claim_is_for_one_party_round_and_owner():
    key = signing_key("meter-0")
    data = make_claim(PLAYED.terms, 1, Claimant.METER, "meter-0", key)
    check_claim(data, PLAYED.terms, 1, Claimant.METER, "meter-0", key.public)
    later = replace(PLAYED.terms, period=Period(MARKET, START + 900))
    again = replace(PLAYED.terms, challenge=bytes(32))
    for what, terms, party, claimant, name in (
        ("period", later, 1, Claimant.METER, "meter-0"),
        ("challenge", again, 1, Claimant.METER, "meter-0"),
        ("party", PLAYED.terms, 0, Claimant.METER, "meter-0"),
        ("meter", PLAYED.terms, 1, Claimant.METER, "meter-1"),
        ("supplier", PLAYED.terms, 1, Claimant.SUPPLIER, "meter-1"),
    ):
        with pytest.raises(ContextError) as caught:
            check_claim(data, terms, party, claimant, name, key.public)
        assert caught.value.what == what
    with pytest.raises(SignatureError):
        check_claim(data, PLAYED.terms, 1, Claimant.METER, "meter-0", signing_key("meter-1").public)
    # the claim of a meter is none of a supplier of that name
    with pytest.raises(SignatureError):
        check_claim(data, PLAYED.terms, 1, Claimant.SUPPLIER, "meter-0", key.public)
    for bad in (b"", data[:-1], data + b"\x00"):
        with pytest.raises(WireError):
            check_claim(bad, PLAYED.terms, 1, Claimant.METER, "meter-0", key.public)
