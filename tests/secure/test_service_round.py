"""Rounds of a running market: the outcome is that of the plaintext rule on the valid orders, whatever else was sent."""

import asyncio
import random
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mpc_market.errors import (
    MarketError,
)
from mpc_market.network import memory_networks
from mpc_market.rules.model import Market, Rationing, Side
from mpc_market.secure.clearing import Method
from mpc_market.secure.round import prepare_round
from mpc_market.secure.service_round import compute_service_round
from mpc_market.secure.validity import Verdict
from tests.secure.lockstep import Lockstep
from tests.secure.meters import Sent, every_cheat, honest
from tests.secure.service_rounds import (
    Round,
    assert_right,
    attempt_round,
    expected,
    outcome,
    random_round,
    run_round,
)

BUY, SELL = Side.BUY, Side.SELL
LOTTERY, PRO_RATA = Market(3, 4, Rationing.LOTTERY), Market(3, 4, Rationing.PRO_RATA)
PROTOCOL = 1 << 16  # labels of the protocol proper

every_method = pytest.mark.parametrize("method", Method, ids=lambda method: method.value)
every_rule = pytest.mark.parametrize("market", [LOTTERY, PRO_RATA], ids=lambda market: market.rationing.value)
every_m = pytest.mark.parametrize("parties", [3, 5, 7])


def good(count: int, market: Market = LOTTERY, each: int = 1, parties: int = 3, suppliers: int = 1) -> list[Sent]:
    """Honest meters whose orders trade."""
    rng = random.Random(count)
    sent = []
    for i in range(count):
        lines = [(rng.choice((BUY, SELL)), rng.randrange(8), rng.randint(0, 12)) for _ in range(each)]
        sent.append(honest(f"m{i}", lines, 12, market, parties, i % suppliers))
    return sent


def bad(one: Sent, market: Market = LOTTERY, parties: int = 3, number: int = 0) -> Sent:
    """The same meter as a cheat."""
    return every_cheat(one, market, parties)[number]


# --- outcomes ---------------------------------------------------------------------------------------------


@cache
def random_rounds(count: int, parties: int, most: int) -> list[Round]:
    return [random_round(1000 * parties + number, parties, most) for number in range(count)]


@pytest.mark.parametrize(("parties", "count", "most"), [(3, 80, 14), (5, 10, 6), (7, 3, 4)])
def test_any_round(parties, count, most):
    """All sorts of markets, books, cheats, suppliers and preparations."""
    rounds = random_rounds(count, parties, most)
    for each in rounds:
        assert_right(each, run_round(each)[0])


def test_any_round_has_everything():
    """The rounds above reach every corner that the others below are about."""
    rounds = random_rounds(80, 3, 14)
    assert {(r.method, r.market.rationing) for r in rounds} == {(m, rule) for m in Method for rule in Rationing}
    assert {r.each for r in rounds} == {1, 2, 3}
    assert {None, True, False} == {
        None if r.prepared_for is None else r.prepared_for >= sum(s.verdict == 0 for s in r.sent) * r.each
        for r in rounds
    }
    assert any(not r.sent for r in rounds)
    assert sum(expected(r).price is not None for r in rounds) > 30
    assert {s.verdict for r in rounds for s in r.sent} == set(Verdict)


@every_m
@every_method
@every_rule
def test_nobody_has_sent_anything(parties, method, market):
    round_ = Round([], market, 2, parties, 3, method)
    results, _ = run_round(round_)
    assert_right(round_, results)
    assert results[0].price is None
    assert results[0].accepted.shape == (0, 2)


@every_m
@every_method
@every_rule
@pytest.mark.parametrize("prepared_for", [None, 4])
def test_nothing_is_valid(parties, method, market, prepared_for):
    sent = [bad(one, market, parties, i) for i, one in enumerate(good(4, market, 1, parties))]
    round_ = Round(sent, market, 1, parties, 2, method, prepared_for)
    results, _ = run_round(round_)
    assert_right(round_, results)
    assert results[0].price is None
    assert results[0].accepted.shape == (0, 1)


@every_m
@every_method
@every_rule
def test_a_valid_order_alone(parties, method, market):
    first, *others = good(3, market, 1, parties)
    round_ = Round(
        [bad(others[0], market, parties), first, bad(others[1], market, parties)], market, 1, parties, 1, method
    )
    assert_right(round_, run_round(round_)[0])


