"""The client and the real service of the parties: real HTTPS, real storage; only the clock is moved by hand."""

import asyncio
from pathlib import Path

import pytest

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Order, Side
from mpc_market.wire.audit import check_record
from mpc_market.wire.record import Record
from parties.client.api import Api, RefusedError, UnreachableError, pinned
from parties.meter import submitting
from parties.meter.forecast import Wish
from parties.meter.home import create_home
from parties.meter.market import Market, Meter
from parties.meter.results import State, collect
from parties.meter.rounds import Rounds
from parties.meter.store import Store
from parties.meter.submitting import submit
from parties.service.life import State as ServiceState
from tests.service.service_running import asynchronous
from tests.service.service_town import START, Clock, Town
from tests.service.service_town import Meter as Enrolled

WISHES = {
    "541448860000000018": Wish(Side.BUY, 40, 150),
    "é ☀": Wish(Side.SELL, 20, 100),
    "m3": Wish(Side.BUY, 30, 20),
    "idle": Wish(Side.SELL, 0, 0),
}


class MeterClock:
    """The town's clock; pauses are short, and real."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.now_ms()

    async def until(self, moment_ms: int) -> None:
        await self._clock.until(moment_ms)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


def meters_of(town: Town, folder: Path, names) -> dict[str, Meter]:
    """Meters at home, enrolled in the town."""
    meters = {}
    for i, name in enumerate(names):
        home = create_home(folder / f"home-{i}", name, str(folder / "market.toml"), "0.2")
        town.meters.append(Enrolled(name, key=home.identity, sealing=home.sealing))
        meters[name] = Meter(home, Store(home.store, name), 200)
    town.write_roll(1)
    return meters


def rounds_of(town: Town) -> Rounds:
    clock = MeterClock(town.clock)
    api = Api(town.market.id, pinned(town.market, clock.now_ms() // 1000))
    return Rounds(api, Market(town.market), clock, patience_ms=600_000)


@pytest.fixture
def town(tmp_path):
    return Town(tmp_path / "town")


@asynchronous
async def test_a_whole_round(town, tmp_path):
    meters = meters_of(town, tmp_path, WISHES)
    async with town.up():
        await town.until(ServiceState.COLLECTING)
        rounds = rounds_of(town)
        async with rounds.api:
            done = await asyncio.gather(*(submit(meters[name], rounds, START, [WISHES[name]]) for name in meters))
            assert all(one.accepted and not one.troubles for one in done)
            collecting = [asyncio.ensure_future(collect(meters[name], rounds, START)) for name in meters]
            await town.run_round()
            found = dict(zip(meters, await asyncio.gather(*collecting), strict=True))
            record = Record.decode(await rounds.api.get(0, f"periods/{START}/record"))
    drawn = check_record(record, town.market.committee(START)).randomness
    orders = [Order(f"{name}/0", wish.side, wish.price, wish.quantity) for name, wish in WISHES.items()]
    expected = clear(orders, town.settings.rules, drawn.ticket_seed)
    accepted = dict(zip(WISHES, expected.accepted, strict=True))
    assert {name: (finding.state, finding.price, finding.accepted) for name, finding in found.items()} == {
        name: (State.VERIFIED, expected.price, (accepted[name],)) for name in WISHES
    }
    assert {finding.remark for finding in found.values()} == {""}
    assert [entry.receipts for entry in meters["m3"].store.history(5)] == [3]


@asynchronous
async def test_replaced_and_replaced_again(town, tmp_path):
    meter = meters_of(town, tmp_path, ["m"])["m"]
    async with town.up():
        await town.until(ServiceState.COLLECTING)
        rounds = rounds_of(town)
        async with rounds.api:
            for quantity in (10, 20, 0):
                done = await submit(meter, rounds, START, [Wish(Side.BUY, 5, quantity)], replace=True)
                assert done.accepted
            await town.run_round()
            finding = await collect(meter, rounds, START)
    assert (finding.number, finding.state, finding.accepted) == (3, State.VERIFIED, (0,))


@asynchronous
async def test_a_party_that_is_down_gets_its_seal_when_it_is_back(town, tmp_path):
    """Store and forward: party 2 is started only while the meter is trying."""
    meter = meters_of(town, tmp_path, ["m"])["m"]
    async with town.up():
        await town.until(ServiceState.COLLECTING)
        await town.stop(2)
        rounds = rounds_of(town)
        async with rounds.api:
            sending = asyncio.ensure_future(submit(meter, rounds, START, [Wish(Side.BUY, 5, 10)]))
            await asyncio.sleep(0.5)
            assert not sending.done()
            await town.start(2)
            assert (await sending).accepted
            await town.run_round()
            assert (await collect(meter, rounds, START)).state == State.VERIFIED


@asynchronous
@pytest.mark.parametrize("restarted", [False, True])
async def test_the_seal_for_a_party_that_only_others_reach_goes_through_them(town, tmp_path, monkeypatch, restarted):
    """The line between meter and party 2 is cut, before it knows any party or after two receipts: the order counts."""
    meter = meters_of(town, tmp_path, ["m"])["m"]
    async with town.up():
        await town.until(ServiceState.COLLECTING)
        rounds = rounds_of(town)
        async with rounds.api:
            post, cut = rounds.api.post, asyncio.Event()

            async def cut_off(party: int, path: str, body: bytes) -> bytes:
                if party == 2:
                    cut.set()
                    raise UnreachableError("party 2: no answer")
                return await post(party, path, body)

            monkeypatch.setattr(rounds.api, "post", cut_off)
            if restarted:
                monkeypatch.setattr(submitting, "FORWARD_AFTER", 10**6)
                first = asyncio.ensure_future(submit(meter, rounds, START, [Wish(Side.SELL, 5, 10)]))
                await cut.wait()
                await asyncio.sleep(0.5)
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
                monkeypatch.undo()
                monkeypatch.setattr(rounds.api, "post", cut_off)
                assert meter.store.receipts(START, 1).keys() == {0, 1}
            sending = asyncio.ensure_future(submit(meter, rounds, START, [Wish(Side.SELL, 5, 10)]))
            async with asyncio.timeout(20):
                while not await town.services[2].node.ledger.submission(town.market.id, START, "m", 1):
                    await asyncio.sleep(0.05)
            monkeypatch.undo()
            await town.run_round()
            await sending
            assert (await collect(meter, rounds, START)).state == State.VERIFIED


@asynchronous
async def test_a_round_that_is_void(town, tmp_path):
    """Party 1 never comes back; at the deadline the others give the round up, and the meter is told."""
    meter = meters_of(town, tmp_path, ["m"])["m"]
    async with town.up():
        await town.until(ServiceState.COLLECTING)
        rounds = rounds_of(town)
        async with rounds.api:
            assert (await submit(meter, rounds, START, [])).accepted
            await town.stop(1)
            town.clock.move_to(town.gate)
            collecting = asyncio.ensure_future(collect(meter, rounds, START))
            await asyncio.sleep(0.2)
            town.clock.move_to(town.deadline)
            finding = await collecting
    assert (finding.state, finding.accepted, finding.final) == (State.VOID, None, True)
    assert b"outcomes" in meter.store.evidence(START)[1]


@asynchronous
async def test_refusals_of_the_service_are_understood(town, tmp_path):
    meters = meters_of(town, tmp_path, ["m"])
    stranger = meters_of(Town(tmp_path / "other"), tmp_path / "x", ["stranger"])["stranger"]
    async with town.up():
        await town.until(ServiceState.COLLECTING)
        rounds = rounds_of(town)
        async with rounds.api:
            done = await submit(stranger, rounds, START, [])
            asks = ": the meter is not enrolled: ask the registrar"
            assert done.troubles == {j: f"party {j}: refused: unknown-meter (status 403){asks}" for j in range(3)}
            for path, problem, passing in [
                (f"periods/{START + 900}", "not-open-yet", True),
                (f"periods/{START + 7}", "unknown-period", False),
                ("periods/x", "invalid-request", False),
                ("nowhere", "not-found", False),
                (f"periods/{START}/results/m", "unauthorized", False),
                (f"periods/{START}/record", "not-finished", False),
            ]:
                with pytest.raises(RefusedError) as caught:
                    await rounds.api.get(0, path)
                assert (caught.value.problem, caught.value.passing) == (problem, passing)
            town.clock.move_to(town.gate)
            late = await submit(meters["m"], rounds, START, [])
            assert set(late.troubles) == {0, 1, 2}
