"""A party that stops in the middle of a settlement, correction or closing goes on with it; nothing is settled twice."""

import asyncio

import pytest

from mpc_market.rules.settlement import Reading as Metered
from mpc_market.wire.claim import Claimant
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.sheet import Content
from parties.ledger import back_up, ledger
from parties.ledger.backup import fence, fence_if_backup
from parties.service.business import Given
from parties.service.closing import MonthClosing
from parties.service.earlier import results_of, until_said
from parties.service.life import State
from parties.service.round import Round
from parties.service.workers import AttemptError
from parties.settling.accounts import MonthBooks
from parties.worker import ClosingResult
from tests.service.memory_workers import MemoryWorker
from tests.service.service_crash import Crash, restored
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START
from tests.service.settled_town import END, SettledTown, entry, people

NEXT = START + 3600
"""The second billing month."""


async def settled(town: SettledTown, start: int) -> None:
    """Every meter reads 10 in the period, and it is settled."""
    town.clock.move_to(1000 * (start + PERIOD))
    await town.until_stage(Stage.SETTLEMENT, State.COLLECTING, start=start)
    terms = await town.stage_terms(Stage.SETTLEMENT, start)
    for meter in town.meters:
        await town.read(meter, terms, 10, 0)


async def crashing(town: SettledTown, party: int, k: int, stage: Stage, start: int, begin) -> bool:
    """The party stops behind its k-th write in the round, and is started again; whether it came that far."""
    crash = Crash(town, party, start, k)
    begun = asyncio.create_task(begin())
    happened = asyncio.create_task(crash.happened.wait())
    await asyncio.wait({begun, happened}, return_when=asyncio.FIRST_COMPLETED)
    if not happened.done():
        reached = asyncio.create_task(town.until_stage(stage, State.RESULT, start=start))
        await asyncio.wait({reached, happened}, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        await asyncio.gather(reached, return_exceptions=True)
    happened.cancel()
    if crash.happened.is_set():
        await town.stop(party)
        await town.start(party)
    await begun
    await town.until_stage(stage, State.RESULT, start=start)
    return crash.happened.is_set()


@pytest.mark.parametrize("k", [9, 15])
@asynchronous
async def test_a_month_is_settled_and_closed_once_whenever_a_party_stops(tmp_path, k):
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await town.publish("sun", 1, START, 50, 10, 5)
        await town.until(State.COLLECTING)
        await settled(town, START)
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)

        async def close() -> None:
            town.clock.move_to(1000 * (START + 3600 + PERIOD) + 1_200_000 + 600_000)

        assert await crashing(town, 1, k, Stage.CLOSING, START, close)
        assert await town.entries(Stage.SETTLEMENT) == {meter.id: entry(0, 0, Metered(10, 0)) for meter in town.meters}
        sun = town.suppliers["sun"]
        amounts = await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, "sun", sun)
        assert [amount for _, amount in amounts] == [town.settings.scale.cents.of(500)] * 3
        await town.stop()
        await town.start()
        again = await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, "sun", sun)
        assert again == amounts


@asynchronous
async def test_a_month_is_closed_however_much_longer_than_the_others_a_party_adds_up(tmp_path, monkeypatch):
    """No worker is told to connect before all have added up, and what was added up is kept when an attempt fails."""
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await town.publish("sun", 1, START, 50, 10, 5)
        await town.until(State.COLLECTING)
        await settled(town, START)
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)
        begun, slow, connected = [], asyncio.Event(), []
        add_up, close = MonthClosing._books, MemoryWorker.close

        async def books(self: MonthClosing, current: Round, given: Given) -> MonthBooks:
            begun.append(current.party)
            if current.party == 1:
                await slow.wait()
            return await add_up(self, current, given)

        async def connect(self: MemoryWorker, *given: object) -> ClosingResult:
            connected.append(self)
            if len(connected) == 1:
                raise AttemptError("a connection is lost")
            return await close(self, *given)

        monkeypatch.setattr(MonthClosing, "_books", books)
        monkeypatch.setattr(MemoryWorker, "close", connect)
        town.clock.move_to(1000 * (START + 3600 + PERIOD) + 1_200_000 + 600_000)
        async with asyncio.timeout(20):
            while len(begun) < 3:
                await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        assert not connected
        slow.set()
        await town.until_stage(Stage.CLOSING, State.RESULT)
        assert sorted(begun) == [0, 1, 2]


@asynchronous
async def test_a_period_is_settled_once_whenever_a_party_stops(tmp_path):
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await town.until(State.COLLECTING)
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        terms = await town.stage_terms(Stage.SETTLEMENT)
        for meter in town.meters[:2]:
            await town.read(meter, terms, 10, 0)

        async def last() -> None:
            made = town.reading(town.meters[2], terms, 10, 0)
            for party in range(3):
                assert (await town.post_reading(party, made.only_for(party))).status_code == 200

        await crashing(town, 2, 12, Stage.SETTLEMENT, START, last)
        assert await town.entries(Stage.SETTLEMENT) == {meter.id: entry(0, 0, Metered(10, 0)) for meter in town.meters}


