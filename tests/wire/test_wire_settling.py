"""What follows delivery: readings share the way of orders and are none, tariffs, sheets, the roll's grid operators."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import InvalidReadingError
from mpc_market.rules.tariff import Rates, rates_for
from mpc_market.wire.agreement import Held, Item, agree
from mpc_market.wire.claim import Claimant
from mpc_market.wire.codec import P
from mpc_market.wire.errors import ContextError, DeliveryError, SealError, SignatureError, WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Period, Stage, check_member, member, split_market
from mpc_market.wire.layout import Reading
from mpc_market.wire.roll import Roll, RollArea, RollRegion
from mpc_market.wire.sharing import deal, recombine
from mpc_market.wire.sheet import Content, Row, Sheet, Title, make_sheet, receive_sheet
from mpc_market.wire.submission import Submission, check, make_reading, open_seal
from mpc_market.wire.tariff import Tariff, check_tariff, plain_tariff, sign_tariff, split_tariff
from tests.wire.wire_round import MARKET, MAXIMUM, START, SUPPLIER, WireRound, sealing_key, signing_key

METER = "meter-0"


class Settling(WireRound):
    """The same meters and parties in the settlement of the period."""

    def __init__(self) -> None:
        super().__init__(market=f"{MARKET}:settlement")

    @property
    def roll(self) -> Roll:
        return WireRound().roll


@pytest.fixture(scope="module")
def settling() -> Settling:
    return Settling()


def read(settling: Settling, imported: int, exported: int) -> Submission:
    entry, key = settling.roll.entries[0], signing_key(METER)
    return make_reading(settling.terms, entry, 1, Reading(imported, exported), settling.settings, key)


def take(submission: Submission, settling: WireRound, party: int = 0) -> tuple[int, ...]:
    """What a party does with it."""
    check(submission, settling.terms, settling.roll.entries[0], 1)
    box = submission.box(party) or b""
    return open_seal(box, settling.sealing[party], submission.header, party, settling.settings).words


# --- readings ---------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, MAXIMUM), st.integers(0, MAXIMUM))
def test_the_parties_together_hold_the_bits_of_the_reading(imported, exported):
    settling = Settling()
    made = Submission.decode(read(settling, imported, exported).encode())
    bits = recombine({j: take(made, settling, j) for j in range(3)}, 3)
    numbers = [sum(bit << i for i, bit in enumerate(bits[at : at + 13])) for at in range(0, 52, 13)]
    assert len(bits) == 52
    assert set(bits) <= {0, 1}
    assert numbers == [imported, MAXIMUM - imported, exported, MAXIMUM - exported]


def test_sizes_of_readings_depend_on_public_numbers_only(settling):
    assert len({len(read(settling, *values).encode()) for values in ((0, 0), (MAXIMUM, MAXIMUM), (17, 0))}) == 1


@pytest.mark.parametrize("values", [(-1, 0), (MAXIMUM + 1, 0), (0, MAXIMUM + 1), (True, 0), (0, 1.5)])
def test_bad_readings_are_not_sent(settling, values):
    with pytest.raises(InvalidReadingError, match="enrolled maximum of 5000"):
        read(settling, *values)


def test_bad_order_in_the_place_of_a_reading(settling):
    order = WireRound().submissions[0]
    with pytest.raises(ContextError) as caught:
        take(order, settling)
    assert caught.value.what == "market"
    # its seals and digests under a header that the meter signs for the settlement
    header = replace(order.header, period=settling.period, challenge=settling.terms.challenge)
    with pytest.raises(SealError):
        take(Submission(header, signing_key(METER).sign(header.kind, header.encode()), order.seals), settling)


def test_bad_reading_in_the_place_of_an_order(settling):
    played, reading = WireRound(), read(settling, 3, 4)
    with pytest.raises(ContextError) as caught:
        take(reading, played)
    assert caught.value.what == "market"
    header = replace(reading.header, period=played.period, challenge=played.terms.challenge)
    with pytest.raises(SealError):
        take(Submission(header, signing_key(METER).sign(header.kind, header.encode()), reading.seals), played)


@pytest.mark.parametrize("kind", ["submission", "claim of a meter", ""])
def test_bad_kind_of_signature_under_a_reading(settling, kind):
    good = read(settling, 3, 4)
    with pytest.raises(SignatureError):
        take(replace(good, signature=signing_key(METER).sign(kind, good.header.encode())), settling)


def test_bad_headers_of_readings(settling):
    header = read(settling, 3, 4).header
    with pytest.raises(WireError, match="number of orders"):
        replace(header, orders=2)
    with pytest.raises(WireError, match="closing"):
        replace(header, period=Period(f"{MARKET}:closing", START))
    assert Header.decode(header.encode()) == header


# --- names of rounds, members of sets -----------------------------------------------------------------------


def test_a_markets_name_says_the_stage():
    for stage in Stage:
        assert split_market(stage.of(MARKET)) == (MARKET, stage)
        assert Period(stage.of(MARKET), START).stage is stage
    assert [stage.of("m") for stage in Stage] == ["m", "m:settlement", "m:correction", "m:closing"]


@pytest.mark.parametrize("name", ["m:", ":settlement", "m:clearing", "m:settlement:", "m:x", "M:closing", "", None])
def test_bad_names_of_markets(name):
    with pytest.raises(WireError):
        split_market(name)


@pytest.mark.parametrize("value", ["tariff/", "/green", "a/b/c", "tariff/a\n", 7])
def test_bad_members(value):
    with pytest.raises(WireError):
        check_member(value)


def test_a_tariff_is_agreed_on_like_a_submission(settling):
    """The highest number that all have; two tariffs with one number leave the supplier out."""
    items = {j: Item(member("tariff", SUPPLIER), 1, bytes(32)) for j in range(3)}

    def agreed(*more: Item, at: int = 0):
        held = {
            j: Held(settling.period, j, settling.terms.challenge, (items[j], *(more if j == at else ())))
            for j in range(3)
        }
        return agree(held, settling.terms, 1)

    assert [item.name for item in agreed().members] == ["tariff/green"]
    assert agreed(Item("tariff/green", 2, bytes(32))).members[0].number == 1
    assert agreed(Item("tariff/green", 1, b"\x01" * 32)).members == ()
    assert agreed().order_ids == ("tariff/green/0",)


# --- tariffs ----------------------------------------------------------------------------------------------

TARIFF = Tariff(MARKET, SUPPLIER, 1, START, START + 900, 2000, 400, 300)


def test_a_tariff_is_read_and_holds_for_its_periods():
    key = signing_key(SUPPLIER)
    tariff, signature = split_tariff(sign_tariff(TARIFF, key))
    check_tariff(tariff, signature, MARKET, key.public, 12)
    assert tariff == TARIFF
    plain = plain_tariff(tariff, -100)
    assert [plain.holds(START + each) for each in (-1, 0, 899, 900)] == [False, True, True, False]
    assert (plain.supplier, plain.number, plain.rates) == (SUPPLIER, 1, Rates(1900, 300, 300))


VERSIONS = {(n, kind): replace(TARIFF, number=n, retail=2000 + kind) for n in range(1, 5) for kind in range(2)}
"""Four numbers of a supplier's tariffs, and two different tariffs of each."""


