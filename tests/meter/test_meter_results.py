"""What a meter makes of results, right and wrong ones, of stand-ins of the parties (results, rounds)."""

from dataclasses import replace

import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import sign
from mpc_market.wire.outcome import Outcome, Void, VoidReason
from mpc_market.wire.verdicts import Verdict
from parties.meter.forecast import Wish
from parties.meter.results import State, collect
from parties.meter.rounds import NotKnownError
from parties.meter.submitting import submit
from tests.meter.faults import changed, down, lying, with_result
from tests.meter.small_market import BUY, SELL, START, SmallMarket, play
from tests.meter.standin import problem

# --- results that are wrong -------------------------------------------------------------------------------


def test_with_fewer_than_all_parties_a_result_is_unverified(small):
    buyer, seller = small.meter("b"), small.meter("s")

    async def late():
        for meter, wish in ((buyer, BUY), (seller, SELL)):
            await submit(meter, small.rounds, START, [wish])
        await small.clock.until(small.gate)
        small.parties.faults[1] = down
        return await collect(buyer, small.rounds, START)

    finding = small.run(late())
    assert (finding.state, finding.accepted, finding.final) == (State.UNVERIFIED, (1000,), False)
    assert "party 1" in finding.remark
    assert buyer.store.unfinished(START) == [START]
    small.parties.faults.clear()
    assert small.run(collect(buyer, small.fresh_rounds(), START)).state == State.VERIFIED
    assert buyer.store.unfinished(START) == []


@pytest.mark.parametrize("party", [0, 1, 2])
def test_a_party_that_lies_is_noticed(small, party):
    async def until_the_end():
        buyer = small.meter("b")
        await submit(buyer, small.rounds, START, [BUY])
        await submit(small.meter("s"), small.rounds, START, [SELL])
        await small.clock.until(small.gate)
        with_result(party, small, lambda: lying(small, party, (123456,)))
        return await collect(buyer, small.rounds, START)

    finding = small.run(until_the_end())
    assert (finding.state, finding.accepted) == (State.DISPUTED, None)
    assert "check of the polynomial failed" in finding.remark
    assert "123456" not in finding.remark


def test_of_five_parties_the_liar_is_named(tmp_path):
    small = SmallMarket(tmp_path, parties=5)

    async def until_the_end():
        buyer = small.meter("b")
        await submit(buyer, small.rounds, START, [BUY])
        await small.clock.until(small.gate)
        await small.rounds.ended(START)
        with_result(3, small, lambda: lying(small, 3, (5,)))
        return await collect(buyer, small.rounds, START)

    assert "party 3" in small.run(until_the_end()).remark


@pytest.mark.parametrize(("accepted", "check"), [(1501, "quantity"), (999, "price")])
def test_parties_that_agree_on_a_wrong_result_are_noticed(small, accepted, check):
    """All shares lie on one polynomial, but the value contradicts the order or the price."""
    from mpc_market.wire.sharing import deal  # noqa: PLC0415

    async def until_the_end():
        buyer = small.meter("b")
        await submit(buyer, small.rounds, START, [Wish(Side.BUY, 3000, 1500)])
        await submit(small.meter("s"), small.rounds, START, [Wish(Side.SELL, 1000, 2000)])
        await small.clock.until(small.gate)
        await small.rounds.ended(START)
        shares = deal([accepted], 3)
        for party in range(3):
            with_result(party, small, lambda party=party: lying(small, party, shares[party]))
        return await collect(buyer, small.rounds, START)

    finding = small.run(until_the_end())
    assert (finding.state, finding.accepted) == (State.DISPUTED, None)
    assert f"check of the {check} failed" in finding.remark


def test_garbage_for_a_delivery_leaves_the_result_unverified(small):
    async def until_the_end():
        buyer = small.meter("b")
        await submit(buyer, small.rounds, START, [BUY])
        await small.clock.until(small.gate)
        with_result(0, small, lambda: (200, "application/octet-stream", b"\x01" * 200))
        return await collect(buyer, small.rounds, START)

    finding = small.run(until_the_end())
    assert finding.state == State.UNVERIFIED
    assert "its answer is no delivery" in finding.remark


