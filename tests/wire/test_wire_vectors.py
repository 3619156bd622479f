"""The vectors of the wire formats: made anew byte for byte, understood by the package, and by a client of its own.

The client here is what a vendor would write from docs/wire.md: struct, SHA-256, Ed25519 and sealed boxes, and nothing
of `mpc_market.wire`.
"""

import json
import struct
from dataclasses import replace
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

import pytest
from nacl.bindings import (
    crypto_box_seal_open,
    crypto_scalarmult_base,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)

from mpc_market.rules.model import Market, Order, Side
from mpc_market.wire import errors
from mpc_market.wire.agreement import Held, SetSignature
from mpc_market.wire.audit import check_record
from mpc_market.wire.claim import Claimant, check_claim
from mpc_market.wire.committee import Committee
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.enrolment import EnrolRequest
from mpc_market.wire.errors import ContextError, DeliveryError, WireError
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.message import PartyMessage, read_signed
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.outcome import Outcome, Void, VoidReason, result_of
from mpc_market.wire.part_share import PartShare, RevealedShares, open_part_share, rebuild
from mpc_market.wire.randomness import Reveal, check_reveal
from mpc_market.wire.receipt import Receipt, accepted
from mpc_market.wire.reception import receive
from mpc_market.wire.record import Record
from mpc_market.wire.roll import Roll, read_roll
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.sheet import Content, Sheet, receive_sheet
from mpc_market.wire.showing import ShownHeaders, genuine
from mpc_market.wire.submission import Submission, check, open_seal
from mpc_market.wire.tariff import check_tariff, split_tariff
from mpc_market.wire.totals import Totals, receive_totals
from mpc_market.wire.verdicts import Verdicts
from tests.vectors.make_wire import make, text_of

FILE = Path(__file__).resolve().parents[1] / "vectors" / "wire.json"
TEXT = FILE.read_text(encoding="utf-8")
V = json.loads(TEXT)
S = V["submission"]
METER = S["meter"]
MARKET = Market(V["market"]["price_bits"], V["market"]["quantity_bits"])
COMMITTEE = Committee(
    V["market"]["id"], tuple(bytes.fromhex(V["keys"][f"party {j}"]["signing_public"]) for j in range(3))
)
P = 2**61 - 1


def read(kind: type[PartyMessage], vector: dict[str, str]) -> Any:
    """A vector of a party's message, checked by the package."""
    message = read_signed(kind, bytes.fromhex(vector["signed"]), COMMITTEE).message
    assert message.encode().hex() == vector["message"]
    return message


def secret(name: str) -> SealingKey:
    return SealingKey(bytes.fromhex(V["keys"][name]["sealing_secret"]))


def terms() -> Terms:
    return terms_of({j: read(Opening, vector) for j, vector in enumerate(V["openings"])}, 3)


def roll() -> Roll:
    registrar = bytes.fromhex(V["keys"]["registrar"]["signing_public"])
    return read_roll(bytes.fromhex(V["roll"]["signed"]), COMMITTEE.market, registrar)


def test_the_file_is_what_its_script_makes():
    assert text_of(make()) == TEXT


# --- the package ------------------------------------------------------------------------------------------


def test_the_package_reads_the_round():
    assert terms().challenge.hex() == V["terms"]["challenge"]
    assert roll().digest.hex() == V["roll"]["digest"] == terms().roll_digest.hex()
    assert EnrolRequest.read(bytes.fromhex(V["enrol_request"])).meter == METER
    for j in range(3):
        submission = Submission.decode(bytes.fromhex(S["by_party"][j]))
        check(submission, terms(), roll().by_meter()[METER], 1)
        share = open_seal(submission.box(j) or b"", secret(f"party {j}"), submission.header, j, MARKET)
        assert share.digest.hex() == S["shares"][j]["digest"]
    receipts = {j: read(Receipt, vector) for j, vector in enumerate(S["receipts"])}
    assert accepted(receipts, submission.header)
    assert len(read(Held, V["held"]).items) == 3
    (shown,) = genuine({0: read(ShownHeaders, V["shown_headers"])}, terms(), roll().by_meter())
    assert shown in read(Held, V["held"]).items
    for vector in V["set"]["signatures"]:
        assert read(SetSignature, vector).set_digest.hex() == V["set"]["digest"]
    assert read(Verdicts, V["verdicts"]).digest.hex() == V["verdicts"]["digest"]
    assert read(Outcome, V["void"]).content == Void(VoidReason.NOT_COMPUTED)


def test_the_package_rebuilds_the_part():
    vectors, now = V["part_shares"], terms()
    words = open_part_share(read(PartShare, vectors["to_party_1"]), 1, secret("party 1"), now)
    revealed = {message.party: message for message in (read(RevealedShares, vector) for vector in vectors["revealed"])}
    assert revealed[1].of(0) == words
    assert rebuild(0, revealed, now).hex() == vectors["part"]
    set_digest = bytes.fromhex(V["set"]["digest"])
    assert check_reveal(read(Reveal, V["reveals"][0]), set_digest, now).hex() == vectors["part"]


