"""Readings by the meter's client and the real service of the parties: sent, repeated, replaced, late."""

import pytest

from mpc_market.errors import InputError, InvalidReadingError
from mpc_market.rules.settlement import Reading as Metered
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.layout import Reading
from parties.client.api import Api, pinned
from parties.meter.market import Market, Meter
from parties.meter.readings import send_reading, stage_of
from parties.meter.rounds import Rounds
from parties.meter.submitting import Submitted
from parties.service.life import State
from tests.meter.test_meter_with_service import MeterClock, meters_of
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, Town
from tests.service.settled_town import END, SettledTown, entry


async def send(town: Town, meter: Meter, imported: int, exported: int) -> Submitted:
    clock, market = MeterClock(town.clock), Market(town.market)
    market = market.at(stage_of(market, START, clock.now_ms()))
    api = Api(market.id, pinned(town.market, clock.now_ms() // 1000))
    async with api:
        return await send_reading(meter, Rounds(api, market, clock), START, Reading(imported, exported))


@asynchronous
async def test_readings_are_sent_repeated_replaced_and_corrected(tmp_path):
    town = SettledTown(tmp_path / "town", [])
    meters = meters_of(town, tmp_path, ["anna", "ben"])
    async with town.up():
        await town.until(State.COLLECTING)
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        first = await send(town, meters["anna"], 5, 0)
        assert (first.accepted, first.number) == (True, 1)
        again = await send(town, meters["anna"], 5, 0)
        assert (again.accepted, again.number) == (True, 1)
        replaced = await send(town, meters["anna"], 6, 0)
        assert (replaced.accepted, replaced.number) == (True, 2)
        with pytest.raises(InvalidReadingError, match="enrolled maximum of 200"):
            await send(town, meters["ben"], 201, 0)
        assert (await send(town, meters["ben"], 0, 7)).accepted
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)
        expected = {"anna": entry(0, 0, Metered(6, 0)), "ben": entry(0, 0, Metered(0, 7))}
        assert await town.entries(Stage.SETTLEMENT) == expected
        town.clock.move_to(1000 * END + 1_200_000)
        await town.until_stage(Stage.CORRECTION, State.COLLECTING)
        late = await send(town, meters["ben"], 0, 8)
        assert late.accepted
        town.clock.move_to(1000 * (START + 3600 + PERIOD) + 1_800_000)
        await town.until_stage(Stage.CORRECTION, State.RESULT)
        assert await town.entries(Stage.CORRECTION) == {"ben": entry(0, 0, Metered(0, 8))}


def test_where_a_reading_goes(tmp_path):
    town = SettledTown(tmp_path / "town", [])
    market, end = Market(town.market), 1000 * END
    assert stage_of(market, START, end) is Stage.SETTLEMENT
    assert stage_of(market, START, end + 1_200_000) is Stage.CORRECTION
    for moment, reason in ((end - 1, "not over yet"), (end + 7_200_000, "last deadline")):
        with pytest.raises(InputError, match=reason):
            stage_of(market, START, moment)
    with pytest.raises(InputError, match="only clears"):
        stage_of(Market(Town(tmp_path / "other").market), START, end)
