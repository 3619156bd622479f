"""Attempts that fail: another one follows on the same inputs, and nothing is ever drawn or decided twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.message import split_signed
from mpc_market.wire.outcome import VoidReason
from mpc_market.wire.verdicts import Verdict, Verdicts
from parties.service import agreeing, computing
from parties.service.board import Kind
from parties.service.business import Given
from parties.service.life import FINAL, State
from parties.service.round import Round
from parties.service.workers import AttemptError
from tests.service.memory_workers import MemoryWorker, no_trouble
from tests.service.service_results import collected, record_of
from tests.service.service_running import asynchronous
from tests.service.service_town import START, Meter, Town

Trouble = Callable


@contextlib.asynccontextmanager
async def round_with(path, **troubles: Trouble) -> AsyncIterator[tuple[Town, Callable]]:
    """A round with two orders, up to its gate, in which workers of some parties ("p0", …) have trouble."""
    town = Town(path / "market", meters=[Meter("anna"), Meter("ben")])
    for name, trouble in troubles.items():
        town.workers[int(name[1:])].trouble = trouble
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        anna, ben = town.meters
        sent = anna.submission(terms, 1, (Side.SELL, 5, 10))
        await town.submit(sent)
        await town.submit(ben.submission(terms, 1, (Side.BUY, 9, 6)))

        async def accepted() -> tuple[int, ...]:
            return (await collected(town, anna, sent, [(Side.SELL, 5, 10)], terms)).accepted

        yield town, accepted


def once(at: str, how: Callable) -> Trouble:
    """Trouble at a stage of this party's first attempt."""
    seen: list[MemoryWorker] = []

    async def trouble(stage: str, worker: MemoryWorker) -> None:
        if worker not in seen:
            seen.append(worker)
        if stage == at and worker is seen[0]:
            await how()

    return trouble


async def crash() -> None:
    raise AttemptError("the worker was killed by a test")


async def stall() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("at", ["begin", "verdicts found", "verdicts settled", "computed"])
@asynchronous
async def test_a_worker_crashes(tmp_path, at):
    """At every point of the first attempt: the second one, with fresh workers at all parties, has the result."""
    async with round_with(tmp_path, p2=once(at, crash)) as (town, accepted):
        await town.run_round()
        assert [await town.state(party) for party in range(3)] == [State.RESULT] * 3
        assert await accepted() == (6,)
        for workers in town.workers:
            assert len(workers.started) == 2
            assert all(worker.ended for worker in workers.started)


@asynchronous
async def test_workers_that_do_not_start(tmp_path):
    async with round_with(tmp_path) as (town, accepted):
        start, failures = town.workers[0].start, iter(range(3))

        async def fails_at_first(*_: object) -> MemoryWorker:
            for _ in failures:
                raise AttemptError("no process can be started")
            return await start()

        town.workers[0].start = fails_at_first
        await town.run_round()
        assert await accepted() == (6,)


@asynchronous
async def test_a_worker_stalls(tmp_path, monkeypatch):
    """It is given up after its time, long before the deadline."""
    monkeypatch.setattr(computing, "_attempt_seconds", lambda _: 1.0)
    async with round_with(tmp_path, p1=once("verdicts settled", stall)) as (town, accepted):
        await town.run_round()
        assert await accepted() == (6,)
        assert town.clock.now_ms() == town.gate


@pytest.mark.parametrize(("left", "seconds"), [(240, 120), (40, 20), (20, 15), (12, 12), (0, 0)])
def test_the_time_for_an_attempt(left, seconds):
    class Standing:
        deadline = 1000 * left

        class node:
            class clock:
                now_ms = staticmethod(lambda: 0)

    assert computing._attempt_seconds(Standing) == seconds


@pytest.mark.parametrize(("at", "checked"), [("verdicts found", 2), ("computed", 1)])
@asynchronous
async def test_verdicts_are_kept_for_the_next_attempt(tmp_path, at, checked):
    """Party 2 crashes. If all have stored verdicts, a second attempt reuses them; if it has not, all check again, and
    who has stored some says no others.
    """
    said: list[int] = []

    async def watch(stage: str, worker: MemoryWorker) -> None:
        if stage == "verdicts found":
            said.append(town.workers[0].started.index(worker))

    async with round_with(tmp_path, p0=watch, p2=once(at, crash)) as (town, accepted):
        await town.run_round()
        assert await accepted() == (6,)
        assert said == list(range(checked))
        assert await verdicts_said(town) == [(Verdict.VALID, Verdict.VALID)] * 3


async def verdicts_said(town: Town) -> list[tuple[Verdict, ...]]:
    """What each party has signed."""
    data = [await published(town, party, Kind.VERDICTS) for party in range(3)]
    return [split_signed(Verdicts, each).message.codes for each in data]


