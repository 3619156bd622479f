"""Storage that fails for a while: rounds wait for it, and go on as if nothing had been."""

import asyncio
from types import SimpleNamespace

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.audit import check_chain
from mpc_market.wire.record import Record
from parties import clock
from parties.ledger import LedgerFullError
from parties.service import rounds
from parties.service.life import State
from parties.service.rounds import Rounds
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, Town


@asynchronous
async def test_a_record_that_cannot_be_stored_for_a_while_holds_up_no_other_round(tmp_path):
    """Its place in the chain is given to another one meanwhile, and it takes the next."""
    town, full = Town(tmp_path / "market"), True
    async with town.up():
        ledger = town.node(0).ledger
        append = ledger.append_record

        async def failing(market: str, start: int, make) -> None:
            if full and start == START:
                raise LedgerFullError("there is no space left")
            await append(market, start, make)

        ledger.append_record = failing
        await town.until(State.COLLECTING)
        town.clock.move_to(town.gate)
        await town.until(State.RESULT, parties=[1, 2])
        await town.until(State.COLLECTING, start=START + PERIOD)
        town.clock.move_to(town.gate + 1000 * PERIOD)
        await town.until(State.RESULT, start=START + PERIOD)
        assert await town.state(0) is State.SIGNED
        full = False
        await town.until(State.RESULT, parties=[0])
        records = await ledger.records(town.market.id, -1, 10)
        assert [(each.sequence, each.start) for each in records] == [(0, START + PERIOD), (1, START)]
        check_chain([Record.decode(each.data) for each in records], town.committee_of)


@asynchronous
async def test_what_fails_is_tried_again_after_a_while_and_no_round_is_driven_twice(monkeypatch):
    monkeypatch.setattr(rounds, "_AGAIN_SECONDS", 0.1)
    failures = 2 * [LedgerFullError("there is no space left")]
    driven, unfinished = [], [SimpleNamespace(market="oak", start=start) for start in (1, 2)]

    async def stored() -> list[SimpleNamespace]:
        return unfinished

    node = SimpleNamespace(market=SimpleNamespace(id="oak"), ledger=SimpleNamespace(unfinished_rounds=stored))
    begun = Rounds(node)

    def drive(row: SimpleNamespace) -> None:
        if row.start == 2 and failures:
            raise failures.pop()
        driven.append(row.start)
        begun._drivers[row.start] = row

    begun._drive, since = drive, asyncio.get_running_loop().time()
    await begun._retrying(begun._resume)
    assert driven == [1, 2]
    assert asyncio.get_running_loop().time() - since >= 0.19, "so long, twice"


@asynchronous
async def test_a_round_whose_key_is_gone_stops_no_other_and_is_driven_when_the_key_is_back():
    """A correction signs with the key of its period, which may have been erased since."""
    driven, missing = [], {1}

    async def stored() -> list[SimpleNamespace]:
        return [SimpleNamespace(market="oak", start=start) for start in (1, 2)]

    begun = Rounds(SimpleNamespace(market=SimpleNamespace(id="oak"), ledger=SimpleNamespace(unfinished_rounds=stored)))

    def drive(row: SimpleNamespace) -> None:
        if row.start in missing:
            raise InvalidSettingsError("the key is missing")
        driven.append(row.start)
        begun._drivers[row.start] = row

    begun._drive = drive
    await begun._retrying(begun._resume)
    assert driven == [2]
    missing.clear()
    await begun._retrying(begun._resume)
    assert driven == [2, 1]


@asynchronous
async def test_rounds_go_on_after_the_clock_was_far_ahead_for_a_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "LOOK_SECONDS", 0.1)
    town = Town(tmp_path / "market")
    async with town.up():
        await town.until(State.COLLECTING)
        now = town.clock.now_ms()
        town.clock.move_to(now + 10 * 86_400_000)
        await town.until(State.VOID)
        town.clock._now_ms = now
        town.clock.move_to(town.gate)
        await town.until(State.COLLECTING, start=START + PERIOD)
