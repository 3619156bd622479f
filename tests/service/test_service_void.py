"""Rounds without a result: exactly one of result and void is signed by each party, and one void is final."""

import asyncio
import contextlib
import sqlite3

import pytest

from mpc_market.rules.model import Side
from mpc_market.wire.audit import check_record
from mpc_market.wire.message import split_signed
from mpc_market.wire.opening import Opening
from mpc_market.wire.outcome import Outcome, Result, Void, VoidReason
from parties.ledger import Ledger, back_up
from parties.service import computing, driver, ending
from parties.service.board import Kind
from parties.service.life import BOUND_BY_DEADLINE, FINAL, State
from parties.service.peers import Peer, UnreachableError
from parties.service.round import Round
from tests.service.service_crash import restored
from tests.service.service_results import record_of
from tests.service.service_running import asynchronous
from tests.service.service_town import START, Meter, Town, problem


def hanging(monkeypatch, state: State, party: int) -> None:
    """A party comes to this state, and never out of it."""
    step = driver.STEPS[state]

    async def hang(current: Round):
        if current.party == party:
            await asyncio.Event().wait()
        return await step(current)

    monkeypatch.setitem(driver.STEPS, state, hang)


async def outcome(town: Town, party: int) -> Result | Void | None:
    """What a party has signed."""
    data = await town.services[party].node.ledger.outcome(town.market.id, START)
    return None if data is None else split_signed(Outcome, data).message.content


async def with_orders(town: Town) -> None:
    await town.until(State.COLLECTING)
    terms = await town.terms()
    await town.submit(town.meters[0].submission(terms, 1, (Side.SELL, 5, 10)))
    await town.submit(town.meters[1].submission(terms, 1, (Side.BUY, 9, 6)))


def small_town(path) -> Town:
    return Town(path / "market", meters=[Meter("anna"), Meter("ben")])


@pytest.mark.parametrize("state", [State.CLOSING, State.AGREED, State.SEEDED, State.COMPUTING])
@asynchronous
async def test_a_party_that_hangs_until_the_deadline(tmp_path, monkeypatch, state):
    """It signs void itself when the deadline passes, and so do all."""
    hanging(monkeypatch, state, 1)
    town = small_town(tmp_path)
    async with town.up():
        await with_orders(town)
        terms = await town.terms()
        town.clock.move_to(town.gate)
        await town.until(state, parties=[1])
        await asyncio.sleep(0.3)
        town.clock.move_to(town.deadline - 1)
        await asyncio.sleep(0.1)
        assert await town.state(1) is state
        town.clock.move_to(town.deadline)
        await town.until(*FINAL)
        assert await outcome(town, 1) == Void(driver.REASONS[state])
        for party in range(3):
            assert isinstance(await outcome(town, party), Void)
            assert await town.state(party) is State.VOID
            check_record(await record_of(town, party), town.market.committee(START))
            document = (await town.get(party, f"periods/{START}")).json()
            assert (document["state"], document["price"]) == ("void", None)
            assert document["outcomes"]
            assert problem(await town.result(party, town.meters[0], terms)) == "void"


@asynchronous
async def test_a_round_that_not_all_parties_open(tmp_path):
    town = small_town(tmp_path)
    async with town.up(0, 1):
        await town.until(State.OPENING)
        town.clock.move_to(town.gate)
        await asyncio.sleep(0.2)
        assert await town.state(0) is State.OPENING, "until the deadline the third party may still come"
        town.clock.move_to(town.deadline)
        await town.until(State.VOID)
        assert await outcome(town, 0) == Void(VoidReason.NOT_OPENED)
        # The one that was away knows nothing of it, and takes part in the next round.
        await town.start(2)
        await town.until(State.COLLECTING, start=START + 900)
        assert await town.state(2) is None
        assert problem(await town.get(2, f"periods/{START}")) == "unknown-period"


@asynchronous
async def test_an_opening_with_a_key_that_nothing_can_be_sealed_to(tmp_path, monkeypatch):
    """It is a bad message, counted with its author; no party stumbles over it while it deals its part."""
    pull, town = Peer.pull, small_town(tmp_path)

    async def with_bad_key(self: Peer, start: int, kind: Kind, wait: float) -> bytes | None:
        data = await pull(self, start, kind, wait)
        if data is None or kind is not Kind.OPENING or self.link.party != 2:
            return data
        opening = split_signed(Opening, data).message
        bad = opening.encode().replace(opening.sealing_key, b"\x01" + bytes(31))
        return bad + town.home(2).signing_key(start).sign(Opening.KIND, bad)

    monkeypatch.setattr(Peer, "pull", with_bad_key)
    async with town.up():
        async with asyncio.timeout(10):
            while not await town.counted(0, 'mpc_market_bad_messages_total{kind="opening",party="2"}'):
                await asyncio.sleep(0.05)
        assert await town.state(0) is State.OPENING
        await town.until(State.OPENING, State.COLLECTING)  # who has not begun by the deadline never does
        town.clock.move_to(town.deadline)
        await town.until(State.VOID)
        assert await outcome(town, 0) == Void(VoidReason.NOT_OPENED)