def test_a_submission_that_was_not_valid_is_told(small):
    small.parties.verdicts["b"] = Verdict.NOT_AN_ORDER
    _, (finding,) = small.run(play(small, (small.meter("b"), BUY)))
    assert (finding.state, finding.accepted, finding.verdict) == (State.INVALID, (0,), 2)
    assert "not an order" in finding.remark


def test_who_is_not_in_the_set_is_told(small):
    small.parties.faults[2] = down

    async def until_the_end():
        buyer = small.meter("b")
        await submit(small.meter("s"), small.rounds, START, [SELL])
        for round_of_parties in small.parties.rounds.values():
            round_of_parties.submissions.clear()
        small.parties.faults.clear()
        await submit(buyer, small.rounds, START, [BUY])
        return await collect(buyer, small.rounds, START)

    finding = small.run(until_the_end())
    assert finding.state == State.NOT_IN_SET
    assert finding.final


def test_a_void_round(small):
    small.parties.void.add(START)
    _, (finding,) = small.run(play(small, (small.meter(), BUY)))
    assert (finding.state, finding.price, finding.final) == (State.VOID, None, True)


def test_a_round_that_was_opened_differently_is_void_all_the_same(small):
    """That is one of the reasons for which parties give a round up: their openings never become terms."""
    small.parties.void.add(START)
    meter = small.meter()

    async def until_the_end():
        await submit(meter, small.rounds, START, [BUY])
        of_round = small.parties.rounds[START]
        opening = of_round.openings[2].message
        of_round.openings[2] = sign(replace(opening, deadline=opening.deadline + 1), small.parties.keys[2])
        await small.clock.until(small.gate)
        return await collect(meter, small.rounds, START)

    assert small.run(until_the_end()).state == State.VOID


def says_void(small, party, signed):
    """A party that signs a result, and says to meters that all is void; `signed`: for that it has a signature too."""
    said = (
        sign(Outcome(Period("m1", START), party, Void(VoidReason.NOT_COMPUTED)), small.parties.keys[party])
        .encode()
        .hex()
    )
    document = changed("outcomes", lambda messages: [said] if signed else messages)

    def fault(request, answer):
        return problem("void", 410) if "/results/" in request.path else document(request, answer)

    return fault


@pytest.mark.parametrize(("signed", "state"), [(True, State.VOID), (False, State.UNVERIFIED)])
def test_one_void_is_final_if_it_is_signed_also_where_there_is_a_result(small, signed, state):
    small.parties.faults[2] = says_void(small, 2, signed)
    _, (finding,) = small.run(play(small, (small.meter(), BUY)))
    assert finding.state == state
    assert finding.final == signed


def test_a_result_that_not_all_have_signed_is_none(small):
    for party in range(3):
        small.parties.faults[party] = changed("outcomes", lambda messages: messages[:2])

    async def until_the_end():
        meter = small.meter()
        await submit(meter, small.rounds, START, [BUY])
        await small.clock.until(small.gate)
        await collect(meter, small.rounds, START)

    with pytest.raises(NotKnownError, match="an outcome could not be had"):
        small.run(until_the_end())


def test_a_record_that_does_not_hold_is_told(small):
    def other_record(request, answer):
        if request.path.endswith("/record"):
            return (
                200,
                "application/json",
                small.parties.rounds[START].record.replace(b'"verdicts":[1', b'"verdicts":[2'),
            )
        return answer()

    for party in range(3):
        small.parties.faults[party] = other_record
    _, (finding,) = small.run(play(small, (small.meter(), BUY)))
    assert finding.state == State.UNVERIFIED
    assert "public record" in finding.remark


def test_a_lost_store_is_told(small):
    """The parties deliver for a submission that this home knows nothing of."""
    meter = small.meter()

    async def until_the_end():
        await submit(meter, small.rounds, START, [BUY])
        meter.home.store.unlink()
        return await collect(meter, small.rounds, START)

    finding = small.run(until_the_end())
    assert finding.state == State.DISPUTED
    assert "not in this meter's store" in finding.remark
