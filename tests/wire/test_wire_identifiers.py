"""Ids: what is one, byte for byte the same rule everywhere."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.committee import Committee
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage, check_id, check_market_id, order_id


@pytest.mark.parametrize("market", ["a", "0", "oak-street.2026_1", "a" * 64])
def test_market_id(market):
    assert check_market_id(market) == market


@pytest.mark.parametrize("market", ["", "A", "-a", ".a", "_a", "a" * 65, "a/b", "a b", "ä", "a\n", "٣", None, 7, b"a"])
def test_bad_market_id(market):
    with pytest.raises(WireError):
        check_market_id(market)


@pytest.mark.parametrize(
    "name", ["541448820000000013", "AT0010000000000000001000000000001", "Zählpunkt 7", "電", "😀" * 64, "..."]
)
def test_id(name):
    assert check_id("meter", name) == name


@pytest.mark.parametrize(
    "name",
    ["", "x" * 65, "a/b", "a\nb", "a\x00", "\x7f", "\x85", "a\u2028", "a\u202eb", "\u200b", "\ufeffa", "\ud800", ".",
     "..", None, 3, b"m"],
)  # fmt: skip
def test_bad_id(name):
    with pytest.raises(WireError, match="the id of a meter"):
        check_id("meter", name)


@given(st.text(max_size=70))
def test_any_text_is_an_id_or_an_error(name):
    try:
        check_id("meter", name)
    except WireError:
        return
    assert "/" not in name
    assert Reader(Writer().text(name).data()).text() == name


def test_orders_of_two_meters_never_have_one_id():
    assert order_id("m", 10) == "m/10"
    assert len({order_id(meter, k) for meter in ("m", "m1", "m11") for k in (0, 1, 10, 110)}) == 12


@pytest.mark.parametrize(("market", "start"), [("M", 0), ("m", -1), ("m", 2**40), ("m", 1.0), ("m", True)])
def test_bad_period(market, start):
    with pytest.raises(WireError):
        Period(market, start)


def test_a_period_reads_what_it_wrote():
    period = Period("m", 2**40 - 1)
    assert Period.read(Reader(period.write(Writer()).data())) == period


def test_a_round_in_words():
    start = 1_795_708_230
    assert str(Period("m", start)) == "clearing of 2026-11-26T15:50:30Z in m"
    assert str(Period(Stage.CORRECTION.of("m"), start)) == "correction of 2026-11-26T15:50:30Z in m"
    assert str(Period("m", 2**40 - 1)) == "clearing of 36812-02-20T00:36:15Z in m"


@given(st.integers(0, 253_402_300_799))  # the last second that `datetime` knows
def test_its_moment_is_that_of_the_calendar(start):
    moment = datetime.fromtimestamp(start, UTC)
    assert str(Period("m", start)) == f"clearing of {moment:%Y-%m-%dT%H:%M:%S}Z in m"


@pytest.mark.parametrize("parties", [0, 1, 2, 4, 6, 9])
def test_bad_number_of_parties(parties):
    with pytest.raises(WireError, match="3, 5, 7"):
        Committee("m", tuple(bytes([j]) * 32 for j in range(parties)))


def test_bad_committees():
    keys = tuple(bytes([j]) * 32 for j in range(3))
    with pytest.raises(WireError, match="the same signing key"):
        Committee("m", (keys[0], keys[1], keys[0]))
    with pytest.raises(WireError):
        Committee("m", (keys[0], keys[1], bytes(31)))
    committee = Committee("m", keys)
    assert (committee.parties, committee.threshold) == (3, 1)
    for party in (-1, 3, True):
        with pytest.raises(WireError):
            committee.key(party)