def test_no_supplier():
    """Then there are no users either."""
    results, _ = run_round(Round([], LOTTERY, suppliers=0))
    assert results[0].bought.size == results[0].sold.size == results[0].users.size == 0


@every_method
def test_prepared_for_too_few(method):
    """Keys and masks of the preparation are not used twice: what is missing is made anew."""
    for prepared_for in (0, 3, 7, 8, 9):
        round_ = Round(good(8), LOTTERY, method=method, prepared_for=prepared_for)
        assert_right(round_, run_round(round_)[0])


def test_prepared_for_the_valid_ones():
    """Cheats take none of what was prepared."""
    sent = good(8)
    sent[3:6] = [bad(one) for one in sent[3:6]]
    round_ = Round(sent, LOTTERY, prepared_for=5)
    results, _ = run_round(round_)
    assert_right(round_, results)
    alone, _ = run_round(replace(round_, sent=[one for one in sent if one.verdict is Verdict.VALID]))
    unprepared, _ = run_round(replace(round_, prepared_for=None))
    assert results[0].communication_rounds == alone[0].communication_rounds < unprepared[0].communication_rounds


# --- cheats change nothing for others ---------------------------------------------------------------------


def test_all_cheats_at_once():
    """Hundreds of them, from meters with supplies and demands of all sizes."""
    sent = good(12, suppliers=2)
    cheats = every_cheat(honest("cheat", [(SELL, 0, 12)], 12, LOTTERY, 3, 1), LOTTERY, 3)
    round_ = Round([*cheats[:40], *sent[:6], *cheats[40:], *sent[6:]], LOTTERY, suppliers=2)
    results, _ = run_round(round_)
    assert_right(round_, results)
    assert outcome(results) == outcome(run_round(replace(round_, sent=sent))[0])


@every_method
def test_each_cheat_alone(method):
    """One of every seven; the others of their kind differ only in the place."""
    sent = good(5)
    right = expected(Round(sent, LOTTERY))
    for cheat in every_cheat(honest("cheat", [(BUY, 7, 12)], 12, LOTTERY, 3), LOTTERY, 3)[::7]:
        round_ = Round([*sent[:2], cheat, *sent[2:]], LOTTERY, method=method)
        results, _ = run_round(round_)
        assert_right(round_, results)
        assert outcome(results) == right


def test_a_cheat_costs_its_whole_submission():
    """One wrong order of three: none of them trades."""
    sent = good(4, each=3)
    lines = [(SELL, 0, 12), (SELL, 0, 12), (SELL, 0, 12)]
    for cheat in every_cheat(honest("cheat", lines, 12, LOTTERY, 3), LOTTERY, 3)[-3::-90]:
        round_ = Round([cheat, *sent], LOTTERY, 3)
        assert_right(round_, run_round(round_)[0])


# --- verdicts ---------------------------------------------------------------------------------------------


def verdicts_of(round_: Round) -> np.ndarray:
    return np.array([one.verdict for one in round_.sent], np.uint8)


def mixed(prepared_for: int | None = None) -> Round:
    sent = good(7)
    sent[2], sent[5] = bad(sent[2]), bad(sent[5], number=100)
    return Round(sent, LOTTERY, prepared_for=prepared_for)


def test_nothing_is_computed_before_all_have_stored_the_verdicts():
    round_, networks = mixed(), memory_networks(3)
    stored, sent_before = asyncio.Event(), {}

    async def on_verdicts(verdicts, party):
        assert verdicts.tolist() == verdicts_of(round_).tolist()
        sent_before[party] = len(networks[party].sent)
        if party == 2:
            for _ in range(500):  # long enough for the others to do whatever they would
                await asyncio.sleep(0)
            assert [len(network.sent) for network in networks] == [sent_before[i] for i in range(3)]
            stored.set()
        await stored.wait()

    async def main():
        return await asyncio.gather(
            *(round_.run(n, on_verdicts=lambda v, p=n.party: on_verdicts(v, p)) for n in networks)
        )

    assert_right(round_, asyncio.run(main()))
    assert len(sent_before) == 3


