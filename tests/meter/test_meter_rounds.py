"""Orders in and results out, through the client and stand-ins of the parties (submitting, rounds, results)."""

import asyncio
import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Order, Side
from mpc_market.wire.submission import Submission
from parties.meter.forecast import Wish
from parties.meter.results import State, collect
from parties.meter.rounds import _OPENING_SECONDS
from parties.meter.submitting import submit
from tests.meter.faults import unreachable_for
from tests.meter.small_market import BUY, SELL, START, SmallMarket, play, posts

# --- all is well ------------------------------------------------------------------------------------------


def test_an_order_is_accepted_by_all_and_its_result_is_verified(small):
    buyer, seller = small.meter("541448860000000018"), small.meter("AT00 é ☀")
    submitted, found = small.run(play(small, (buyer, BUY), (seller, SELL)))
    assert all(one.accepted and one.number == 1 and not one.troubles for one in submitted)
    assert [(finding.state, finding.accepted, finding.final) for finding in found] == [
        (State.VERIFIED, (1000,), True),
        (State.VERIFIED, (1000,), True),
    ]
    assert {finding.price for finding in found} == {2000}  # the buy is served in part: it sets the price
    entry = buyer.store.history(10)[0]
    assert (entry.receipts, entry.state, entry.accepted, entry.orders[0].quantity) == (3, "verified", (1000,), 1500)


def test_nobody_is_asked_to_wait_for_a_change_before_all_were_asked(small, monkeypatch):
    """It may be there at the next one: a party that is down must not cost the others' longest wait."""
    get, waits = small.rounds.api.get, []

    async def noted(party, path, **options):
        waits.append(options["wait"])
        return await get(party, path, **options)

    monkeypatch.setattr(small.rounds.api, "get", noted)
    for party in range(3):
        small.parties.faults[party] = unreachable_for(2)
    small.run(small.rounds.terms(START, small.gate))
    assert (waits[:3], waits[3:]) == ([0, 0, 0], [_OPENING_SECONDS] * len(waits[3:]))
    assert len(waits) == 7


@pytest.mark.parametrize("days", [1, 40])
def test_before_the_gate_an_outcome_is_asked_for_at_growing_pauses(small, days, monkeypatch):
    """A settlement is open for a day, a correction for up to forty: hundreds at a time, which share connections."""
    small.clock.now = begun = small.gate - 86_400_000 * days
    get, asked = small.rounds.api.get, []

    async def noted(party, path, **options):
        asked.append((small.clock.now, options.get("wait", 0)))
        return await get(party, path, **options)

    monkeypatch.setattr(small.rounds.api, "get", noted)
    assert small.run(small.rounds.ended(START)).result is not None
    early = [moment for moment, _ in asked if moment < small.gate]
    assert early[0] == begun
    assert len(early) < 60
    assert all(wait == 0 for moment, wait in asked if moment < small.gate)
    for before, after in itertools.pairwise(early):
        assert min(60_000, small.gate - before) <= after - before <= max(60_000, (small.gate - before) / 4)


def test_an_outcome_before_the_gate_is_found_all_the_same(small):
    async def closed_early():
        waiting = asyncio.ensure_future(small.rounds.ended(START))
        await small.clock.pause(100)
        small.parties.close(START)
        return await waiting

    assert small.run(closed_early()).result is not None
    assert small.clock.now < small.gate


@pytest.mark.parametrize("parties", [5, 7])
def test_with_more_parties(tmp_path, parties):
    small = SmallMarket(tmp_path, parties=parties)
    _, found = small.run(play(small, (small.meter("b"), BUY), (small.meter("s"), SELL)))
    assert [finding.state for finding in found] == [State.VERIFIED] * 2


def test_each_party_gets_its_own_seal_only(small):
    small.run(submit(small.meter(), small.rounds, START, [BUY]))
    assert sorted(party for party, _ in posts(small)) == [0, 1, 2]
    for party, body in posts(small):
        assert [seal.party for seal in Submission.decode(body).seals] == [party]


def test_nothing_ordered_looks_like_any_other_order(small):
    small.run(submit(small.meter("i"), small.rounds, START, []))
    small.run(submit(small.meter("b"), small.rounds, START, [BUY]))
    assert len({len(body) for _, body in posts(small)}) == 1
    assert [order.quantity for order in small.parties.opened_submission(START, "i", 1)] == [0]


def test_a_curve_of_several_orders(tmp_path):
    small = SmallMarket(tmp_path, orders=3)
    seller, steps = small.meter("s"), [Wish(Side.BUY, 3000, 100), Wish(Side.BUY, 2000, 200)]

    async def both():
        await submit(small.meter("b"), small.rounds, START, steps)
        await submit(seller, small.rounds, START, [Wish(Side.SELL, 2500, 400)])
        await small.clock.until(small.gate)
        return await collect(seller, small.rounds, START)

    assert small.run(both()).accepted == (100, 0, 0)


books = st.lists(
    st.builds(Wish, st.sampled_from(Side), st.integers(0, 4095), st.integers(0, 17_250)), min_size=1, max_size=6
)


@settings(max_examples=10)
@given(books)
def test_results_of_all_meters_are_those_of_the_rule(wishes):
    """Books submitted by meters and collected by meters, against the plaintext rule on what they meant."""
    with tempfile.TemporaryDirectory() as folder:
        small = SmallMarket(Path(folder))
        meters = [small.meter(f"m{i}") for i in range(len(wishes))]
        _, found = small.run(play(small, *zip(meters, wishes, strict=True)))
    orders = [Order(f"m{i}/0", wish.side, wish.price, wish.quantity) for i, wish in enumerate(wishes)]
    expected = clear(orders, small.parties.market.file.rules, small.parties.ticket_seed(START))
    assert [finding.state for finding in found] == [State.VERIFIED] * len(meters)
    assert tuple(finding.accepted[0] for finding in found) == expected.accepted
    assert {finding.price for finding in found} == {expected.price}
