"""A submission on its way: made by the meter, checked and opened by each party, and everything that is refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import InvalidOrderError
from mpc_market.rules.model import Market, Order, Side
from mpc_market.wire.codec import P, Reader, Writer
from mpc_market.wire.errors import ContextError, SealError, SignatureError, WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Period
from mpc_market.wire.layout import filled, idle_order, order_bits
from mpc_market.wire.receipt import Receipt, accepted, check_receipt, receipt_for
from mpc_market.wire.sealing import SEAL_OVERHEAD, seal
from mpc_market.wire.sharing import recombine
from mpc_market.wire.submission import (
    InputShare,
    Seal,
    Submission,
    check,
    dealt,
    make,
    of_shares,
    open_seal,
    sealed_text,
)
from tests.wire.wire_round import MAXIMUM, START, WireRound, sealing_key, signing_key

METER = "meter-0"


@pytest.fixture(scope="module")
def played() -> WireRound:
    return WireRound()


def number_of(bits: list[int]) -> int:
    return sum(bit << i for i, bit in enumerate(bits))


@settings(max_examples=40)
@given(st.data(), st.sampled_from([3, 5, 7]), st.integers(1, 3))
def test_the_parties_together_hold_the_bits_of_the_order(data, parties, k):
    limits = st.tuples(st.sampled_from(list(Side)), st.integers(0, 15), st.integers(0, MAXIMUM))
    book = [data.draw(st.lists(limits, min_size=k, max_size=k))]
    played = WireRound(book, parties=parties)
    submission = Submission.decode(played.submissions[0].encode())
    check(submission, played.terms, played.roll.entries[0], k)
    shares = {
        j: open_seal(submission.box(j) or b"", played.sealing[j], submission.header, j, played.settings)
        for j in range(parties)
    }
    bits = list(recombine({j: share.words for j, share in shares.items()}, parties))
    size = played.settings.order_words
    assert len(bits) == k * size == k * (1 + 4 + 13 + 13)
    for (side, price, quantity), start in zip(book[0], range(0, k * size, size), strict=True):
        order = bits[start : start + size]
        assert set(order) <= {0, 1}
        assert order[0] == (side is Side.BUY)
        assert number_of(order[1:5]) == price
        assert number_of(order[5:18]) == quantity
        assert number_of(order[18:]) == MAXIMUM - quantity


def test_what_hides_an_order_is_fresh_each_time_and_another_for_each_party(played):
    """Two submissions of one order; with a nonce twice, a share could be guessed from its digest."""
    bits = order_bits(played.book[0], METER, played.settings, MAXIMUM)
    first, second = dealt(bits, played.terms), dealt(bits, played.terms)
    assert len({share.nonce for share in (*first, *second)}) == 2 * played.parties
    assert len({share.words for share in (*first, *second)}) == 2 * played.parties
    assert [InputShare.decode(share.encode()) for share in first] == first


def test_sizes_depend_on_public_numbers_only():
    sizes = set()
    for limits in ((Side.SELL, 0, 0), (Side.BUY, 15, MAXIMUM)):
        submission = WireRound([[limits]]).submissions[0]
        sizes.add((len(submission.encode()), *(len(part.box) for part in submission.seals)))
    assert len(sizes) == 1


def test_a_copy_for_one_party_has_its_seal_alone(played):
    submission = played.submissions[0]
    copy = Submission.decode(submission.only_for(1).encode())
    assert (copy.box(0), copy.box(1), copy.box(2)) == (None, submission.box(1), None)
    assert copy.header.digest == submission.header.digest
    with pytest.raises(WireError):
        submission.only_for()


def test_idle_places_are_filled(played):
    order = Order("m/0", Side.BUY, 3, 1)
    assert filled("m", [order], 3) == (order, idle_order("m", 1), idle_order("m", 2))
    assert filled("m", [order], 1) == (order,)
    assert order_bits(filled("m", [], 1), "m", played.settings, 5)[:18] == [0] * 18


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (Order("meter-0/1", Side.BUY, 1, 1), "in the place of 'meter-0/0'"),
        (Order("meter-0/0", Side.BUY, 16, 1), "price is not"),
        (Order("meter-0/0", Side.BUY, 1, 2**13), "quantity is not"),
        (Order("meter-0/0", Side.BUY, 1, MAXIMUM + 1), "enrolled maximum"),
    ],
)
def test_bad_orders_are_not_sent(played, order, reason):
    with pytest.raises(InvalidOrderError, match=reason):
        make(played.terms, played.roll.entries[0], 1, [order], played.settings, signing_key(METER))


def test_bad_number_of_orders_is_not_sent(played):
    for orders in ([], [idle_order(METER, k) for k in range(256)]):
        with pytest.raises(InvalidOrderError, match="1 to 255"):
            make(played.terms, played.roll.entries[0], 1, orders, played.settings, signing_key(METER))


# --- what a party refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("market", {"period": Period("elm-street", START)}),
        ("period", {"period": Period("oak-street", START + 900)}),
        ("challenge", {"challenge": bytes(32)}),
        ("parties", {"share_digests": (bytes(32),) * 5}),
        ("orders", {"orders": 2}),
        ("meter", {"meter": "meter-1"}),
    ],
)
def test_bad_context_is_refused_by_its_name(played, what, change):
    """Signed by the meter itself, so that nothing but the context is wrong."""
    header = replace(played.submissions[0].header, **change)
    signature = signing_key(METER).sign(header.kind, header.encode())
    submission = Submission(header, signature, played.submissions[0].seals)
    with pytest.raises(ContextError) as caught:
        check(submission, played.terms, played.roll.entries[0], played.orders)
    assert caught.value.what == what


def test_bad_signature_is_refused(played):
    submission = played.submissions[0]
    check(submission, played.terms, played.roll.entries[0], 1)
    for signature in (
        bytes(64),
        played.submissions[1].signature,
        signing_key("x").sign(submission.header.kind, submission.header.encode()),
    ):
        with pytest.raises(SignatureError):
            check(replace(submission, signature=signature), played.terms, played.roll.entries[0], 1)
    changed = replace(submission, header=replace(submission.header, number=2))
    with pytest.raises(SignatureError):
        check(changed, played.terms, played.roll.entries[0], 1)


def test_the_seal_of_another_submission_party_or_number_is_refused(played):
    """T2, T8: nobody can use another's ciphertext, nor move a meter's own one."""
    first, second = played.submissions[:2]
    box = first.box(0) or b""
    assert open_seal(box, played.sealing[0], first.header, 0, played.settings)
    for header in (
        second.header,
        replace(first.header, number=2),
        replace(first.header, period=Period("oak-street", START + 900)),
        replace(first.header, challenge=bytes(32)),
    ):
        with pytest.raises(SealError, match="another submission or party"):
            open_seal(box, played.sealing[0], header, 0, played.settings)
    # the text for party 1, sealed to party 0
    share = InputShare(bytes(32), (1,) * played.settings.order_words)
    with pytest.raises(SealError, match="another submission or party"):
        open_seal(
            seal(played.sealing[0].public, sealed_text(first.header, 1, share)),
            played.sealing[0],
            first.header,
            0,
            played.settings,
        )
    with pytest.raises(SealError, match="does not open"):
        open_seal(box, played.sealing[1], first.header, 0, played.settings)


def test_another_share_than_the_signed_one_is_refused(played):
    header, size = played.submissions[0].header, played.settings.order_words
    for share in (InputShare(bytes(32), (1,) * size), InputShare(b"\x01" * 32, (0,) * size)):
        box = seal(played.sealing[0].public, sealed_text(header, 0, share))
        with pytest.raises(SealError, match="another share than the header says"):
            open_seal(box, played.sealing[0], header, 0, played.settings)


@pytest.mark.parametrize("count", [1, 30, 32, 62])
def test_bad_number_of_words_is_refused(played, count):
    shares = [InputShare(bytes(32), (1,) * count)] * 3
    submission = of_shares(played.terms, METER, 1, 1, shares, signing_key(METER))
    with pytest.raises(SealError, match=f"holds {count} words: 31 were"):
        open_seal(submission.box(0) or b"", played.sealing[0], submission.header, 0, played.settings)


def test_bad_bytes_in_a_seal_are_refused(played):
    header, size = played.submissions[0].header, played.settings.order_words
    text = sealed_text(header, 0, InputShare(bytes(32), (1,) * size))
    too_large = text[:-8] + P.to_bytes(8, "little")
    for plaintext in (b"", text[:-1], text + b"\x00", too_large, text[:40], b"\x02" + text[1:]):
        with pytest.raises(WireError):
            open_seal(seal(played.sealing[0].public, plaintext), played.sealing[0], header, 0, played.settings)


def test_an_off_grid_market_expects_another_number_of_words(played):
    submission = played.submissions[0]
    with pytest.raises(SealError, match="holds 31 words"):
        open_seal(submission.box(0) or b"", played.sealing[0], submission.header, 0, Market(5, 13))


@pytest.mark.parametrize("parties", [(1, 0), (0, 0), (0, 3)])
def test_bad_sequence_of_seals(played, parties):
    submission = played.submissions[0]
    writer = Writer().version().blob(submission.header.encode()).fixed(submission.signature, 64).u8(len(parties))
    for party in parties:
        writer.u8(party).blob(b"box")
    with pytest.raises(WireError):
        Submission.decode(writer.data())


def test_bad_number_of_seals(played):
    submission = played.submissions[0]
    for seals in ((), tuple(Seal(j, b"") for j in range(7)) * 2):
        with pytest.raises(WireError):
            replace(submission, seals=seals)


@pytest.mark.parametrize(
    "change",
    [
        {"meter": "a/b"},
        {"meter": ""},
        {"number": 0},
        {"number": 2**63},
        {"challenge": bytes(31)},
        {"orders": 0},
        {"orders": 256},
        {"share_digests": (bytes(32),) * 4},
        {"share_digests": (bytes(32),) * 2 + (bytes(31),)},
    ],
)
def test_bad_headers(played, change):
    with pytest.raises(WireError):
        replace(played.submissions[0].header, **change)


def test_bad_version_of_a_submission(played):
    data = played.submissions[0].encode()
    with pytest.raises(WireError, match="version 2 of a message: this software knows version 1"):
        Submission.decode(b"\x02" + data[1:])
    header = played.submissions[0].header.encode()
    assert Reader(header).u8() == 1
    with pytest.raises(WireError, match="version 0"):
        Header.decode(b"\x00" + header[1:])


# --- receipts ---------------------------------------------------------------------------------------------


def test_an_order_is_accepted_with_the_receipts_of_all_parties(played):
    header = played.submissions[0].header
    receipts = {j: receipt_for(header, j, 1_790_000_000_000 + j) for j in range(3)}
    assert accepted(receipts, header)
    assert not accepted({0: receipts[0], 2: receipts[2]}, header)
    assert not accepted({}, header)
    with pytest.raises(ContextError):
        accepted({**receipts, 1: receipts[0]}, header)


def test_bad_receipts(played):
    header = played.submissions[0].header
    good = receipt_for(header, 0, 5)
    check_receipt(good, header)
    for bad in (
        replace(good, number=2),
        replace(good, meter="meter-1"),
        replace(good, header_digest=bytes(32)),
        replace(good, period=Period("oak-street", START + 1)),
    ):
        with pytest.raises(ContextError, match="another submission"):
            check_receipt(bad, header)
    for change in ({"received": -1}, {"received": 2**50}, {"number": 0}, {"party": 7}):
        with pytest.raises(WireError):
            replace(good, **change)
    assert Receipt.decode(good.encode()) == good


def test_meters_do_not_seal_with_their_own_key(played):
    """The sealing key of the meter is for what it receives: it opens none of what it sends."""
    for part in played.submissions[0].seals:
        with pytest.raises(SealError):
            sealing_key(METER).open(part.box)
        assert len(part.box) > SEAL_OVERHEAD