@pytest.mark.parametrize("prepared_for", [None, 7])
def test_a_round_without_stored_verdicts_goes_no_further(prepared_for):
    class NotStoredError(MarketError):
        pass

    async def refuse(_):
        raise NotStoredError

    ends, networks = attempt_round(mixed(prepared_for), {party: {"on_verdicts": refuse} for party in range(3)})
    assert [type(end) for end in ends] == [NotStoredError] * 3
    longest = max(label for network in networks for _, label, _ in network.sent if label >= PROTOCOL)
    assert prepared_for is not None or longest == PROTOCOL + 1


@every_method
@pytest.mark.parametrize("prepared_for", [None, 6])
def test_a_retry_with_stored_verdicts(method, prepared_for):
    """The same outcome; nothing is checked again, and nobody asked."""

    async def never(_):
        raise AssertionError("the verdicts were stored before")

    round_ = replace(mixed(prepared_for), method=method)
    first, networks = run_round(round_)
    again, networks_again = run_round(round_, verdicts=verdicts_of(round_), on_verdicts=never)
    assert_right(round_, first)
    assert_right(round_, again)
    assert again[0].communication_rounds == first[0].communication_rounds - 1
    assert [len(b.sent) for b in networks_again] == [len(a.sent) - 2 for a in networks]


def test_stored_verdicts_are_not_questioned():
    """Whatever the first attempt has found, stays."""
    round_ = mixed()
    sent = [replace(one, verdict=Verdict.NOT_AN_ORDER) if i == 1 else one for i, one in enumerate(round_.sent)]
    given = replace(round_, sent=sent)
    assert_right(given, run_round(given, verdicts=verdicts_of(given))[0])


# --- rounds and messages ----------------------------------------------------------------------------------


@every_method
@every_rule
def test_traffic_depends_on_public_numbers_only(method, market):
    """How many submissions there are and how many of them are valid; not on which, nor why, nor on any order."""
    traffic = set()
    for number in range(4):
        sent = [replace(one, supplier=0) for one in good(6 + number, market)[:6]]
        wrong = random.Random(number).sample(range(6), 2)
        sent = [bad(one, market, number=31 * number) if i in wrong else one for i, one in enumerate(sent)]
        results, networks = run_round(Round(sent, market, suppliers=2, method=method))
        traffic.add((results[0].communication_rounds, *(tuple(network.sent) for network in networks)))
    assert len(traffic) == 1


@pytest.mark.parametrize("prepared_for", [None, 7])
@pytest.mark.parametrize("parties", [3, 5])
def test_a_network_sees_no_more_rounds_than_the_parties_count(parties, prepared_for):
    round_ = Round(good(7, parties=parties, suppliers=2), LOTTERY, 1, parties, 2, prepared_for=prepared_for)
    lockstep = Lockstep(parties)
    prepared_at = []

    async def party(end):
        given = {}
        if prepared_for is not None:
            given["preparation"] = await prepare_round(end, prepared_for, LOTTERY)
            prepared_at.append(lockstep.deliveries)
        return await compute_service_round(end, **round_.arguments(end.party), **given)

    async def main():
        pump = asyncio.ensure_future(lockstep.deliver_forever())
        results = await asyncio.gather(*map(party, lockstep.ends))
        pump.cancel()
        return results

    results = asyncio.run(main())
    assert_right(round_, results)
    counted, seen = results[0].communication_rounds, lockstep.deliveries - max(prepared_at, default=0)
    assert 0.8 * counted < seen <= counted


def test_totals_cost_two_words_per_supplier():
    few, many = (run_round(Round(good(6), LOTTERY, suppliers=count))[1] for count in (1, 50))
    for one, other in zip(few, many, strict=True):
        assert sum(w for *_, w in other.sent) - sum(w for *_, w in one.sent) == 2 * 49
        assert len(one.sent) == len(other.sent)


@pytest.mark.parametrize("checked", [True, False])
def test_stages(checked):
    """What an operator sees of a round that is under way."""
    stages = {0: [], 1: [], 2: []}
    round_, networks = Round(good(3, PRO_RATA), PRO_RATA), memory_networks(3)
    given = {} if checked else {"verdicts": verdicts_of(round_)}

    async def main():
        await asyncio.gather(*(round_.run(n, on_stage=stages[n.party].append, **given) for n in networks))

    asyncio.run(main())
    check = ["validity", "verdicts"] if checked else []
    expected_stages = ["keys", *check, "book", "sort", "cut", "rationing", "deliver", "totals"]
    assert list(stages.values()) == [expected_stages] * 3
