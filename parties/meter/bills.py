"""A user's month: what is due to each supplier, and the lines behind it. Nobody else can open the lines."""

import asyncio

from mpc_market.wire.claim import Claimant
from mpc_market.wire.sheet import Content, ReceivedSheet
from parties.client.api import Api
from parties.client.sheets import SheetReader, fetch_sheet
from parties.files.running import RunningMarket
from parties.meter.home import Home


async def fetch_bill(api: Api, staged: RunningMarket, home: Home, month: int) -> tuple[ReceivedSheet, ReceivedSheet]:
    """Amounts and lines of the month that starts then, each verified. `staged`: the closing. Raises: SheetError."""
    reader = SheetReader(Claimant.METER, home.meter, home.identity, home.sealing)
    amounts, lines = await asyncio.gather(
        *(fetch_sheet(api, staged, reader, content, month) for content in (Content.AMOUNTS, Content.BILL))
    )
    return amounts, lines