def test_the_package_audits_the_record():
    record = Record.decode(V["record"].encode())
    audited = check_record(record, COMMITTEE)
    assert audited.price == V["price"]
    assert audited.randomness is not None
    assert audited.randomness.ticket_seed.hex() == V["randomness"]["ticket_seed"]
    assert record.digest.hex() == V["record_digest"]


def test_the_package_receives_the_result():
    order = Order(f"{METER}/0", Side(S["order"]["side"]), S["order"]["price"], S["order"]["quantity"])
    header = Submission.decode(bytes.fromhex(S["all_seals"])).header
    result = result_of({j: read(Outcome, vector) for j, vector in enumerate(V["outcomes"])}, 3)
    deliveries = {j: read(Delivery, vector) for j, vector in enumerate(V["deliveries"])}
    found = receive(header, [order], deliveries, result, terms(), secret(METER))
    assert (found.price, found.accepted, found.verified) == (V["price"], (V["accepted"],), True)
    with pytest.raises(DeliveryError, match="one polynomial"):
        receive(header, [order], {**deliveries, 1: read(Delivery, V["bad_delivery"])}, result, terms(), secret(METER))
    totals = {j: read(Totals, vector) for j, vector in enumerate(V["totals"])}
    shown = receive_totals("green", totals, result, terms(), secret("green"), MARKET, 1)
    assert [shown.bought, shown.sold] == V["bought_and_sold"]
    key = bytes.fromhex(V["keys"][METER]["signing_public"])
    check_claim(bytes.fromhex(V["claim"]), terms(), 1, Claimant.METER, METER, key)


def taken_in(data: bytes) -> None:
    """What party 0 does with a body."""
    submission = Submission.decode(data)
    check(submission, terms(), roll().by_meter()[METER], 1)
    open_seal(submission.box(0) or b"", secret("party 0"), submission.header, 0, MARKET)


@pytest.mark.parametrize("vector", V["bad_submissions"], ids=lambda vector: vector["name"])
def test_bad_submissions_are_refused(vector):
    with pytest.raises(WireError) as caught:
        taken_in(bytes.fromhex(vector["bytes"]))
    assert type(caught.value) is getattr(errors, vector["error"])
    if isinstance(caught.value, ContextError):
        assert caught.value.what == vector["what"]


@pytest.mark.parametrize("vector", V["bad_messages"], ids=lambda vector: f"{vector['kind']}-{vector['name']}")
def test_bad_messages_are_refused(vector):
    kind = {"opening": Opening, "outcome": Outcome, "receipt": Receipt}[vector["kind"]]
    with pytest.raises(WireError) as caught:
        read_signed(kind, bytes.fromhex(vector["bytes"]), COMMITTEE)
    assert type(caught.value) is getattr(errors, vector["error"])


# --- a vendor's client, from docs/wire.md -----------------------------------------------------------------


def hashed(tag: str, *parts: bytes) -> bytes:
    return sha256(b"".join(struct.pack("<I", len(part)) + part for part in (tag.encode(), *parts))).digest()


def text(value: str) -> bytes:
    return struct.pack("<H", len(value.encode())) + value.encode()


def context() -> bytes:
    return b"\x01" + text(V["market"]["id"]) + struct.pack("<Q", V["market"]["start"])


def verified(vector: dict[str, str], kind: str, party: int) -> bytes:
    """A party's message whose signature was checked by libsodium directly."""
    data = bytes.fromhex(vector["signed"])
    message, signature = data[:-64], data[-64:]
    tagged = b"mpc-market " + kind.encode() + b"\x00" + message
    crypto_sign_open(signature + tagged, bytes.fromhex(V["keys"][f"party {party}"]["signing_public"]))
    assert message.startswith(context() + bytes([party]))
    return message[len(context()) + 1 :]


def client_header() -> bytes:
    digests = b"".join(
        hashed("share", bytes.fromhex(share["words"]) + bytes.fromhex(share["nonce"])) for share in S["shares"]
    )
    challenge = bytes.fromhex(V["terms"]["challenge"])
    return context() + text(METER) + struct.pack("<Q", S["number"]) + challenge + b"\x01\x03" + digests


def opened(box: bytes, name: str) -> bytes:
    keys = V["keys"][name]
    public = crypto_scalarmult_base(bytes.fromhex(keys["sealing_secret"]))
    assert public.hex() == keys["sealing_public"]
    return crypto_box_seal_open(box, public, bytes.fromhex(keys["sealing_secret"]))


