"""Settlement by real processes that stay: job after job on the same connections, each as the plaintext rule says."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from mpc_market.errors import PeerError, ProtocolError
from mpc_market.field.shamir import recombine, share
from mpc_market.rules.model import Market, Order, Side
from mpc_market.rules.settlement import Entry, Reading, settle, total
from parties.compute.messages import FoundVerdicts
from parties.local import LocalParties
from parties.local.settlement import announced, share_readings
from parties.worker import SettlementInput

MARKET = Market()
MAXIMUM = 5_000
USERS, PERIODS = 12, 3


def day(seed: int) -> tuple[list[Entry], list[SettlementInput]]:
    """Twelve users of two suppliers in three periods: by the rule, and what each of three parties is handed."""
    rng = np.random.default_rng(seed)
    rows = USERS * PERIODS
    imported, exported, bought, sold = rng.integers(0, MAXIMUM, (4, rows)).astype(np.uint64)
    words = share_readings(imported, exported, np.full(rows, MAXIMUM, np.uint64), MARKET, 3)
    traded = share(np.stack([bought, sold], axis=1), 3)
    given = [
        SettlementInput(
            market=MARKET,
            minimum_group=5,
            check_seed=bytes(32),
            ids=[f"{seed}/{row}" for row in range(rows)],
            maxima=[MAXIMUM] * rows,
            periods=[row // USERS for row in range(rows)],
            period_count=PERIODS,
            suppliers=[row % 2 for row in range(rows)],
            supplier_count=2,
            regions=[0] * rows,
            region_count=1,
            metered=[True] * rows,
            counted=[True] * rows,
            traded=[tuple(pair) for pair in traded[party].tolist()],
            words=words[party],
        )
        for party in range(3)
    ]
    columns = zip(*(each.tolist() for each in (bought, sold, imported, exported)), strict=True)
    return [settle(b, s, Reading(i, e)) for b, s, i, e in columns], given


def test_many_jobs_one_after_the_other_each_with_fresh_keys() -> None:
    """Two settlements of the same rows, a clearing between them: nothing of the one is of use in the other."""
    expected, given = day(1)

    async def test() -> None:
        async with LocalParties() as local:
            first = await local.settle(given)
            cleared = await local.clear([Order("a", Side.BUY, 20, 5), Order("b", Side.SELL, 10, 5)], MARKET)
            second = await local.settle(given)
        assert cleared.clearing.accepted == (5, 5)
        assert recombine(list(cleared.shares), 1).tolist() == [5, 5]
        for settled in (first, second):
            table = recombine([np.array(result.entries, np.uint64) for result in settled.results], 1)
            assert [Entry(*row) for row in table.tolist()] == expected
            assert all(effort.bytes_sent > 0 for effort in settled.efforts)
            opened = settled.totals()
            assert len(opened) == PERIODS * (2 + 1 + 2)
            for group, pair in opened:
                of_group = [
                    entry
                    for row, entry in enumerate(expected)
                    if row // USERS == group.period and group.supplier in (None, row % 2)
                ]
                found = total(of_group)
                assert (group.users, *pair) == (found.users, found.imported, found.exported)
        # The residual import is the one word that is computed anew: under another polynomial each time.
        for one, other in zip(first.results, second.results, strict=True):
            assert not {entry[4] for entry in one.entries} & {entry[4] for entry in other.entries}

    asyncio.run(test())


def test_a_party_that_ends_between_two_jobs_is_named() -> None:
    _, given = day(2)

    async def test() -> None:
        async with LocalParties() as local:
            await local.settle(given)
            local._processes[1].kill()
            with pytest.raises(PeerError, match="SIGKILL") as found:
                await local.settle(given)
            assert found.value.party == 1
            with pytest.raises(ProtocolError, match="stopped after a failure"):
                await local.settle(given)

    asyncio.run(test())


def test_parties_that_are_given_different_rows_find_out_before_they_compute() -> None:
    _, given = day(3)

    async def test() -> None:
        async with LocalParties() as local:
            with pytest.raises(PeerError, match="was given other orders, settings or seed"):
                await local.settle([given[0], replace(given[1], maxima=[MAXIMUM + 1] * len(given[1].ids)), given[2]])

    asyncio.run(test())


def test_results_that_do_not_fit_together_are_refused() -> None:
    _, given = day(4)

    async def test() -> None:
        async with LocalParties() as local:
            settled = await local.settle(given)
        wrong = tuple(replace(each, shares=(1, 2)) for each in settled.results[2].totals)
        tampered = replace(settled, results=[*settled.results[:2], replace(settled.results[2], totals=wrong)])
        with pytest.raises(ProtocolError, match="the parties' results do not fit together"):
            tampered.totals()

    asyncio.run(test())


def test_an_answer_to_something_that_was_not_asked_is_refused() -> None:
    _, given = day(5)
    assert announced(given[0], FoundVerdicts(USERS * PERIODS).header()) == USERS * PERIODS
    for job, count in ((given[0], USERS), (None, 0)):
        with pytest.raises(ProtocolError, match="verdicts"):
            announced(job, FoundVerdicts(count).header())