@pytest.mark.parametrize("at", ["begin", "computed"])
@asynchronous
async def test_verdicts_that_a_party_claims_to_have_are_signed_by_nobody_else(tmp_path, monkeypatch, at):
    """Party 1 shows verdicts of an earlier attempt that it never found, in the first attempt or after a failed one."""
    attempt = computing._attempt

    async def lying(current: Round, given: Given):
        if current.party == 1:
            codes = (Verdict.NOT_AN_ORDER, Verdict.VALID)
            await current.say(Kind.VERDICTS, Verdicts(current.period, 1, given.agreed.digest, codes))
        return await attempt(current, given)

    monkeypatch.setattr(computing, "_attempt", lying)
    async with round_with(tmp_path, p2=once(at, crash)) as (town, _):
        await town.run_round()
        honest = (Verdict.VALID, Verdict.VALID)
        assert await verdicts_said(town) == [honest, (Verdict.NOT_AN_ORDER, Verdict.VALID), honest]
        for party in range(3):
            assert await town.state(party) is State.VOID


@asynchronous
async def test_different_verdicts_are_void(tmp_path, monkeypatch):
    agree = computing._agree_on_verdicts

    async def lying(current: Round, given, codes):
        await agree(current, given, (Verdict.NOT_AN_ORDER, *codes[1:]) if current.party == 1 else codes)

    monkeypatch.setattr(computing, "_agree_on_verdicts", lying)
    async with round_with(tmp_path) as (town, _):
        await town.run_round()
        for party in range(3):
            assert await town.state(party) is State.VOID
            outcomes = (await record_of(town, party)).outcomes
            assert {each.message.content.reason for each in outcomes} == {VoidReason.DIFFERENT_VERDICTS}


@asynchronous
async def test_different_results_are_void(tmp_path, monkeypatch):
    from dataclasses import replace  # noqa: PLC0415

    from mpc_market.wire.outcome import Result  # noqa: PLC0415
    from parties.service.following import Following  # noqa: PLC0415

    done = Following.done

    async def lying(self: Following, number: int, result: Result) -> None:
        await done(self, number, replace(result, price_word=9) if self._round.party == 1 else result)

    monkeypatch.setattr(Following, "done", lying)
    async with round_with(tmp_path) as (town, _):
        await town.run_round()
        for party in range(3):
            assert await town.state(party) is State.VOID
            document = (await town.get(party, f"periods/{START}")).json()
            assert document["price"] is None


@asynchronous
async def test_a_withheld_part_is_rebuilt_and_not_drawn_again(tmp_path, monkeypatch):
    """Party 1 commits to its part and never reveals it: the others rebuild the very same one."""
    monkeypatch.setattr(agreeing, "WITHHELD_SECONDS", 0.1)
    say = Round.say

    async def withholding(self: Round, kind: Kind, message):
        return message if (self.party, kind) == (1, Kind.REVEAL) else await say(self, kind, message)

    monkeypatch.setattr(Round, "say", withholding)
    async with round_with(tmp_path) as (town, accepted):
        await town.run_round()
        assert await accepted() == (6,)
        own = await town.services[1].node.ledger.secret(town.market.id, START, "part")
        records = [await record_of(town, party) for party in range(3)]
        assert {record.parts for record in records} == {records[0].parts}
        assert records[0].parts[1] == own


@asynchronous
async def test_nothing_is_revealed_before_all_have_signed_the_set(tmp_path, monkeypatch):
    """Party 2 does not sign: the others keep their parts, and the shares of the others' parts, to themselves."""
    say = Round.say

    async def silent(self: Round, kind: Kind, message):
        if (self.party, kind) == (2, Kind.SET_SIGNATURE):
            await stall()
        return await say(self, kind, message)

    monkeypatch.setattr(Round, "say", silent)
    async with round_with(tmp_path) as (town, _):
        town.clock.move_to(town.gate)
        async with asyncio.timeout(20):
            while not all([await published(town, party, Kind.SET_SIGNATURE) for party in (0, 1)]):
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        for party in range(3):
            assert await published(town, party, Kind.REVEAL) is None
            assert await published(town, party, Kind.REVEALED_SHARES) is None
        town.clock.move_to(town.deadline)
        await town.until(*FINAL)
        for party in range(3):
            assert await published(town, party, Kind.REVEAL) is None
            assert (await record_of(town, party)).outcomes[0].message.content.reason is VoidReason.NO_SET


async def published(town: Town, party: int, kind: Kind) -> bytes | None:
    return await town.services[party].node.board.own(START, kind)


@asynchronous
async def test_another_set_is_void(tmp_path, monkeypatch):
    """Party 1 tells the others different lists, so that they come to different sets: nobody reveals anything."""
    keep = Round.hear

    async def deceived(self: Round, peer: int, kind: Kind, message_type, check):
        heard = await keep(self, peer, kind, message_type, check)
        if (self.party, peer, kind) == (0, 1, Kind.HELD):
            from dataclasses import replace  # noqa: PLC0415

            return replace(heard, items=heard.items[1:])
        return heard

    monkeypatch.setattr(Round, "hear", deceived)
    async with round_with(tmp_path) as (town, _):
        await town.run_round()
        for party in range(3):
            assert await town.state(party) is State.VOID
            assert await published(town, party, Kind.REVEAL) is None


@asynchronous
async def test_a_party_that_is_away_for_the_computation_comes_back(tmp_path):
    async with round_with(tmp_path) as (town, accepted):
        await town.stop(2)
        town.clock.move_to(town.gate)
        await town.until(State.CLOSING, parties=[0, 1])
        await asyncio.sleep(0.5)
        await town.start(2)
        await town.until(*FINAL)
        assert await accepted() == (6,)


def test_no_trouble_is_none():
    asyncio.run(no_trouble("begin", None))