def at_zero(shares: list[int]) -> int:
    """For three parties and t = 1: 2·f(1) − f(2), and the third share on the same line."""
    value = (2 * shares[0] - shares[1]) % P
    assert (3 * shares[0] - 3 * shares[1] + shares[2]) % P == value
    return value


def test_client_digests():
    for vector in V["digests"]:
        assert hashed(vector["tag"], *map(bytes.fromhex, vector["parts"])).hex() == vector["digest"]


def test_client_lays_out_the_order():
    order = S["order"]
    numbers = [(order["price"], 12), (order["quantity"], 16), (order["maximum"] - order["quantity"], 16)]
    bits = [int(order["side"] == "buy"), *(number >> i & 1 for number, size in numbers for i in range(size))]
    assert "".join(map(str, bits)) == S["bits"]
    columns = zip(*(struct.unpack("<45Q", bytes.fromhex(share["words"])) for share in S["shares"]), strict=True)
    assert [at_zero(list(column)) for column in columns] == bits


def test_client_makes_the_challenge():
    openings = [bytes.fromhex(vector["message"]) for vector in V["openings"]]
    assert hashed("challenge", *openings).hex() == V["terms"]["challenge"]
    for j, vector in enumerate(V["openings"]):
        gate, deadline, version = struct.unpack_from("<QQQ", verified(vector, "opening", j))
        assert (gate, deadline, version) == (V["terms"]["gate"], V["terms"]["deadline"], 7)


def test_client_makes_the_submission():
    header = client_header()
    assert header.hex() == S["header"]
    assert hashed("header", header).hex() == S["header_digest"]
    _, key = crypto_sign_seed_keypair(bytes.fromhex(V["keys"][METER]["signing_seed"]))
    tagged = b"mpc-market submission\x00" + header
    assert tagged.hex() == S["signed_bytes"]
    signature = crypto_sign(tagged, key)[:64]
    assert signature.hex() == S["signature"]
    start = b"\x01" + struct.pack("<I", len(header)) + header + signature
    for j, share in enumerate(S["shares"]):
        box = bytes.fromhex(share["box"])
        assert (start + b"\x01" + bytes([j]) + struct.pack("<I", len(box)) + box).hex() == S["by_party"][j]


def test_client_seals():
    number, challenge = struct.pack("<Q", S["number"]), bytes.fromhex(V["terms"]["challenge"])
    for j, share in enumerate(S["shares"]):
        words = bytes.fromhex(share["words"])
        plaintext = context() + text(METER) + number + challenge + bytes([j]) + bytes.fromhex(share["nonce"])
        plaintext += struct.pack("<H", 45) + words
        assert plaintext.hex() == share["sealed_text"]
        assert opened(bytes.fromhex(share["box"]), f"party {j}") == plaintext
        once = crypto_scalarmult_base(bytes.fromhex(share["one_time_secret"]))
        assert share["box"].startswith(once.hex())


def test_client_reads_the_receipts():
    for j, vector in enumerate(S["receipts"]):
        body = verified(vector, "receipt", j)
        expected = text(METER) + struct.pack("<Q", 1) + hashed("header", client_header())
        assert body[:-8] == expected
        assert struct.unpack("<Q", body[-8:])[0] == V["terms"]["gate"] - 5000 + j


def test_client_reads_the_delivery():
    shares = []
    for j, vector in enumerate(V["deliveries"]):
        body = verified(vector, "delivery", j)
        assert body.startswith(
            text(METER) + struct.pack("<QI", 1, 0) + b"\x00" + struct.pack("<II", 3, 0) + b"\x01\x02"
        )
        at = len(text(METER)) + 8 + 4 + 1 + 4 + 4 + 2
        path, box = (body[at : at + 32], body[at + 32 : at + 64]), body[at + 64 + 4 :]
        node = hashed("leaf", f"{METER}/0".encode(), hashed("header", client_header()))
        root = hashed("node", hashed("node", node, path[0]), path[1])
        assert root.hex() == V["set"]["merkle_root"]
        plaintext = opened(box, METER)
        head = context() + text(METER) + struct.pack("<QI", 1, 0) + bytes([j]) + struct.pack("<H", 1)
        assert plaintext[:-8] == head
        shares.append(struct.unpack("<Q", plaintext[-8:])[0])
    assert at_zero(shares) == V["accepted"]
    start, challenge = struct.pack("<Q", V["market"]["start"]), bytes.fromhex(V["terms"]["challenge"])
    roll_digest, root = bytes.fromhex(V["roll"]["digest"]), bytes.fromhex(V["set"]["merkle_root"])
    set_digest = hashed("set", V["market"]["id"].encode(), start, challenge, roll_digest, struct.pack("<I", 3), root)
    for j, vector in enumerate(V["outcomes"]):
        body = verified(vector, "outcome", j)
        assert body[:33] == b"\x01" + set_digest
        assert struct.unpack("<I", body[-4:])[0] == V["price"] + 1


