"""Whole rounds through the service: orders by HTTPS, the market cleared on shares, results by HTTPS.

The reference is the plaintext rule on the agreed set, with the tickets of the round's own seed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.rules.model import Rationing, Side
from mpc_market.wire.audit import check_chain, same_round
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.message import read_signed
from mpc_market.wire.reception import Received
from mpc_market.wire.record import Record
from mpc_market.wire.submission import InputShare, of_shares
from mpc_market.wire.totals import ReceivedTotals, Totals, receive_totals
from mpc_market.wire.verdicts import Verdict
from parties.service import collecting, forwarding
from parties.service.life import FINAL, State
from parties.service.peers import Peer
from parties.service.rounds import Rounds
from tests.service.service_results import Wish, collected, expected, record_of
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, SETTINGS, START, Meter, Town, problem


async def play(town: Town, wishes: dict[str, Sequence[Wish]]) -> dict[str, Received]:
    """One round with these orders; what every meter receives."""
    await town.until(State.COLLECTING)
    terms = await town.terms()
    meters = {meter.id: meter for meter in town.meters}
    sent = {}
    for name, orders in wishes.items():
        sent[name] = meters[name].submission(terms, 1, *orders, each=town.settings.orders_per_submission)
        await town.submit(sent[name])
    await town.run_round()
    assert [await town.state(party) for party in range(town.parties)] == [State.RESULT] * town.parties
    return {name: await collected(town, meters[name], sent[name], wishes[name], terms) for name in wishes}


@asynchronous
async def test_a_round(tmp_path):
    """Sell 10 at 5, buy 6 at 9: 6 are traded at 5; what each learns is what the rule says."""
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        received = await play(town, {"anna": [(Side.SELL, 5, 10)], "ben": [(Side.BUY, 9, 6)]})
        assert received["anna"] == Received(5, Verdict.VALID, True, (6,))
        assert received["ben"] == Received(5, Verdict.VALID, True, (6,))
        records = [await record_of(town, party) for party in range(3)]
        for record in records:
            check_chain([record], town.committee_of, record.previous, record.sequence)
            same_round(records[0], record)
        document = (await town.get(2, f"periods/{START}")).json()
        assert (document["state"], document["price"]) == ("result", 5)
        assert len(document["outcomes"]) == len(document["openings"]) == 3


wish = st.tuples(st.sampled_from(Side), st.integers(3, 9), st.integers(0, 40))


@settings(max_examples=4)
@given(
    st.dictionaries(st.sampled_from("abcdefg"), st.lists(wish, min_size=1, max_size=2), max_size=7),
    st.sampled_from(Rationing),
)
def test_what_meters_receive_is_what_the_plaintext_rule_says(tmp_path_factory, wishes, rationing):
    """Random books with many ties, through the whole service. (The engine's own tests do it a thousandfold.)"""

    @asynchronous
    async def one() -> None:
        market = replace(SETTINGS, rationing=rationing, orders_per_submission=2)
        town = Town(tmp_path_factory.mktemp("town") / "market", 3, market, [Meter(name) for name in "abcdefg"])
        async with town.up():
            received = await play(town, wishes)
            price, accepted = expected(town, wishes, await record_of(town, 1))
            assert {name: each.accepted for name, each in received.items()} == accepted
            assert {each.price for each in received.values()} <= {price}
            assert all(each.verified for each in received.values())

    one()


@asynchronous
async def test_five_parties(tmp_path):
    town = Town(tmp_path / "market", 5, meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        received = await play(town, {"anna": [(Side.SELL, 5, 10)], "ben": [(Side.BUY, 9, 6)]})
        assert received["ben"] == Received(5, Verdict.VALID, True, (6,))


@asynchronous
async def test_a_round_without_orders_has_a_result_and_no_price(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna")])
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        await town.run_round()
        document = (await town.get(0, f"periods/{START}")).json()
        assert (document["state"], document["price"]) == ("result", None)
        check_chain([record := await record_of(town, 0)], town.committee_of, record.previous, record.sequence)
        assert record.agreed.count == 0
        assert problem(await town.result(0, town.meters[0], terms)) == "nothing-here"
        assert all(not workers.started or workers.started[0].ended for workers in town.workers)


@asynchronous
async def test_an_order_that_not_all_parties_hold_is_not_in_the_set(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben"), Meter("eve")])
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        anna, ben, eve = town.meters
        await town.submit(anna.submission(terms, 1, (Side.SELL, 5, 10)))
        await town.submit(ben.submission(terms, 1, (Side.BUY, 9, 6)))
        partial = eve.submission(terms, 1, (Side.BUY, 20, 10))
        assert (await town.post(1, partial.only_for(1))).status_code == 200
        await town.run_round()
        assert (await record_of(town, 0)).agreed.count == 2
        for party in range(3):
            assert problem(await town.result(party, eve, terms)) == "nothing-here"


@asynchronous
async def test_one_party_forwards_the_seals_of_the_others(tmp_path):
    """A meter that reaches only party 1 takes part all the same."""
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        anna, ben = town.meters
        sent = anna.submission(terms, 1, (Side.SELL, 5, 10))
        assert (await town.post(1, sent)).status_code == 200
        await town.submit(ben.submission(terms, 1, (Side.BUY, 9, 6)))
        async with asyncio.timeout(20):
            for party in (0, 2):
                while not await receipt(town, party, anna, terms, 1):
                    await asyncio.sleep(0.05)
        await town.run_round()
        assert (await collected(town, anna, sent, [(Side.SELL, 5, 10)], terms)).accepted == (6,)


@asynchronous
async def test_a_seal_that_is_not_taken_yet_keeps_no_later_one_from_its_party(tmp_path, monkeypatch):
    monkeypatch.setattr(forwarding, "_AT_ONCE", 1)
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        terms, (anna, ben) = await town.terms(), town.meters
        first, second = (meter.submission(terms, 1, (Side.SELL, 5, 10)) for meter in (anna, ben))
        forward = Peer.forward

        async def not_yet(self: Peer, start: int, data: bytes) -> int:
            return 425 if data == first.only_for(0).encode() else await forward(self, start, data)

        monkeypatch.setattr(Peer, "forward", not_yet)
        for sent in (first, second):
            assert (await town.post(1, sent)).status_code == 200
        async with asyncio.timeout(20):
            while not await receipt(town, 0, ben, terms, 1):
                await asyncio.sleep(0.05)
        assert not await receipt(town, 0, anna, terms, 1)
        monkeypatch.undo()
        async with asyncio.timeout(20):
            while not await receipt(town, 0, anna, terms, 1):
                await asyncio.sleep(0.05)


async def receipt(town: Town, party: int, meter: Meter, terms, number: int) -> bytes | None:
    claim = make_claim(terms, party, Claimant.METER, meter.id, meter.key)
    path = f"periods/{START}/receipts/{meter.id}?number={number}"
    answer = await town.get(party, path, headers={"authorization": f"Claim {claim.hex()}"})
    return answer.content if answer.status_code == 200 else None


@asynchronous
async def test_a_higher_number_replaces_what_was_submitted(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        anna, ben = town.meters
        await town.submit(ben.submission(terms, 1, (Side.BUY, 9, 6)))
        for number, quantity in ((1, 10), (7, 3)):
            sent = anna.submission(terms, number, (Side.SELL, 5, quantity))
            await town.submit(sent)
        await town.run_round()
        assert (await collected(town, anna, sent, [(Side.SELL, 5, 3)], terms)).accepted == (3,)


@asynchronous
async def test_the_same_submission_again_has_the_same_receipt(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna")])
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        sent = town.meters[0].submission(terms, 1, (Side.SELL, 5, 10))
        answers = [await town.post(0, sent) for _ in range(3)]
        assert {answer.content for answer in answers} == {await receipt(town, 0, town.meters[0], terms, 1)}


@asynchronous
async def test_a_supplier_gets_the_totals_of_its_users(tmp_path):
    """And nothing of a group that is too small: "wind" has one user, two are needed."""
    meters = [Meter("anna"), Meter("ben"), Meter("cleo", supplier="wind")]
    town = Town(tmp_path / "market", meters=meters)
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        for meter, order in zip(meters, [(Side.SELL, 5, 10), (Side.BUY, 9, 4), (Side.BUY, 8, 3)], strict=True):
            await town.submit(meter.submission(terms, 1, order))
        await town.run_round()
        assert await totals(town, "sun", terms) == ReceivedTotals(2, True, 4, 7)
        answers = [await ask_totals(town, party, "wind", "wind", terms) for party in range(3)]
        assert {problem(answer) for answer in answers} == {"group-too-small"}
        assert problem(await ask_totals(town, 0, "sun", "wind", terms)) == "unauthorized"
        assert problem(await ask_totals(town, 0, "coal", "wind", terms)) == "unknown-supplier"


async def ask_totals(town: Town, party: int, supplier: str, signer: str, terms):
    claim = make_claim(terms, party, Claimant.SUPPLIER, supplier, town.suppliers[signer][0])
    return await town.get(
        party, f"periods/{START}/totals/{supplier}", headers={"authorization": f"Claim {claim.hex()}"}
    )


async def totals(town: Town, supplier: str, terms) -> ReceivedTotals:
    committee, found = town.market.committee(START), {}
    for party in range(3):
        answer = await ask_totals(town, party, supplier, supplier, terms)
        assert answer.status_code == 200, answer.text
        found[party] = read_signed(Totals, answer.content, committee, terms.period, party).message
    result = (await record_of(town, 0)).result
    return receive_totals(supplier, found, result, terms, town.suppliers[supplier][1], town.settings.rules, 1)


@asynchronous
async def test_results_are_for_their_owner_alone(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        await play(town, {"anna": [(Side.SELL, 5, 10)], "ben": [(Side.BUY, 9, 6)]})
        terms = await town.terms()
        anna, ben = town.meters
        good = make_claim(terms, 0, Claimant.METER, "anna", anna.key)
        for claim in (
            make_claim(terms, 0, Claimant.METER, "anna", ben.key),
            make_claim(terms, 0, Claimant.METER, "ben", ben.key),
            make_claim(terms, 1, Claimant.METER, "anna", anna.key),
            make_claim(terms, 0, Claimant.SUPPLIER, "anna", anna.key),
            make_claim(replace(terms, challenge=bytes(32)), 0, Claimant.METER, "anna", anna.key),
            good[:-1],
        ):
            for path in (f"periods/{START}/results/anna", f"periods/{START}/receipts/anna?number=1"):
                answer = await town.get(0, path, headers={"authorization": f"Claim {claim.hex()}"})
                assert problem(answer) == "unauthorized"
        for header in ({}, {"authorization": "Basic YTpi"}, {"authorization": "Claim xyz"}):
            assert problem(await town.get(0, f"periods/{START}/results/anna", headers=header)) == "unauthorized"
        answer = await town.get(0, f"periods/{START}/results/anna", headers={"authorization": f"Claim {good.hex()}"})
        assert answer.status_code == 200


@asynchronous
async def test_rounds_follow_one_another_and_are_chained(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    async with town.up():
        for k in range(3):
            start = START + 900 * k
            await town.until(State.COLLECTING, start=start)
            terms = await town.terms(start)
            await town.submit(town.meters[0].submission(terms, 1, (Side.SELL, 5 + k, 10)), start)
            await town.submit(town.meters[1].submission(terms, 1, (Side.BUY, 9, 6)), start)
            town.clock.move_to(town.gate + 900_000 * k)
            await town.until(*FINAL, start=start)
        for party in range(3):
            answer = (await town.get(party, "records", params={"limit": 100})).json()
            records = [Record.decode(each.encode()) for each in answer["records"]]
            audited = check_chain(records, town.committee_of)
            assert [each.price for each in audited] == [5, 6, 7]
            assert answer["last"] == 2
            prices = (await town.get(party, "prices")).json()["prices"]
            assert [(each["start"], each["price"]) for each in prices] == [(START + 900 * k, 5 + k) for k in range(3)]
            assert (await town.get(party, "prices", params={"limit": 1})).json()["prices"] == prices[-1:]
            assert (await town.get(party, "prices", params={"after": 0, "limit": 1})).json()["prices"] == prices[1:2]


@asynchronous
async def test_an_invalid_submission_is_left_out_and_told_so(tmp_path):
    """Shares off the polynomial, at one party; two headers with one number: excluded, by name to the operator; the
    others trade.
    """
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben"), Meter("eve"), Meter("zoe")])
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        anna, ben, eve, zoe = town.meters
        words = (1,) * (1 + SETTINGS.price_bits + 2 * SETTINGS.quantity_bits)
        shares = [InputShare(bytes(32), (*words[:-1], 7 if party == 2 else 1)) for party in range(3)]
        bad = of_shares(terms, eve.id, 1, 1, shares, eve.key)
        first = anna.submission(terms, 1, (Side.SELL, 5, 10))
        for submission in (first, ben.submission(terms, 1, (Side.BUY, 9, 6)), bad):
            await town.submit(submission)
        twice = [zoe.submission(terms, 1, (Side.BUY, 9, quantity)) for quantity in (1, 2)]
        for party in range(3):
            assert (await town.post(party, twice[party == 2].only_for(party))).status_code == 200
        await town.run_round()
        assert (await collected(town, anna, first, [(Side.SELL, 5, 10)], terms)).accepted == (6,)
        committee = town.market.committee(START)
        for party in range(3):
            answer = await town.result(party, eve, terms)
            told = read_signed(Delivery, answer.content, committee, terms.period, party).message
            assert told.verdict is Verdict.OFF_POLYNOMIAL
            excluded = await town.private(party, f"markets/{town.market.id}/excluded/{START}")
            digests = sorted(each.header.digest.hex() for each in twice)
            assert excluded.json() == [
                {"meter": "eve", "verdict": 1},
                {"meter": "zoe", "number": 1, "header_digests": digests},
            ]
        assert (await record_of(town, 0)).result.verdict_counts == (2, 1, 0)


@pytest.mark.parametrize("final", [False, True])
@asynchronous
async def test_waiting_for_a_change(tmp_path, final):
    town = Town(tmp_path / "market", meters=[Meter("anna")])
    async with town.up():
        await town.until(State.COLLECTING)
        if final:
            await town.run_round()
        begun = asyncio.get_running_loop().time()
        waiting = asyncio.create_task(town.get(0, f"periods/{START}", params={"wait": 30}, timeout=40))
        if not final:
            await asyncio.sleep(0.3)
            assert not waiting.done()
            town.clock.move_to(town.gate)
        assert (await waiting).status_code == 200
        assert asyncio.get_running_loop().time() - begun < 25


@asynchronous
async def test_a_round_that_becomes_due_while_others_are_opened_is_not_left_out(tmp_path, monkeypatch):
    open_due, town = Rounds._open_due, Town(tmp_path / "market")

    async def slow(self: Rounds) -> None:
        await open_due(self)
        if self._node.party == 1:
            town.clock.move_to(town.gate)

    monkeypatch.setattr(Rounds, "_open_due", slow)
    async with town.up():
        await town.until(State.COLLECTING, start=START + PERIOD)


@asynchronous
async def test_a_round_is_said_to_collect_when_orders_are_taken_and_not_before(tmp_path, monkeypatch):
    """Also after a restart: a meter that waits for that never comes too early."""
    town, ready, intake_of = Town(tmp_path / "market", meters=[Meter("anna")]), asyncio.Event(), collecting.intake_of

    async def slow(*given):
        await ready.wait()
        return await intake_of(*given)

    async def says(state: State, **parameters: int) -> None:
        answer = await town.get(0, f"periods/{START}", params=parameters, timeout=40)
        assert answer.json()["state"] == state

    monkeypatch.setattr(collecting, "intake_of", slow)
    async with town.up():
        for number in (1, 2):
            async with asyncio.timeout(20):
                while await town.state(0) is not State.COLLECTING:
                    await asyncio.sleep(0.02)
            await says(State.OPENING)
            sent = town.meters[0].submission(await town.terms(), number, (Side.SELL, 5, 10)).only_for(0)
            assert problem(await town.post(0, sent)) == "not-open-yet"
            waiting = asyncio.create_task(says(State.COLLECTING, wait=30))
            ready.set()
            await waiting
            assert (await town.post(0, sent)).status_code == 200
            ready.clear()
            await town.stop(0)
            await town.start(0)