@asynchronous
async def test_a_month_is_closed_without_what_a_restored_party_has_forgotten(tmp_path, monkeypatch):
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await town.publish("sun", 1, START, 50, 10, 5)
        await town.until(State.COLLECTING)
        await town.run_round()
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        await back_up(town.home(1).database, tmp_path / "backup.db")
        terms = await town.stage_terms(Stage.SETTLEMENT)
        for meter in town.meters:
            await town.read(meter, terms, 10, 0)
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)
        await restored(town, 1, tmp_path / "backup.db")
        await settled(town, END)
        await town.until_stage(Stage.SETTLEMENT, State.RESULT, start=END)
        await town.correcting([START, END])
        # what is lost to one party is in no bill: that of the other period alone is
        town.clock.move_to(1000 * (NEXT + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT)
        states = [State.RESULT, State.LOST, State.RESULT]
        await town.wait(lambda: has_states(town, Stage.SETTLEMENT, states))
        sun = town.suppliers["sun"]
        amounts = await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, "sun", sun)
        assert [amount for _, amount in amounts] == [town.settings.scale.cents.of(500)] * 3
        # nor is it corrected, which would take back what was not billed
        town.clock.move_to(1000 * (NEXT + PERIOD) + 1_800_000 + 600_000)
        await town.until_stage(Stage.CORRECTION, State.VOID)
        await town.until_stage(Stage.CORRECTION, State.RESULT, start=END)
        await check_that_a_closing_waits_for_who_was_away_and_is_restored(town, tmp_path, monkeypatch)


async def check_that_a_closing_waits_for_who_was_away_and_is_restored(town: SettledTown, path, monkeypatch) -> None:
    """It has said nothing there, says the others. Of one that it has taken part in, it has: that is lost to it."""

    async def by_the_clock_of_the_town(connection) -> bool:
        found = await fence_if_backup(connection)
        if found:
            await fence(connection, town.clock.now_ms())
        return found

    monkeypatch.setattr(ledger, "fence_if_backup", by_the_clock_of_the_town)
    for copy in ("away", "forgotten"):
        await back_up(town.home(1).database, path / f"{copy}.db")
    await town.stop(1)
    town.clock.move_to(1000 * (NEXT + 3600 + PERIOD) + 1_200_000 + 600_000)
    await town.until_stage(Stage.CLOSING, State.OPENING, start=NEXT)
    await restored(town, 1, path / "away.db")
    await town.until_stage(Stage.CLOSING, State.RESULT, start=NEXT)
    await restored(town, 1, path / "forgotten.db")
    await town.wait(lambda: has_states(town, Stage.CLOSING, [State.RESULT, State.LOST, State.RESULT], NEXT))
    assert not await town.services[1].node.ledger.has_said(town.name(Stage.CLOSING), NEXT)


@asynchronous
async def test_what_a_late_closing_needs_is_not_erased_with_the_retention_but_within_twice_that(tmp_path):
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await town.until(State.COLLECTING)
        await settled(town, START)
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)
        await town.stop(2)  # no closing can end
        service = town.services[0]
        node = service.sites.get(town.name(Stage.SETTLEMENT)).node
        for days, there in ((31, True), (59, True), (61, False)):
            town.clock.move_to(1000 * (START + days * 86_400))
            await service.upkeep.clean()
            assert bool(await results_of(node, START)) is there, days
            assert await until_said(node, START) is (State.RESULT if there else State.LOST)


@asynchronous
async def test_what_a_month_that_was_closed_late_comes_to_is_kept_for_the_retention_from_then_on(tmp_path, monkeypatch):
    add_up, missing = MonthClosing._books, asyncio.Event()

    async def late(self: MonthClosing, current: Round, given: Given) -> MonthBooks:
        await missing.wait()
        return await add_up(self, current, given)

    monkeypatch.setattr(MonthClosing, "_books", late)
    async with SettledTown(tmp_path / "m", people()).up() as town:
        await town.until(State.COLLECTING)
        await settled(town, START)
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)
        town.clock.move_to(1000 * (START + 3600 + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.SEEDED)
        town.clock.move_to(1000 * (START + 50 * 86_400))
        missing.set()
        await town.until_stage(Stage.CLOSING, State.RESULT)
        service = town.services[0]
        node = service.sites.get(town.name(Stage.CLOSING)).node
        for days, there in ((51, True), (79, True), (81, False)):
            town.clock.move_to(1000 * (START + days * 86_400))
            await service.upkeep.clean()
            assert bool(await results_of(node, START)) is there, days


async def has_states(town: SettledTown, stage: Stage, states: list[State], start: int = START) -> bool:
    return [await town.stage_state(stage, party, start) for party in range(3)] == states
