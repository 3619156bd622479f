"""A period settled and a month closed by real worker processes: the secure engine comes to what the rule says.

Two suppliers, two regions, two orders in each submission.
"""

from dataclasses import replace

from mpc_market.rules.model import Side
from mpc_market.rules.settlement import Reading as Metered
from mpc_market.rules.settlement import amounts, settle, value
from mpc_market.rules.tariff import Rates
from mpc_market.wire.claim import Claimant
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.sheet import Content
from parties.service.life import State
from parties.service.process_workers import ProcessWorkers
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, Meter
from tests.service.settled_town import END, PRICED, SettledTown, entry

RATES = {"sun": (50, 10, 5), "wind": (40, 12, 4)}
ORDERS = [
    [(Side.SELL, 10, 30), (Side.SELL, 11, 10)],
    [(Side.BUY, 30, 33), (Side.BUY, 29, 27)],
    [(Side.BUY, 5, 9)],
    [(Side.SELL, 60, 3), (Side.BUY, 2, 1)],
]
TRADED = [(0, 40), (40, 0), (0, 0), (0, 0)]
READINGS = [(0, 35), (70, 0), (20, 2), (3, 4)]


@asynchronous
async def test_a_month_by_processes(tmp_path):
    meters = [Meter(f"meter-{i}", "sun" if i < 2 else "wind", region="north" if i < 2 else "south") for i in range(4)]
    areas = {"north": "coast", "south": "inland"}
    town = SettledTown(tmp_path / "m", meters, areas, settings=replace(PRICED, orders_per_submission=2))
    town.workers = [ProcessWorkers() for _ in range(3)]
    async with town.up():
        for supplier, prices in RATES.items():
            await town.publish(supplier, 1, START, *prices)
        await town.until(State.COLLECTING)
        terms = await town.terms()
        for meter, orders in zip(town.meters, ORDERS, strict=True):
            await town.submit(meter.submission(terms, 1, *orders, each=2))
        town.clock.move_to(town.gate)
        await town.until(State.RESULT, seconds=60)
        price = (await town.get(0, f"periods/{START}")).json()["price"]
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        asked = await town.stage_terms(Stage.SETTLEMENT)
        for meter, reading in zip(town.meters, READINGS, strict=True):
            await town.read(meter, asked, *reading)
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)
        expected = [entry(*lots, Metered(*reading)) for lots, reading in zip(TRADED, READINGS, strict=True)]
        assert await town.entries(Stage.SETTLEMENT) == dict(zip([m.id for m in meters], expected, strict=True))
        north, south = (2, 70, 35), (2, 23, 6)
        for supplier, region, area, both in (("sun", "north", "coast", north), ("wind", "south", "inland", south)):
            of_supplier, of_region = {f"supplier/{supplier}": both}, {f"region/{region}": both}
            operators = town.operators
            assert await town.totals(Claimant.SUPPLIER, supplier, town.suppliers[supplier]) == of_supplier
            assert await town.totals(Claimant.DSO, region, operators[region]) == of_region | of_supplier
            assert await town.totals(Claimant.TSO, area, operators[area]) == of_region
        town.clock.move_to(1000 * (START + 3600 + PERIOD) + 1_200_000 + 600_000)
        await town.until_stage(Stage.CLOSING, State.RESULT)
        made = [settle(*lots, Metered(*reading)) for lots, reading in zip(TRADED, READINGS, strict=True)]
        for supplier, of_supplier in (("sun", made[:2]), ("wind", made[2:])):
            got = await town.sheet(Content.AMOUNTS, Claimant.SUPPLIER, supplier, town.suppliers[supplier])
            cents, rates = town.settings.scale.cents, Rates(*RATES[supplier])
            assert [amount for _, amount in got] == [
                cents.of(amounts(value(each, price), rates).total) for each in of_supplier
            ]
