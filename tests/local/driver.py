"""A coordinator to be killed: prints its parties' process ids at a given moment, `driver.py DEED MOMENT`."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from mpc_market.rules.model import Market, Order, Side
from parties.local import LocalParties

ROGUE = str(Path(__file__).with_name("rogue_party.py"))


async def main(deed: str, moment: str) -> None:
    local = LocalParties(command=[sys.executable, ROGUE, "2", deed])

    def stage(name: str) -> None:
        if name == moment:
            print(*(process.pid for process in local._processes), flush=True)

    local._on_stage = stage
    if moment == "spawned":
        asyncio.get_running_loop().call_later(0.05, stage, moment)
    async with local:
        await local.clear([Order("a", Side.BUY, 20, 5), Order("b", Side.SELL, 10, 5)], Market())


asyncio.run(main(*sys.argv[1:]))