@given(parties=st.lists(st.sets(st.sampled_from(sorted(VERSIONS))), min_size=3, max_size=3))
def test_what_the_parties_agree_on_is_what_the_rule_says(settling, parties):
    """Of the tariffs that all have, and of whose number there is no other, the one with the highest number counts."""
    held = {}
    for j, versions in enumerate(parties):
        items = [Item(member("tariff", SUPPLIER), VERSIONS[each].number, VERSIONS[each].digest) for each in versions]
        items.sort(key=lambda item: item.sort_key)
        held[j] = Held(settling.period, j, settling.terms.challenge, tuple(items))
    by_digest = {tariff.digest: tariff for tariff in VERSIONS.values()}
    agreed = [by_digest[item.digest] for item in agree(held, settling.terms, 1).members]
    anywhere = set().union(*parties)
    common = [VERSIONS[n, kind] for n, kind in set.intersection(*parties) if (n, 1 - kind) not in anywhere]
    counts = [rates_for([plain_tariff(each, 0) for each in tariffs], SUPPLIER, START) for tariffs in (agreed, common)]
    assert counts[0] == counts[1]


def test_bad_tariffs():
    key = signing_key(SUPPLIER)
    signature = key.sign(Tariff.KIND, TARIFF.encode())
    with pytest.raises(ContextError):
        check_tariff(TARIFF, signature, "elm-street", key.public, 12)
    with pytest.raises(SignatureError):
        check_tariff(replace(TARIFF, number=2), signature, MARKET, key.public, 12)
    with pytest.raises(WireError, match="off the grid"):
        check_tariff(TARIFF, signature, MARKET, key.public, 10)
    for change in ({"number": 0}, {"ends": START}, {"retail": -1}, {"fee": 2**32}, {"supplier": "a/b"}):
        with pytest.raises(WireError):
            replace(TARIFF, **change)
    with pytest.raises(WireError, match="too few"):
        split_tariff(bytes(63))


