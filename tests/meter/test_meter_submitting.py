"""An order on its way in, through the client and stand-ins of the parties (submitting, rounds)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from mpc_market.errors import InvalidOrderError
from mpc_market.rules.model import Side
from mpc_market.wire.submission import Submission
from parties.client.api import Api
from parties.files.running import Service
from parties.meter.forecast import Wish
from parties.meter.market import Market
from parties.meter.results import State, collect
from parties.meter.rounds import NotKnownError, Rounds
from parties.meter.submitting import submit
from tests.meter.faults import changed, down, unreachable_for
from tests.meter.small_market import BUY, SELL, START, posts

# --- numbers, and trying again ----------------------------------------------------------------------------


def test_the_same_bytes_are_sent_again_after_a_restart(small):
    """Whatever the strategy wants now: what was made is what is sent."""
    meter = small.meter()
    small.run(submit(meter, small.rounds, START, [BUY]))
    first = dict(posts(small))
    again = small.run(submit(meter, small.fresh_rounds(), START, [SELL]))
    assert again.number == 1
    assert len(posts(small)) == 3, "all receipts were stored"
    latest = meter.store.latest(START)
    assert {party: latest.submission.only_for(party).encode() for party in first} == first


def test_a_new_order_replaces_with_a_higher_number(small):
    meter = small.meter()

    async def twice():
        await submit(meter, small.rounds, START, [BUY])
        second = await submit(meter, small.rounds, START, [Wish(Side.BUY, 100, 0)], replace=True)
        await small.clock.until(small.gate)
        return second, await collect(meter, small.rounds, START)

    second, finding = small.run(twice())
    assert (second.number, second.accepted) == (2, True)
    assert (finding.number, finding.state, finding.accepted) == (2, State.VERIFIED, (0,))


def test_a_round_opened_again_gets_a_new_submission_and_never_an_old_number(small):
    """Cannot happen among honest parties; a meter that has the old challenge is told so and begins anew."""
    meter = small.meter()
    small.run(submit(meter, small.rounds, START, [BUY]))
    del small.parties.rounds[START]
    submitted = small.run(submit(meter, small.rounds, START, [BUY], replace=True))
    assert submitted.accepted
    assert submitted.number == 3, "2 was made for the challenge that is gone"
    headers = [meter.store.submission(START, number).submission.header for number in (1, 2, 3)]
    assert headers[0].challenge == headers[1].challenge != headers[2].challenge


@pytest.mark.parametrize("party", [0, 1, 2])
def test_a_party_that_fails_for_a_while_is_tried_again(small, party):
    small.parties.faults[party] = unreachable_for(8)
    meter = small.meter()
    submitted = small.run(submit(meter, small.rounds, START, [BUY]))
    assert submitted.accepted
    headers = {Submission.decode(body).header for _, body in posts(small)}
    assert len(headers) == 1
    assert len(posts(small)) > 3


def test_a_party_that_stays_down_means_not_accepted_and_its_seal_went_another_way(small):
    small.parties.faults[2] = down
    meter = small.meter()
    submitted = small.run(submit(meter, small.rounds, START, [BUY]))
    assert submitted.receipts == {0, 1}
    assert not submitted.accepted
    assert "party 2: https://party-2.example: no answer" in submitted.troubles[2]
    forwarded = [body for party, body in posts(small) if len(Submission.decode(body).seals) > 1]
    assert [[seal.party for seal in Submission.decode(body).seals] for body in forwarded] == [[0, 2]]
    # the parties have it all: the order counts, though its meter could not know
    small.parties.faults.clear()
    assert small.run(collect(meter, small.fresh_rounds(), START)).state == State.VERIFIED


def test_the_receipt_whose_answer_was_lost_is_asked_for_after_the_gate(small):
    def loses_answers(request, answer):
        answer()
        if request.method == "POST":
            raise httpx.ReadError("connection lost")
        return answer()

    small.parties.faults[1] = loses_answers
    submitted = small.run(submit(small.meter(), small.rounds, START, [BUY]))
    assert submitted.accepted
    assert small.clock.now_ms() >= small.gate


def test_who_comes_too_late_is_told_so(small):
    """The terms are known, and while the submission is made the gate closes."""
    meter = small.meter()

    async def late():
        await small.rounds.terms(START, small.gate)
        small.clock.now = small.gate
        return await submit(meter, small.rounds, START, [BUY])

    submitted = small.run(late())
    assert submitted.troubles == {j: f"party {j}: the gate closed before it was sent" for j in range(3)}
    assert posts(small) == []


def test_an_unknown_meter_is_told_and_does_not_insist(small):
    meter = small.meter()
    small.parties.roll.clear()
    submitted = small.run(submit(meter, small.rounds, START, [BUY]))
    assert set(submitted.troubles) == {0, 1, 2}
    assert "unknown-meter" in submitted.troubles[0]
    assert len(posts(small)) == 3


def test_too_much_is_refused_before_anything_is_made(small):
    meter = small.meter(maximum=1000)
    with pytest.raises(InvalidOrderError, match="above the enrolled maximum") as caught:
        small.run(submit(meter, small.rounds, START, [BUY]))
    assert "1500" not in str(caught.value)
    assert meter.store.latest(START) is None


@pytest.mark.parametrize(("signer", "of"), [(1, "o"), (0, "m")])
def test_a_receipt_for_something_else_is_none(small, signer, of):
    """Party 1 answers with a receipt for another's submission, or with party 0's."""
    meter, other = small.meter("m"), small.meter("o")
    small.run(submit(other, small.rounds, START, [BUY]))

    def another(request, answer):
        body = answer()
        is_receipt = request.method == "POST" or "/receipts/" in request.path
        return small.parties.receipt(signer, small.parties.rounds[START], of, 1) if is_receipt else body

    small.parties.faults[1] = another
    submitted = small.run(submit(meter, small.rounds, START, [BUY]))
    assert submitted.receipts == {0, 2}
    assert "no receipt of this submission" in submitted.troubles[1]


# --- what the parties say of a round ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda messages: messages[:2],
        lambda messages: [messages[0], messages[0], messages[2]],
        lambda messages: [*messages[:2], messages[2][:-2] + "ff"],
        lambda messages: [*messages[:2], "zz"],
        lambda messages: [*messages[:2], 7],
        lambda messages: "nothing",
        lambda messages: messages * 3,
        lambda messages: None,
    ],
)
def test_a_party_that_shows_other_openings_is_not_believed(small, change):
    small.parties.faults[0] = changed("openings", change)
    assert small.run(submit(small.meter(), small.rounds, START, [BUY])).accepted
    for party in (1, 2):
        small.parties.faults[party] = changed("openings", change)
    small.clock.now = 1000 * (START - 1800)
    with pytest.raises(NotKnownError, match="openings of all 3 parties could not be had"):
        small.run(submit(small.meter("other"), small.fresh_rounds(), START, [BUY]))


def test_openings_with_another_gate_are_not_those_of_this_market(small):
    running = replace(small.parties.market.running, service=Service(gate_lead=timedelta(minutes=14)))
    rounds = Rounds(Api("m1", small.parties.transports()), Market(running), small.clock)
    with pytest.raises(NotKnownError, match="another gate than the market file"):
        small.run(rounds.terms(START, small.gate))


def test_terms_are_asked_for_once_by_all_meters(small):
    meters = [small.meter(f"m{i}") for i in range(10)]

    async def all_at_once():
        return await asyncio.gather(*(submit(meter, small.rounds, START, []) for meter in meters))

    assert all(one.accepted for one in small.run(all_at_once()))
    assert sum(request.path.endswith(str(START)) for _, request in small.parties.requests) == 1
