"""What meters and suppliers make of what is delivered: every check of protocol.md "Delivery" fails when it must."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.rules.model import Order, Side
from mpc_market.wire.codec import P
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.errors import DeliveryError, WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.outcome import Result
from mpc_market.wire.reception import Received, receive
from mpc_market.wire.sealing import seal
from mpc_market.wire.sharing import deal
from mpc_market.wire.totals import ReceivedTotals, Totals, receive_totals
from mpc_market.wire.verdicts import Verdict, Verdicts
from tests.wire.wire_round import MARKET, START, SUPPLIER, WireRound, sealing_key


@pytest.fixture(scope="module", params=[3, 5])
def played(request) -> WireRound:
    return WireRound(parties=request.param)


def received(played: WireRound, i: int, delivered: dict[int, Delivery], result: Result | None = None) -> Received:
    """What meter i makes of it."""
    header, key = played.submissions[i].header, sealing_key(played.meters[i])
    return receive(header, played.book[i], delivered, result or played.result, played.terms, key)


def refused(check: str, suspect: int | None, *arguments) -> None:
    with pytest.raises(DeliveryError) as caught:
        received(*arguments)
    assert (caught.value.check, caught.value.suspect) == (check, suspect)


@settings(max_examples=25)
@given(st.data(), st.sampled_from([3, 5, 7]), st.integers(1, 5), st.integers(1, 3))
def test_every_meter_receives_what_the_rule_says(data, parties, meters, k):
    limits = st.tuples(st.sampled_from(list(Side)), st.integers(0, 15), st.integers(0, 9))
    played = WireRound([[data.draw(limits) for _ in range(k)] for _ in range(meters)], parties)
    for i, sent in enumerate(played.delivered()):
        found = received(played, i, {j: Delivery.decode(message.encode()) for j, message in sent.items()})
        assert (found.price, found.accepted) == (played.clearing.price, played.accepted[i])
        assert found.verified
        assert found.verdict is Verdict.VALID


def test_fewer_deliveries_are_unverified(played):
    delivered = played.delivered()[2]
    few = {j: delivered[j] for j in range((played.parties + 1) // 2)}
    assert received(played, 2, few) == Received(played.result.price, Verdict.VALID, False, played.accepted[2])
    for too_few in ({}, {0: delivered[0]}):
        with pytest.raises(WireError):
            received(played, 2, too_few)


def test_a_meter_with_a_verdict_is_told_and_gets_nothing(played):
    codes = (Verdict.VALID, Verdict.OFF_POLYNOMIAL, Verdict.NOT_AN_ORDER, Verdict.VALID)
    judged = WireRound(parties=played.parties)
    judged.verdicts = {j: Verdicts(judged.period, j, judged.agreed.digest(), codes) for j in range(judged.parties)}
    for i, delivered in enumerate(judged.delivered()[1:3], 1):
        found = received(judged, i, delivered)
        assert (found.verdict, found.verified, found.accepted) == (codes[i], True, (0,))
        assert not any(message.box for message in delivered.values())
        other = {**delivered, 1: replace(delivered[1], verdict=Verdict(3 - codes[i]))}
        refused("verdict", None, judged, i, other)


# --- lies -------------------------------------------------------------------------------------------------


def test_bad_share_is_noticed_and_from_5_parties_on_named(played):
    honest, lying = played.delivered(), played.delivered([[4], [1], [4], [0]])
    delivered = {**honest[0], 1: lying[0][1]}
    refused("polynomial", 1 if played.parties == 5 else None, played, 0, delivered)


@pytest.mark.parametrize("accepted", [4, P - 1, 2**40])
def test_bad_quantity_above_the_order(played, accepted):
    refused("quantity", None, played, 0, played.delivered([[accepted], [0], [0], [0]])[0])


def test_bad_quantity_against_the_price(played):
    """Sells of 3 at 5 share what a buy of 4 at 9 takes; the price is 5. At it any part goes, else all or nothing."""
    assert (played.clearing.price, played.accepted) == (5, [(2,), (2,), (4,), (0,)])
    for quantity in range(4):
        assert received(played, 0, played.delivered([[quantity], [0], [0], [0]])[0]).accepted == (quantity,)
    for quantity in (0, 3):
        refused("price", None, played, 2, played.delivered([[0], [0], [quantity], [0]])[2])
    # price words: 0 is no trade, 5 is price 4 (below the ask: nothing), 7 is price 6 (above it: everything)
    for word, fine in ((0, 0), (5, 0), (7, 3)):
        other = replace(played.result, price_word=word)
        for quantity in range(4):
            delivered = played.delivered([[quantity], [0], [0], [0]])[0]
            if quantity == fine:
                assert received(played, 0, delivered, other).accepted == (quantity,)
            else:
                refused("price", None, played, 0, delivered, other)


def test_bad_path_or_another_set_names_the_party(played):
    delivered = played.delivered()[0]
    message = delivered[1]
    for bad in (
        replace(message, index=1),
        replace(message, count=5),
        replace(message, paths=((bytes(32), message.paths[0][1]),)),
        replace(message, paths=((*message.paths[0], bytes(32)),)),
        replace(message, paths=(message.paths[0][:1],)),
    ):
        refused("path", 1, played, 0, {**delivered, 1: bad})
    refused("path", 0, played, 0, delivered, replace(played.result, set_digest=bytes(32)))


def test_bad_context_names_the_party(played):
    delivered = played.delivered()
    mine = delivered[0]
    for bad in (
        replace(mine[1], period=Period(MARKET, START + 1)),
        replace(mine[1], party=2),
        replace(mine[1], meter="meter-1"),
        replace(mine[1], number=2),
        replace(mine[1], paths=mine[1].paths * 2),
        delivered[1][1],
    ):
        refused("context", 1, played, 0, {**mine, 1: bad})


def test_shares_of_two_attempts_do_not_fit(played):
    first, second = played.delivered()[0], played.delivered(attempt=1)[0]
    refused("context", None, played, 0, {**first, 1: second[1]})
    # relabelled, the seal says so
    refused("seal", 1, played, 0, {**first, 1: replace(second[1], attempt=0)})


def test_bad_seals_name_the_party(played):
    delivered = played.delivered()
    mine, key = delivered[0], sealing_key("meter-0")
    plaintext = key.open(mine[1].box)
    boxes = [mine[0].box, delivered[1][1].box, b"x", bytes(80)]
    texts = [plaintext[:-1], plaintext + b"\x00", plaintext[:-8] + P.to_bytes(8, "little"), b"", plaintext[:-10]]
    texts.append(plaintext[:-10] + b"\x02\x00" + plaintext[-8:] * 2)
    for box in [*boxes, *(seal(key.public, text) for text in texts)]:
        refused("seal", 1, played, 0, {**mine, 1: replace(mine[1], box=box)})


def test_bad_orders_of_the_meter_itself(played):
    header, key = played.submissions[0].header, sealing_key("meter-0")
    for orders in ([], [Order("meter-0/1", Side.SELL, 5, 3)]):
        with pytest.raises(WireError, match="not those of the submission"):
            receive(header, orders, played.delivered()[0], played.result, played.terms, key)


@pytest.mark.parametrize(
    "change",
    [
        {"box": b""},
        {"verdict": Verdict.NOT_AN_ORDER},
        {"count": 0},
        {"index": 4},
        {"index": -1},
        {"paths": ()},
        {"paths": ((bytes(31),),)},
        {"paths": ((bytes(32),) * 33,)},
        {"attempt": 2**32},
    ],
)
def test_bad_deliveries(played, change):
    with pytest.raises(WireError):
        replace(played.delivered()[0][0], **change)


def test_bad_code_of_a_verdict(played):
    message = played.delivered()[0][0]
    data = bytearray(message.encode())
    at = data.index(b"meter-0") + len(b"meter-0") + 8 + 4
    assert data[at] == Verdict.VALID
    for code in (3, 255):
        data[at] = code
        with pytest.raises(WireError, match=f"a verdict {code}"):
            Delivery.decode(bytes(data))


def test_no_error_repeats_a_quantity(played):
    """A distinctive quantity is delivered wrongly in every way: no message holds it."""
    delivered = played.delivered([[4321], [0], [0], [0]])[0]
    for bad in (delivered, {**delivered, 1: played.delivered()[0][1]}):
        with pytest.raises(DeliveryError) as caught:
            received(played, 0, bad)
        assert "4321" not in str(caught.value) + repr(caught.value)


# --- suppliers --------------------------------------------------------------------------------------------


def totalled(played: WireRound, totals: dict[int, Totals], result: Result | None = None) -> ReceivedTotals:
    key = sealing_key(SUPPLIER)
    return receive_totals(SUPPLIER, totals, result or played.result, played.terms, key, played.settings, played.orders)


def test_a_supplier_receives_its_totals(played):
    totals = {j: Totals.decode(message.encode()) for j, message in played.totals(4, 2**13).items()}
    assert totalled(played, totals) == ReceivedTotals(4, True, 4, 2**13)
    few = {j: totals[j] for j in range((played.parties + 1) // 2)}
    assert totalled(played, few) == ReceivedTotals(4, False, 4, 2**13)
    for too_few in ({}, {1: totals[1]}):
        with pytest.raises(WireError):
            totalled(played, too_few)


def test_bad_totals(played):
    good, other = played.totals(4, 6), played.totals(5, 6)
    no_trade = replace(played.result, price_word=0)
    box = seal(sealing_key(SUPPLIER).public, b"")
    for check, suspect, totals, result in (
        ("polynomial", 1 if played.parties == 5 else None, {**good, 1: other[1]}, None),
        ("context", 1, {**good, 1: replace(good[1], supplier="grey")}, None),
        ("context", 1, {**good, 1: replace(good[1], party=0)}, None),
        ("context", None, {**good, 1: replace(good[1], users=3)}, None),
        ("context", None, {**good, 1: played.totals(4, 6, attempt=1)[1]}, None),
        ("seal", 1, {**good, 1: replace(good[1], box=good[0].box)}, None),
        ("seal", 1, {**good, 1: replace(good[1], box=box)}, None),
        ("quantity", None, played.totals(4 * (2**13 - 1) + 1, 0), None),
        ("quantity", None, played.totals(0, P - 1), None),
        ("price", None, good, no_trade),
    ):
        with pytest.raises(DeliveryError) as caught:
            totalled(played, totals, result)
        assert (caught.value.check, caught.value.suspect) == (check, suspect)
    assert totalled(played, played.totals(0, 0), no_trade).bought == 0


def test_bad_fields_of_totals(played):
    good = played.totals(4, 6)[0]
    for change in ({"users": 0}, {"supplier": "a/b"}, {"attempt": -1}, {"box": "text"}):
        with pytest.raises(WireError):
            replace(good, **change)
    shares = deal([4, 6], played.parties)
    assert all(word < P for share in shares for word in share)
