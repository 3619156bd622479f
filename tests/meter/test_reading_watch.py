"""Readings that a watch sends by itself, to the real service of the parties: in time, late, changed, after a void
settlement, and over restarts.
"""

import asyncio

from mpc_market.rules.model import Side
from mpc_market.rules.settlement import Reading as Metered
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.layout import Reading
from mpc_market.wire.outcome import Result
from mpc_market.wire.verdicts import Verdict
from parties.client.api import Api, pinned
from parties.files.values import moment_text
from parties.meter.forecast import Wish
from parties.meter.home import STORE as STORE_OF_ORDERS
from parties.meter.market import Market, Meter
from parties.meter.metered import FromRegisters
from parties.meter.reading_watch import NOTICE_MS, Readings
from parties.meter.readings import STORE, Accepted, reader
from parties.meter.registers import Boundary, Registers
from parties.meter.rounds import Ended, Rounds
from parties.meter.submitting import submit
from parties.service.life import State
from tests.meter.test_meter_with_service import MeterClock, meters_of
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START
from tests.service.settled_town import END, SettledTown, entry

LAST = 1000 * (START + 3600 + PERIOD) + 1_800_000


class Known(dict):
    """A source of readings that a test changes."""

    of = dict.get

    def since(self, start: int) -> dict[int, Reading]:
        return {period: reading for period, reading in self.items() if period >= start}

    def why_none(self, start: int) -> str:
        return "nobody knows"


