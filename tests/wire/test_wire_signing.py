"""Signatures and seals: one kind is never another, and nothing of a private key is ever shown."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult, crypto_sign, crypto_sign_seed_keypair
from nacl.exceptions import RuntimeError as SodiumError

from mpc_market.wire.agreement import SetSignature
from mpc_market.wire.checks import SMALL_ORDER, require_sealing_key
from mpc_market.wire.claim import Claimant
from mpc_market.wire.committee import Committee
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.enrolment import EnrolRequest
from mpc_market.wire.errors import ContextError, SealError, SignatureError, WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import PartyMessage, check_signed, of_all_parties, read_signed, sign, split_signed
from mpc_market.wire.receipt import Receipt
from mpc_market.wire.roll import Roll
from mpc_market.wire.sealing import SEAL_OVERHEAD, SealingKey, seal
from mpc_market.wire.sheet import Content, Row, Title, make_sheet
from mpc_market.wire.signing import SigningKey, signed_bytes, verify
from mpc_market.wire.tariff import Tariff
from tests.wire.wire_round import MARKET, PARTY_MESSAGES, START, SUPPLIER, WireRound, sealing_key, signing_key

KINDS = [
    "submission",
    "reading",
    Tariff.KIND,
    Roll.KIND,
    EnrolRequest.KIND,
    *(claimant.value for claimant in Claimant),
    "dispute",
    *(kind.KIND for kind in PARTY_MESSAGES),
]


TITLE = Title(Claimant.SUPPLIER, SUPPLIER, Content.TOTALS, 1, 2, (Row("supplier/green", 5),))


@pytest.fixture(scope="module")
def played() -> WireRound:
    return WireRound()


def all_messages(played: WireRound) -> list[PartyMessage]:
    sheet = make_sheet(played.period, 1, TITLE, (1, 2), sealing_key(SUPPLIER).public)
    receipt = Receipt(played.period, 1, "meter-0", 1, bytes(32), 5)
    tables = (played.openings, played.held, played.set_signatures, played.reveals, played.verdicts, played.outcomes)
    return [receipt, *(table[1] for table in tables), played.delivered()[0][1], played.totals(3, 4)[1], sheet]


def test_the_list_of_kinds_is_complete():
    # dataclasses with slots are made twice: the first of each name is not used
    assert {kind.__qualname__ for kind in PartyMessage.__subclasses__()} == {
        kind.__qualname__ for kind in PARTY_MESSAGES
    }


def test_kinds_are_different_and_end_with_a_zero_byte():
    assert len(KINDS) == len(set(KINDS)) == 26
    assert all("\x00" not in kind and kind.isascii() for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_for_one_kind_is_none_for_another(kind):
    key = signing_key("anyone")
    signature = key.sign(kind, b"message")
    verify(key.public, kind, b"message", signature)
    for other in KINDS:
        if other != kind:
            with pytest.raises(SignatureError):
                verify(key.public, other, b"message", signature)


def test_no_tag_begins_another():
    for kind in KINDS:
        for other in KINDS:
            assert kind == other or not signed_bytes(other, b"").startswith(signed_bytes(kind, b""))


def test_a_signature_is_ed25519_over_tag_and_message():
    seed = bytes(range(32))
    _, secret = crypto_sign_seed_keypair(seed)
    expected = crypto_sign(b"mpc-market receipt\x00abc", secret)[:64]
    assert SigningKey(seed).sign("receipt", b"abc") == expected


@given(st.binary(max_size=80), st.binary(max_size=40))
def test_bad_signatures(signature, message):
    with pytest.raises(SignatureError):
        verify(signing_key("a").public, "receipt", message, signature)


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_bad_public_keys(public):
    """Not on the curve, or of small order: no signature verifies."""
    with pytest.raises(SignatureError):
        verify(public, "receipt", b"", bytes(64))


def test_bad_lengths_of_keys():
    for make in (SigningKey, SealingKey):
        with pytest.raises(WireError, match="not 32 bytes"):
            make(bytes(31))
    with pytest.raises(WireError, match="not 32 bytes"):
        verify(bytes(31), "receipt", b"", bytes(64))
    with pytest.raises(WireError, match="not 32 bytes"):
        seal(bytes(33), b"")


def test_every_message_of_a_party_is_of_its_kind_market_period_and_party_alone(played):
    elsewhere = Committee("elm-street", played.committee.keys)
    swapped = Committee(MARKET, (played.committee.keys[1], played.committee.keys[0], played.committee.keys[2]))
    for message in all_messages(played):
        data = sign(message, played.signing[1]).encode()
        assert read_signed(type(message), data, played.committee, played.period, 1).message == message
        for what, committee, period, party in (
            ("market", elsewhere, None, None),
            ("period", played.committee, Period(MARKET, START + 900), None),
            ("party", played.committee, None, 0),
        ):
            with pytest.raises(ContextError) as caught:
                read_signed(type(message), data, committee, period, party)
            assert caught.value.what == what
        with pytest.raises(SignatureError):
            read_signed(type(message), data, swapped)
        for kind in PARTY_MESSAGES:
            if kind is not type(message):
                with pytest.raises(WireError):
                    read_signed(kind, data, played.committee)


def test_a_signature_does_not_move_to_another_message(played):
    """The same fields but for one of market, period and party: the signature of the first is none for the others."""
    for message in all_messages(played):
        signed = sign(message, played.signing[1])
        for moved in (
            replace(message, period=Period("elm-street", START)),
            replace(message, period=Period(MARKET, START + 1)),
            replace(message, party=2),
        ):
            with pytest.raises(SignatureError):
                verify(played.signing[1].public, message.KIND, moved.encode(), signed.signature)


def test_each_changed_bit_is_noticed(played):
    data = sign(played.openings[0], played.signing[0]).encode()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WireError):
            read_signed(type(played.openings[0]), bytes(changed), played.committee)


def test_bad_signed_messages(played):
    for data, reason in ((b"", "too few"), (bytes(63), "too few"), (bytes(64), "the message ends")):
        with pytest.raises(WireError, match=reason):
            split_signed(SetSignature, data)
    far = SetSignature(played.period, 6, bytes(32))  # a party that this market does not have
    with pytest.raises(WireError, match="the number of a party"):
        check_signed(sign(far, played.signing[0]), played.committee)


def test_messages_of_all_parties_are_all_and_of_one_round(played):
    signatures = played.set_signatures
    assert of_all_parties(signatures, 3) == [signatures[0], signatures[1], signatures[2]]
    with pytest.raises(WireError, match=r"\[0, 1\], not of all 3"):
        of_all_parties({0: signatures[0], 1: signatures[1]}, 3)
    with pytest.raises(ContextError) as caught:
        of_all_parties({**signatures, 2: signatures[1]}, 3)
    assert caught.value.what == "party"
    with pytest.raises(ContextError) as caught:
        of_all_parties({**signatures, 2: replace(signatures[2], period=Period(MARKET, START + 1))}, 3)
    assert caught.value.what == "period"


@given(st.binary(max_size=100))
def test_a_seal_opens_for_its_owner_alone(plaintext):
    owner, other = SealingKey(bytes(range(32))), SealingKey(bytes(range(1, 33)))
    box = seal(owner.public, plaintext)
    assert len(box) == len(plaintext) + SEAL_OVERHEAD
    assert owner.open(box) == plaintext
    with pytest.raises(SealError):
        other.open(box)


@given(st.binary(max_size=100))
def test_bad_boxes(box):
    with pytest.raises(SealError):
        SealingKey(bytes(range(32))).open(box)


def test_keys_of_small_order_are_those_that_libsodium_refuses():
    """All encodings of the five coordinates; and no other key is refused."""
    field, refused = 2**255 - 19, []
    for point in SMALL_ORDER:
        for number in (point, point + field, point + 2**255, point + field + 2**255):
            if number < 2**256 and number % 2**255 % field == point:
                refused.append(number.to_bytes(32, "little"))
    assert len(refused) == 2 * 7
    for public in refused:
        with pytest.raises(SodiumError):
            crypto_scalarmult(bytes(range(32)), public)
        with pytest.raises(WireError, match="small order"):
            require_sealing_key("a key", public)
        with pytest.raises(WireError, match="small order"):
            seal(public, b"secret")
    for public in (b"\x02" + bytes(31), b"\xff" * 32, bytes(31) + b"\x01", SealingKey.generate().public):
        crypto_scalarmult(bytes(range(32)), public)
        require_sealing_key("a key", public)


@given(st.binary(max_size=40))
def test_what_is_taken_as_a_sealing_key_can_be_sealed_to(public):
    try:
        require_sealing_key("a key", public)
    except WireError:
        return
    assert len(seal(public, b"secret")) == 6 + SEAL_OVERHEAD


@pytest.mark.parametrize(("key", "secret"), [(SigningKey.generate(), "seed"), (SealingKey.generate(), "secret")])
def test_private_keys_show_their_public_half_only(key, secret):
    value = getattr(key, secret)()
    assert type(key)(value).public == key.public
    assert key.public.hex() in repr(key)
    for text in (repr(key), str(key), f"{key}"):
        assert value.hex() not in text
        assert repr(value) not in text


def test_generated_keys_differ():
    assert (
        len({SigningKey.generate().public for _ in range(10)} | {SealingKey.generate().public for _ in range(10)}) == 20
    )


def test_deliveries_are_signed_like_everything_else(played):
    delivery = played.delivered()[0][2]
    data = sign(delivery, played.signing[2]).encode()
    assert read_signed(Delivery, data, played.committee, played.period, 2).message == delivery
