"""What a grid operator gets: imports and exports of its groups, of a settled period or of a month's corrections."""

from mpc_market.wire.sheet import Content, ReceivedSheet
from parties.client.api import Api
from parties.client.sheets import SheetReader, fetch_sheet
from parties.files.running import RunningMarket
from parties.grid.home import GridHome


async def fetch_totals(api: Api, staged: RunningMarket, home: GridHome, content: Content, start: int) -> ReceivedSheet:
    """A verified sheet. `content`: totals (of a period) or corrections (of a month). Raises: SheetError."""
    reader = SheetReader(home.kind, home.name, home.identity, home.sealing)
    return await fetch_sheet(api, staged, reader, content, start)