@asynchronous
async def test_one_void_is_final_for_those_who_have_signed_a_result(tmp_path, monkeypatch):
    sign = computing._sign

    async def hang(current: Round, result: Result):
        if current.party == 1:
            await asyncio.Event().wait()
        return await sign(current, result)

    monkeypatch.setattr(computing, "_sign", hang)
    town = small_town(tmp_path)
    async with town.up():
        await with_orders(town)
        town.clock.move_to(town.gate)
        await town.until(State.SIGNED, parties=[0, 2])
        document = (await town.get(0, f"periods/{START}")).json()
        assert (document["state"], document["price"], document["outcomes"]) == ("signed", None, [])
        await town.stop(2)  # one is enough, whoever is away
        town.clock.move_to(town.deadline)
        await town.until(State.VOID, parties=[0, 1])
        await town.start(2)
        await town.until(State.VOID)
        assert [type(await outcome(town, party)) for party in range(3)] == [Result, Void, Result]
        for party in range(3):
            check_record(await record_of(town, party), town.market.committee(START))


@asynchronous
async def test_an_outcome_that_has_reached_one_party_reaches_all(tmp_path, monkeypatch):
    """Whether its author is away, or has forgotten it."""
    pull, town = Peer.pull, small_town(tmp_path)

    async def cut_off(self: Peer, start: int, kind: Kind, wait: float) -> bytes | None:
        """Party 1 hears no outcome of party 2."""
        if kind is Kind.OUTCOME and self.link is town.services[1].node.links.peers[2]:
            raise UnreachableError(2, "is cut off by a test")
        return await pull(self, start, kind, wait)

    async with town.up():
        await with_orders(town)
        await back_up(town.home(2).database, tmp_path / "backup.db")
        with monkeypatch.context() as patch:
            patch.setattr(Peer, "pull", cut_off)
            patch.setattr(ending, "HEARSAY_SECONDS", 1000.0)
            town.clock.move_to(town.gate)
            await town.until(State.RESULT, parties=[0, 2])
            await town.until(State.SIGNED, parties=[1])
            assert "mpc_market_signed_seconds 0.0" in (await town.private(1, "metrics")).text
            town.clock.move_to(town.gate + 1_000_000)
            assert "mpc_market_signed_seconds 1000.0" in (await town.private(1, "metrics")).text
            await town.stop(1, 2)
        await town.start(1)
        await town.until(State.RESULT, parties=[1])
        assert "mpc_market_signed_seconds 0.0" in (await town.private(1, "metrics")).text
        await restored(town, 2, tmp_path / "backup.db")
        await town.until(State.LOST, parties=[2])
        check_record(await record_of(town, 1), town.market.committee(START))


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "not signed"])
@asynchronous
async def test_who_was_away_at_the_deadline(tmp_path, monkeypatch, signed):
    """If it had signed the result when it went, that counts, however late; else it signs void when it comes back."""
    last_words = []
    put_outcome = Ledger.put_outcome

    async def hang(self: Ledger, *args):
        if self is town.services[1].node.ledger:
            last_words.append(args)
            await asyncio.Event().wait()
        await put_outcome(self, *args)

    town = small_town(tmp_path)
    async with town.up():
        await with_orders(town)
        monkeypatch.setattr(Ledger, "put_outcome", hang)
        town.clock.move_to(town.gate)
        await town.until(State.SIGNED, parties=[0, 2])  # they have heard that all are done
        assert len(last_words) == 1
        await town.stop(1)
        monkeypatch.undo()
        if signed:  # as if it had crashed right behind this write
            ledger = await Ledger.open(town.home(1).database, 1)
            await ledger.put_outcome(*last_words[0])
            await ledger.close()
        town.clock.move_to(town.deadline + 1000)
        await asyncio.sleep(0.2)
        assert [await town.state(party) for party in (0, 2)] == [State.SIGNED] * 2, "neither result nor void: pending"
        await town.start(1)
        await town.until(*FINAL)
        expected = State.RESULT if signed else State.VOID
        assert [await town.state(party) for party in range(3)] == [expected] * 3
        assert isinstance(await outcome(town, 1), Result if signed else Void)


@asynchronous
async def test_a_party_whose_ledger_was_restored_signs_nothing_in_rounds_that_it_may_have_forgotten(tmp_path):
    town = small_town(tmp_path)
    async with town.up():
        await with_orders(town)
        await back_up(town.home(1).database, tmp_path / "backup.db")
        with contextlib.closing(sqlite3.connect(tmp_path / "backup.db", isolation_level=None)) as backup:
            backup.execute("DELETE FROM messages")  # as if it had been made before the party said its opening
            backup.execute("UPDATE rounds SET state = 'opening'")
        await restored(town, 1, tmp_path / "backup.db")
        assert not await town.services[1].node.ledger.has_said(town.market.id, START)
        town.clock.move_to(town.gate)
        await town.until(State.CLOSING, parties=[0, 2])
        await asyncio.sleep(0.5)
        assert not await town.services[1].node.ledger.has_said(town.market.id, START)
        assert not await town.services[1].node.ledger.messages(town.market.id, START, "held")
        town.clock.move_to(town.deadline)
        await town.until(State.VOID)
        assert await outcome(town, 1) is None
        assert await outcome(town, 0) == Void(VoidReason.NO_SET)


def test_every_state_before_the_signature_has_a_reason():
    assert set(driver.REASONS) == BOUND_BY_DEADLINE
    assert set(driver.STEPS) == set(State) - FINAL