# --- sheets -----------------------------------------------------------------------------------------------

TITLE = Title(
    Claimant.DSO, "north", Content.TOTALS, 3, 2, (Row("region/north", 7, (1, -(2**63))), Row("supplier/green", 6))
)


def sheets(values: list[int], title: Title = TITLE, parties: int = 3) -> dict[int, Sheet]:
    period = Period(f"{MARKET}:settlement", START)
    dealt = deal([value % P for value in values], parties)
    return {j: make_sheet(period, j, title, dealt[j], sealing_key("north").public) for j in range(parties)}


def receive(settling: WireRound, found: dict[int, Sheet], **changes: object):
    asked = {"reader": Claimant.DSO, "name": "north", "content": Content.TOTALS} | changes
    return receive_sheet(**asked, sheets=found, terms=settling.terms, key=sealing_key("north"))


def test_a_sheet_is_put_together(settling):
    made = {j: Sheet.decode(sheet.encode()) for j, sheet in sheets([1, -2, 2**50, -(2**50)]).items()}
    got = receive(settling, made)
    assert got.verified
    assert got.values == ((1, -2), (2**50, -(2**50)))
    assert not receive(settling, {j: made[j] for j in (0, 2)}).verified


def test_bad_sheets(settling):
    good, other = sheets([1, 2, 3, 4]), sheets([5, 6, 7, 8])
    with pytest.raises(DeliveryError, match="one polynomial"):
        receive(settling, good | {1: other[1]})
    with pytest.raises(DeliveryError, match="another reader"):
        receive(settling, good, name="south")
    with pytest.raises(DeliveryError, match="another reader"):
        receive(settling, good, content=Content.CORRECTIONS)
    with pytest.raises(DeliveryError, match="different attempts"):
        receive(settling, good | {1: sheets([1, 2, 3, 4], replace(TITLE, attempt=4))[1]})
    with pytest.raises(DeliveryError, match="sealed for another"):
        receive(settling, good | {1: replace(good[1], box=sheets([1] * 4, replace(TITLE, attempt=4))[1].box)})
    with pytest.raises(DeliveryError, match="does not open"):
        receive_sheet(Claimant.DSO, "north", Content.TOTALS, good, settling.terms, sealing_key("south"))
    with pytest.raises(WireError, match="no party"):
        receive(settling, {})


def test_bad_titles():
    for change in ({"rows": ()}, {"rows": (Row("region/a", 1),) * 2}, {"rows": (Row("region/a", 0),)}, {"columns": 0}):
        with pytest.raises(WireError):
            replace(TITLE, **change)
    for fields in (("region/a", -1), ("region/a", 2, (2**63,)), ("a/b/c", 1)):
        with pytest.raises(WireError):
            Row(*fields)
    with pytest.raises(WireError, match="3 words"):
        make_sheet(Period(MARKET, START), 0, TITLE, (1, 2, 3), sealing_key("north").public)


def test_no_value_is_in_a_repr(settling):
    made = sheets([123456789, 0, 0, 0])
    shown = repr((made, receive(settling, made), Reading(123456789, 123456789)))
    assert "123456789" not in shown
    assert made[0].box.hex() not in shown


# --- the roll ---------------------------------------------------------------------------------------------


def test_grid_operators_are_on_the_roll():
    keys = signing_key("dso").public, sealing_key("dso").public
    roll = replace(WireRound().roll, regions=(RollRegion("north", *keys, "grid"),), areas=(RollArea("grid", *keys),))
    again = Roll.decode(roll.encode())
    assert again == roll
    assert again.by_region()["north"].area == "grid"
    with pytest.raises(WireError, match="area 'grid' has regions"):
        replace(roll, areas=())
    with pytest.raises(WireError, match="ascending"):
        replace(roll, areas=(RollArea("grid", *keys),) * 2)
