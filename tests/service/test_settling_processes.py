"""A period settled and a month closed by real worker processes: the secure engine comes to what the rule says."""

from service_running import asynchronous
from service_town import PERIOD, START
from settled_town import END, SettledTown, entry, people

from mpc_market.rules.model import Side
from mpc_market.rules.settlement import Reading as Metered
from mpc_market.rules.settlement import amounts, settle, value
from mpc_market.rules.tariff import Rates
from mpc_market.wire.claim import Claimant
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.sheet import Content
from parties.service.life import State
from parties.service.process_workers import ProcessWorkers


@asynchronous
async def test_a_month_by_processes(tmp_path):
    meters = people()
    town = SettledTown(tmp_path / "m", meters)
    town.workers = [ProcessWorkers() for _ in range(3)]
    async with town.up():
        await town.publish("sun", 1, START, 50, 10, 5)
        await town.until(State.COLLECTING)
        terms = await town.terms()
        for meter, order in zip(meters, [(Side.SELL, 10, 40), (Side.BUY, 30, 60), (Side.BUY, 5, 9)], strict=True):
            await town.submit(meter.submission(terms, 1, order))
        town.clock.move_to(town.gate)
        await town.until(State.RESULT, seconds=60)
        price = (await town.get(0, f"periods/{START}")).json()["price"]
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        asked = await town.stage_terms(Stage.SETTLEMENT)
        readings = [(0, 35), (70, 0), (20, 2)]
        for meter, reading in zip(meters, readings, strict=True):
            await town.read(meter, asked, *reading)
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)
        traded = [(0, 40), (40, 0), (0, 0)]
        made = [settle(*lots, Metered(*reading)) for lots, reading in zip(traded, readings, strict=True)]
        expected = [entry(*lots, Metered(*reading)) for lots, reading in zip(traded, readings, strict=True)]
        assert await town.entries(Stage.SETTLEMENT) == dict(zip([m.id for m in meters], expected, strict=True))
        sun = town.suppliers["sun"]
        assert await town.totals(Claimant.SUPPLIER, "sun", sun) == {"supplier/sun": (3, 90, 37)}
        town.clock.move_to(1000 * (START + 3600 + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT)
        got = await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, "sun", sun)
        cents = town.settings.scale.cents
        assert [amount for _, amount in got] == [
            cents.of(amounts(value(each, price), Rates(50, 10, 5)).total) for each in made
        ]
