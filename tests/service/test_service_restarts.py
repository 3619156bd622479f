"""A party that stops at any point of a round goes on with it when it is started again, and the round has its result.

A stop is a crash right behind one of its writes to the ledger: of what it does after that, nothing is stored.
"""

import asyncio
from collections.abc import Sequence

import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.audit import check_chain, same_round
from mpc_market.wire.message import split_signed
from mpc_market.wire.outcome import Outcome, Result
from mpc_market.wire.record import Record
from parties.ledger import Ledger
from parties.service.life import FINAL, State
from tests.service.memory_workers import MemoryWorker, no_trouble
from tests.service.service_crash import Crash
from tests.service.service_results import collected
from tests.service.service_running import asynchronous
from tests.service.service_town import START, Meter, Town


async def crashing_round(town: Town, start: int, party: int, k: int) -> bool:
    """One round in which a party crashes behind its k-th write; whether there were that many."""
    crash = Crash(town, party, start, k)
    gate = 1000 * start - 300_000
    town.clock.move_to(gate - 900_000)
    await revived(town, party, crash, State.COLLECTING, start=start)
    terms = await town.terms(start)
    anna, ben = town.meters
    sent = anna.submission(terms, 1, (Side.SELL, 5, 10))
    await town.submit(sent, start)
    await town.submit(ben.submission(terms, 1, (Side.BUY, 9, 6)), start)
    town.clock.move_to(gate)
    await revived(town, party, crash, *FINAL, start=start)
    await check(town, start)
    # the shares of all parties are of one attempt: they fit together
    assert (await collected(town, anna, sent, [(Side.SELL, 5, 10)], terms)).accepted == (6,)
    return crash.happened.is_set()


async def revived(town: Town, party: int, crash: Crash, *states: State, start: int) -> None:
    """Wait for a state, and start the party again when it has crashed on the way there."""
    waiting = asyncio.create_task(town.until(*states, start=start, seconds=60))
    crashed = asyncio.create_task(crash.happened.wait())
    was = crash.happened.is_set()
    await asyncio.wait({waiting} if was else {waiting, crashed}, return_when=asyncio.FIRST_COMPLETED)
    if crash.happened.is_set() and not was:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await town.stop(party)
        await town.start(party)
        await town.until(*states, start=start, seconds=60)
    else:
        crashed.cancel()
        await waiting


async def check(town: Town, start: int) -> None:
    """All parties have the same result, each has signed exactly one outcome, and the records hold."""
    records, outcomes = [], set()
    for party in range(town.parties):
        assert await town.state(party, start) is State.RESULT
        ledger: Ledger = town.services[party].node.ledger
        outcomes.add(split_signed(Outcome, await ledger.outcome(town.market.id, start)).message.content)
        records.append(Record.decode((await town.get(party, f"periods/{start}/record")).content))
        check_chain([records[-1]], town.committee_of, records[-1].previous, records[-1].sequence)
        same_round(records[0], records[-1])
    assert len(outcomes) == 1
    (result,) = outcomes
    assert isinstance(result, Result)
    assert result.price == 5


async def crashes(path, points: Sequence[int]) -> int:
    """Rounds with a crash behind each of these writes, at each party in turn; how many had fewer writes."""
    town, beyond = Town(path / "market", meters=[Meter("anna"), Meter("ben")]), 0
    async with town.up():
        for number, k in enumerate(points):
            beyond += not await crashing_round(town, START + 900 * (number + 1), k % 3, k)
    return beyond


@pytest.mark.parametrize("points", [range(1, 30, 6), range(5, 30, 6), range(9, 30, 6)], ids=str)
@asynchronous
async def test_a_party_crashes_and_goes_on(tmp_path, points):
    """At a selection of points. (`range(1, 30)` is all of them; every party makes each write in some round.)"""
    assert await crashes(tmp_path, points) == 0


@asynchronous
async def test_all_parties_are_stopped_in_the_middle_of_a_round(tmp_path):
    """While orders are collected, and while the result is computed."""
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    computing = asyncio.Event()

    async def stall(stage: str, worker: MemoryWorker) -> None:
        computing.set()
        await asyncio.Event().wait()

    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        anna, ben = town.meters
        sent = anna.submission(terms, 1, (Side.SELL, 5, 10))
        await town.submit(sent)
        await town.stop()
        await town.start()
        await town.until(State.COLLECTING)
        assert await town.terms() == terms
        await town.submit(ben.submission(terms, 1, (Side.BUY, 9, 6)))
        town.workers[1].trouble = stall
        town.clock.move_to(town.gate)
        await computing.wait()
        await town.stop()
        assert all(worker.ended for workers in town.workers for worker in workers.started)
        town.workers[1].trouble = no_trouble
        await town.start()
        await town.until(*FINAL)
        await check(town, START)
        assert (await collected(town, anna, sent, [(Side.SELL, 5, 10)], terms)).accepted == (6,)