def test_client_draws_the_tickets():
    parts = [bytes.fromhex(vector["message"])[-32:] for vector in V["reveals"]]
    value = hashed("randomness", bytes.fromhex(V["set"]["digest"]), *parts)
    seed = hashed("ticket seed", value)
    assert (value.hex(), seed.hex()) == (V["randomness"]["value"], V["randomness"]["ticket_seed"])
    for order_id, drawn in V["randomness"]["tickets"].items():
        assert blake2b(order_id.encode(), digest_size=16, key=seed).hexdigest() == drawn
    for j, part in enumerate(parts):
        start = struct.pack("<Q", V["market"]["start"])
        committed = hashed("part", V["market"]["id"].encode(), start, bytes([j]), part)
        assert bytes.fromhex(V["openings"][j]["message"])[-32:] == committed


# --- readings, tariffs, sheets ----------------------------------------------------------------------------

F = V["settling"]
SETTLED = COMMITTEE.at(Stage.SETTLEMENT)


def settled(kind: type[PartyMessage], vector: dict[str, str], committee: Committee = SETTLED) -> Any:
    return read_signed(kind, bytes.fromhex(vector["signed"]), committee).message


def settled_terms() -> Terms:
    return terms_of({j: settled(Opening, vector) for j, vector in enumerate(F["openings"])}, 3)


def reading_taken_in(data: bytes) -> None:
    """What party 0 does with a body."""
    submission = Submission.decode(data)
    check(submission, settled_terms(), roll().by_meter()[METER], 1)
    open_seal(submission.box(0) or b"", secret("party 0"), submission.header, 0, MARKET)


def test_the_package_takes_the_reading():
    reading_taken_in(bytes.fromhex(F["reading"]["by_party"][0]))
    header = Submission.decode(bytes.fromhex(F["reading"]["by_party"][0])).header
    assert accepted({j: settled(Receipt, vector) for j, vector in enumerate(F["reading"]["receipts"])}, header)


@pytest.mark.parametrize("vector", F["bad_readings"], ids=lambda vector: vector["name"])
def test_bad_readings_are_refused(vector):
    with pytest.raises(WireError) as caught:
        reading_taken_in(bytes.fromhex(vector["bytes"]))
    assert type(caught.value) is getattr(errors, vector["error"])
    if isinstance(caught.value, ContextError):
        assert caught.value.what == vector["what"]


def test_the_package_reads_tariff_and_sheet():
    tariff, signature = split_tariff(bytes.fromhex(F["tariff"]["signed"]))
    check_tariff(tariff, signature, COMMITTEE.market, bytes.fromhex(V["keys"]["green"]["signing_public"]), 12)
    assert tariff.digest.hex() == F["tariff"]["digest"]
    committee = COMMITTEE.at(Stage.CLOSING)
    sheets = {j: settled(Sheet, vector, committee) for j, vector in enumerate(F["sheet"]["sheets"])}
    closing = replace(settled_terms(), period=sheets[0].period)
    got = receive_sheet(Claimant.SUPPLIER, "green", Content.AMOUNTS, sheets, closing, secret("green"))
    assert [row.name for row in got.title.rows] == [f"meter/{METER}"]
    assert got.values == ((F["sheet"]["amount"],),)


def test_client_makes_the_reading():
    reading = F["reading"]
    numbers = [n for name in ("import", "export") for n in (reading[name], reading["maximum"] - reading[name])]
    assert "".join(str(number >> i & 1) for number in numbers for i in range(16)) == reading["bits"]
    head = b"\x01" + text(V["market"]["id"] + ":settlement") + struct.pack("<Q", V["market"]["start"])
    context_ = head + text(METER) + struct.pack("<Q", reading["number"]) + bytes.fromhex(F["challenge"])
    digests = []
    for j, share in enumerate(reading["shares"]):
        words, nonce = bytes.fromhex(share["words"]), bytes.fromhex(share["nonce"])
        digests.append(hashed("share", words + nonce))
        assert (context_ + bytes([j]) + nonce + struct.pack("<H", 64) + words).hex() == reading["sealed_texts"][j]
    header = context_ + b"\x01\x03" + b"".join(digests)
    assert header.hex() == reading["header"]
    _, key = crypto_sign_seed_keypair(bytes.fromhex(V["keys"][METER]["signing_seed"]))
    assert crypto_sign(b"mpc-market reading\x00" + header, key)[:64].hex() == reading["signature"]


def test_client_reads_the_sheet():
    shares = []
    for vector in F["sheet"]["sheets"]:
        shares.append(struct.unpack("<Q", opened(Sheet.decode(bytes.fromhex(vector["message"])).box, "green")[-8:])[0])
    value = at_zero(shares)
    assert value - P == F["sheet"]["amount"]
