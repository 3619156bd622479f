"""Totals over real HTTPS: put together from all parties, and every reason for which there are none."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.message import sign
from mpc_market.wire.opening import Opening
from mpc_market.wire.outcome import Outcome, Void, VoidReason
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.totals import make_totals
from parties.client.api import Api, pinned
from parties.supplier.errors import TotalsError
from parties.supplier.home import SupplierHome
from parties.supplier.output import totals_csv, totals_json, totals_lines
from parties.supplier.periods import SupplierPeriod
from parties.supplier.totals import PeriodTotals, fetch_totals
from tests.supplier.online_parties import BYTES, JSON, Answer, OnlineParties, problem
from tests.wire.wire_round import START, SUPPLIER, WireRound, sealing_key, signing_key

HOME = SupplierHome(Path("green"), SUPPLIER, signing_key(SUPPLIER), sealing_key(SUPPLIER))


@pytest.fixture(params=[3])
def parties(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnlineParties]:
    online = OnlineParties(tmp_path, WireRound(parties=request.param))
    with online.online():
        yield online


def fetched(parties: OnlineParties, home: SupplierHome = HOME, start: int = START) -> PeriodTotals:
    running = parties.running

    async def run() -> PeriodTotals:
        async with Api(running.id, pinned(running, int(time.time()))) as api:
            return await fetch_totals(api, running, home, start)

    return asyncio.run(run())


def refusal(parties: OnlineParties, home: SupplierHome = HOME, start: int = START) -> str:
    with pytest.raises(TotalsError) as caught:
        fetched(parties, home, start)
    return str(caught.value)


def on(path_end: str, answer: Answer):
    """Answer a path that ends so, and no other."""
    return lambda path: answer if path.endswith(path_end) else None


@pytest.mark.parametrize("parties", [3, 5, 7], indirect=True)
def test_totals_of_all_parties(parties: OnlineParties) -> None:
    found = fetched(parties)
    price = parties.played.clearing.price
    assert found == PeriodTotals(START, SUPPLIER, len(parties.played.meters), price, 4, 6)
    assert not any(name in repr(found) for name in ("bought", "sold"))
    period = SupplierPeriod(START, SUPPLIER, found, None)
    lines = list(totals_lines(period, parties.running))
    assert "bought           0.004 kWh" in lines
    assert "sold             0.006 kWh" in lines
    assert json.loads(totals_json(period, parties.running))["bought"] == "0.004"
    header, row, end = totals_csv(period, parties.running).split("\n")
    assert header == "market,period,supplier,users,bought,sold,price,currency"
    price_text = parties.running.settings.price_text(price)
    assert row == f"oak-street,2026-09-21T14:15:00Z,green,4,0.004,0.006,{price_text},EUR"
    assert end == ""


def test_no_trade_has_no_price(tmp_path: Path) -> None:
    played = WireRound([[(Side.SELL, 5, 3)], [(Side.BUY, 2, 3)]])
    online = OnlineParties(tmp_path, played, 0, 0)
    with online.online() as running:
        found = fetched(online)
        assert (found.price, found.bought, found.sold) == (None, 0, 0)
        period = SupplierPeriod(START, SUPPLIER, found, None)
        assert totals_csv(period, running).endswith("0.000,0.000,,EUR\n")
        assert json.loads(totals_json(period, running))["price"] is None
        assert any("nothing was traded" in line for line in totals_lines(period, running))
        online.totals = played.totals(1, 0)
        assert "nothing was traded" in refusal(online)


def test_a_group_that_is_too_small(parties: OnlineParties) -> None:
    parties.totals = {}
    assert "fewer than 2 of this supplier's users took part" in refusal(parties)


def test_what_only_one_party_refuses_is_told_with_its_number(parties: OnlineParties) -> None:
    del parties.totals[1]
    text = refusal(parties)
    assert "the answers of all 3 parties are needed" in text
    assert "party 1: refused: group-too-small" in text


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_party_that_is_down(parties: OnlineParties, when: str) -> None:
    if when == "before":
        parties.stop(2)
    else:
        parties.answers[2] = on("/totals/green", (500, "text/html", b"<h1>down</h1>"))
    text = refusal(parties)
    assert "the answers of all 3 parties are needed: party 2" in text
    assert "party 0" not in text


def test_another_server_in_the_place_of_a_party(parties: OnlineParties) -> None:
    a, b, c = parties.running.parties
    parties.running = replace(parties.running, parties=(a, replace(b, api=c.api), replace(c, api=b.api)))
    text = refusal(parties)
    assert "party 1" in text
    assert "party 2" in text
    assert "certificate" in text.lower()


@pytest.mark.parametrize("others_down", [False, True])
def test_a_void_round(parties: OnlineParties, others_down: bool) -> None:
    played = parties.played
    void = Outcome(played.period, 1, Void(VoidReason.NOT_COMPUTED))
    parties.outcomes = [parties.outcomes[0], sign(void, played.signing[1])]
    if others_down:
        parties.stop(0)
        parties.stop(2)
    assert "the round is void (party 1 signed so: not computed)" in refusal(parties)


def test_a_round_that_is_void_since_the_results_differ(parties: OnlineParties) -> None:
    played = parties.played
    other = Outcome(played.period, 2, replace(played.result, price_word=3))
    parties.outcomes[2] = sign(other, played.signing[2])
    assert "the round is void (the parties signed different results)" in refusal(parties)


def test_a_round_that_is_still_running(parties: OnlineParties) -> None:
    parties.outcomes = parties.outcomes[:1]
    assert "still running: parties 1, 2 have not signed an outcome yet" in refusal(parties)
    parties.outcomes = []
    assert "still running: parties 0, 1, 2 have" in refusal(parties)


def test_periods_that_the_parties_do_not_know(parties: OnlineParties) -> None:
    assert "the parties know no round of this period" in refusal(parties, start=START + 900)
    for party in range(3):
        parties.answers[party] = lambda _: problem("not-open-yet", 409)
    assert "the round has not begun yet" in refusal(parties)


def test_a_party_that_signs_two_outcomes(parties: OnlineParties) -> None:
    played = parties.played
    two = sign(Outcome(played.period, 1, Void(VoidReason.NO_SET)), played.signing[1])
    table = {**json.loads(parties.document()), "outcomes": [two.encode().hex()]}
    parties.answers[1] = on(str(START), (200, JSON, json.dumps(table).encode()))
    text = refusal(parties)
    assert "party 1 has signed two different messages of the kind 'outcome'" in text


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"openings": 3}', b'{"outcomes": ["zz"]}', b'{"openings": ["00"], "outcomes": []}']
)
def test_answers_that_are_none(parties: OnlineParties, body: bytes) -> None:
    parties.outcomes = parties.outcomes[:2]
    parties.answers[1] = on(str(START), (200, JSON, body))
    assert "party 1: " in refusal(parties)


def test_openings_that_do_not_hold_together(parties: OnlineParties) -> None:
    played = parties.played
    later: Opening = replace(played.openings[2], deadline=played.openings[2].deadline + 1)
    played.openings[2] = later
    assert "the openings do not hold together" in refusal(parties)


def test_shares_that_do_not_fit(parties: OnlineParties) -> None:
    played = parties.played
    wrong = make_totals(played.period, 1, SUPPLIER, 0, 4, (5, 6), sealing_key(SUPPLIER).public)
    parties.totals[1] = wrong
    assert "the shares of the totals do not lie on one polynomial" in refusal(parties)


@pytest.mark.parametrize("parties", [5], indirect=True)
def test_of_five_parties_the_one_with_a_wrong_share_is_named(parties: OnlineParties) -> None:
    key = sealing_key(SUPPLIER).public
    parties.totals[3] = make_totals(parties.played.period, 3, SUPPLIER, 0, 4, (5, 6), key)
    assert "do not lie on one polynomial (party 3)" in refusal(parties)


def test_totals_that_cannot_be(parties: OnlineParties) -> None:
    parties.totals = parties.played.totals(4 * 8192, 0)
    assert "more than 4 users can order" in refusal(parties)
    mixed = parties.played.totals(4, 6)
    parties.totals = {**mixed, 2: parties.played.totals(4, 6, attempt=1)[2]}
    assert "different attempts" in refusal(parties)
    parties.totals = {**mixed, 2: replace(mixed[2], users=3)}
    assert "different users" in refusal(parties)


def test_totals_of_another_party_or_without_a_signature(parties: OnlineParties) -> None:
    signed = sign(parties.totals[0], parties.played.signing[0]).encode()
    for body in (signed, signed[:-1] + bytes([signed[-1] ^ 1]), b"", b"<html>"):
        parties.answers[1] = on("/totals/green", (200, BYTES, body))
        assert "party 1: its answer is no totals" in refusal(parties)


def test_keys_that_are_not_on_the_roll(parties: OnlineParties) -> None:
    other = replace(HOME, identity=SigningKey.generate())
    assert "the roll has other keys for supplier 'green'" in refusal(parties, other)
    assert "no supplier 'blue' was on the roll" in refusal(parties, replace(HOME, supplier="blue"))
    text = refusal(parties, replace(HOME, sealing=SealingKey.generate()))
    assert "not to be relied on" in text


def test_a_refusal_says_nothing_of_the_totals(parties: OnlineParties) -> None:
    played = parties.played
    parties.totals = played.totals(1234, 777)
    parties.totals[1] = played.totals(4321, 777)[1]
    text = refusal(parties)
    assert not any(number in text for number in ("1234", "4321", "777"))