class Watching:
    """A process that sends readings, while it runs."""

    def __init__(self, town: SettledTown, meters: list[Meter], sources) -> None:
        clock, market = MeterClock(town.clock), Market(town.market)
        self.stages = {}
        for stage in (Stage.SETTLEMENT, Stage.CORRECTION):
            staged = market.at(stage)
            api = Api(staged.id, pinned(town.market, clock.now_ms() // 1000))
            self.stages[stage] = Rounds(api, staged, clock, patience_ms=10**9)
        self.lines: list[str] = []
        self.readings = Readings(self.stages, meters, sources, self.lines.append)

    async def __aenter__(self) -> "Watching":
        return self

    async def __aexit__(self, *error: object) -> None:
        for rounds in self.stages.values():
            await rounds.api.__aexit__(*error)

    async def heard(self, part: str) -> None:
        """Wait until it has been reported."""
        async with asyncio.timeout(30):
            while not any(part in line for line in self.lines):
                await asyncio.sleep(0.02)


async def sent(meter: Meter, number: int, stage: Stage) -> None:
    """Wait until a reading has all its receipts."""
    store = reader(meter).store
    async with asyncio.timeout(30):
        while len(store.receipts(START, number)) < 3:
            await asyncio.sleep(0.02)
    assert store.submission(START, number).submission.header.period.stage is stage


def register(meter: Meter, *shown: tuple[int, int, int]) -> None:
    """Registers in lots, which are 100 Wh in a town that settles."""
    meter.store.put_boundaries(
        [Boundary(Registers(at, "d", 100 * imported, 100 * exported), True) for at, imported, exported in shown]
    )


async def ordered(town: SettledTown, meters: list[Meter]) -> None:
    """Everybody takes part, and the period begins."""
    await town.until(State.COLLECTING)
    rounds = Rounds(Api(town.market.id, pinned(town.market, START)), Market(town.market), MeterClock(town.clock))
    async with rounds.api:
        for meter in meters:
            assert (await submit(meter, rounds, START, [Wish(Side.SELL, 0, 0)])).accepted
    await town.run_round()


@asynchronous
async def test_readings_are_sent_corrected_and_not_sent_twice(tmp_path):
    town = SettledTown(tmp_path / "town", [])
    anna, ben, carl = meters = list(meters_of(town, tmp_path, ["anna", "ben", "carl"]).values())
    sources = {each.id: FromRegisters(each.store, town.settings) for each in meters}
    sources["carl"] = known = Known({START: Reading(9, 0)})
    register(anna, (START, 1000, 50), (END, 1005, 50))
    register(ben, (START, 77, 0))  # the telegram at the end is missing
    async with town.up(), Watching(town, meters, sources) as watch:
        await ordered(town, meters)
        following = asyncio.create_task(watch.readings.follow(START, meters))
        town.clock.move_to(1000 * END)
        await sent(anna, 1, Stage.SETTLEMENT)
        await sent(carl, 1, Stage.SETTLEMENT)
        town.clock.move_to(1000 * END + NOTICE_MS)
        await watch.heard("ben: no reading: no telegrams of its meter around its end; the period stays provisional")
        await watch.heard("readings: 2 of 3 accepted (receipts of all 3 parties)")
        known[START] = Reading(8, 0)  # replaced while the settlement is open
        await sent(carl, 2, Stage.SETTLEMENT)
        town.clock.move_to(1000 * END + 1_200_000)
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)
        assert await town.entries(Stage.SETTLEMENT) == {
            "anna": entry(0, 0, Metered(5, 0)), "carl": entry(0, 0, Metered(8, 0))
        }  # fmt: skip
        register(ben, (END, 77, 6))
        await town.until_stage(Stage.CORRECTION, State.COLLECTING)
        await sent(ben, 1, Stage.CORRECTION)
        for each in (anna, carl):  # what is settled is known to be, and is not looked at again
            async with asyncio.timeout(30):
                while START not in reader(each).store.final(0):
                    await asyncio.sleep(0.02)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        said = await restarted(town, meters, sources, known)
        assert await town.entries(Stage.CORRECTION) == {
            "ben": entry(0, 0, Metered(0, 6)), "carl": entry(0, 0, Metered(7, 0))
        }  # fmt: skip
        said = [line.split(": ", 1)[-1] for line in (*watch.lines, *said)]
        assert not any(number in line for line in said for number in ("1000", "1005", "77"))


async def restarted(town: SettledTown, meters: list[Meter], sources, known: Known) -> list[str]:
    """Another process on the same homes: it sends what has changed, and nothing again. What it reports."""
    _, ben, carl = meters
    async with Watching(town, meters, sources) as again:
        assert await again.readings.outstanding() == {START: [ben]}  # nobody has seen its outcome yet
        known[START] = Reading(7, 0)
        outstanding = await again.readings.outstanding()
        assert outstanding == {START: [ben, carl]}
        following = asyncio.create_task(again.readings.follow(START, outstanding[START]))
        await sent(carl, 3, Stage.CORRECTION)
        await again.heard("readings: 2 of 2 accepted")
        assert await again.readings.outstanding() == {}
        town.clock.move_to(LAST)
        await town.until_stage(Stage.CORRECTION, State.RESULT)
        assert await asyncio.wait_for(following, 30) is True
        assert [reader(each).store.latest(START).number for each in meters] == [1, 1, 3]
        return again.lines


@asynchronous
async def test_after_a_void_settlement_a_reading_goes_to_the_correction(tmp_path):
    town = SettledTown(tmp_path / "town", [])
    meters = list(meters_of(town, tmp_path, ["anna", "ben"]).values())
    anna = meters[0]
    sources = {"anna": Known({START: Reading(5, 0)}), "ben": Known({START: Reading(255, 0)})}
    async with town.up(), Watching(town, meters, sources) as watch:
        await ordered(town, meters)
        following = asyncio.create_task(watch.readings.follow(START, meters))
        town.clock.move_to(1000 * END)
        await sent(anna, 1, Stage.SETTLEMENT)
        await watch.heard("ben: its reading is not sent: the import of meter 'ben' is not a number of lots from 0 to")
        await town.stop(2)
        town.clock.move_to(1000 * END + 1_200_000 + 600_000)  # the settlement is void for lack of time
        for party in (0, 1):
            await town.wait(lambda party=party: is_void(town, party))
        await town.start(2)
        await watch.heard("anna: the settlement is void: its reading goes to the correction")
        await sent(anna, 2, Stage.CORRECTION)
        town.clock.move_to(LAST)
        await town.until_stage(Stage.CORRECTION, State.RESULT)
        assert await asyncio.wait_for(following, 30) is False
        assert any("ben: no reading until the last deadline: it is estimated" in line for line in watch.lines)
        estimated = {"anna": entry(0, 0, Metered(5, 0)), "ben": entry(0, 0, Metered(200, 0))}
        assert await town.entries(Stage.CORRECTION) == estimated


async def is_void(town: SettledTown, party: int) -> bool:
    return await town.stage_state(Stage.SETTLEMENT, party) is State.VOID


@asynchronous
async def test_a_damaged_store_is_told_and_stops_no_other_meter(tmp_path, monkeypatch):
    town = SettledTown(tmp_path / "town", [])
    anna, ben = meters = list(meters_of(town, tmp_path, ["anna", "ben"]).values())
    for name in (STORE_OF_ORDERS, STORE):
        (anna.home.path / name).write_bytes(b"no database" * 100)
    monkeypatch.setattr(ben.store, "first", lambda: START)
    sources = {"anna": FromRegisters(anna.store, town.settings), "ben": Known({START: Reading(5, 0)})}
    async with Watching(town, meters, sources) as watch:

        async def send(meter: Meter, start: int, reading: Reading) -> bool:
            watch.readings._sent[meter.id, start] = Accepted(Stage.SETTLEMENT, 1, reading)
            return True

        monkeypatch.setattr(watch.readings, "_send", send)
        town.clock.move_to(1000 * END + NOTICE_MS)
        assert await watch.readings.outstanding() == {START: [ben]}
        assert await watch.readings.deliver(START, meters) is False
        await watch.readings.forget(START)
    begins = moment_text(START)
    assert f"{begins} readings: 1 of 2 accepted (receipts of all 3 parties)" in watch.lines
    damaged = [line.partition(": /")[0] for line in watch.lines if "file is not a database" in line]
    assert damaged == [
        "anna: what is known of its earlier periods cannot be read",
        f"{begins} anna: what was sent of its reading cannot be looked up",
        f"{begins} anna: its reading cannot be looked up",
        "anna: what is old of its readings is not erased",
    ]


@asynchronous
async def test_an_ending_that_cannot_be_stored_is_told(tmp_path, monkeypatch):
    town = SettledTown(tmp_path / "town", [])
    (anna,) = meters_of(town, tmp_path, ["anna"]).values()
    async with Watching(town, [anna], {"anna": Known({START: Reading(5, 0)})}) as watch:
        watch.readings._sent["anna", START] = Accepted(Stage.SETTLEMENT, 1, Reading(5, 0))

        async def ended(start: int) -> Ended:
            return Ended(None, (), Result(bytes(32), bytes(32), (1,) + (0,) * (len(Verdict) - 1), 0), "")

        monkeypatch.setattr(watch.stages[Stage.SETTLEMENT], "ended", ended)
        (anna.home.path / STORE).write_bytes(b"no database" * 100)
        town.clock.move_to(1000 * END)
        assert await watch.readings.follow(START, [anna]) is True
    assert any("anna: how its reading ended is not stored: " in line for line in watch.lines)
