"""What a grid operator gets: imports and exports of its groups, of a settled period or of a month's corrections."""

from collections.abc import Iterator

from mpc_market.wire.sheet import Content, ReceivedSheet
from parties.files.running import RunningMarket
from parties.grid.home import GridHome
from parties.meter.api import Api
from parties.meter.sheets import SheetReader, fetch_sheet


async def fetch_totals(api: Api, staged: RunningMarket, home: GridHome, content: Content, start: int) -> ReceivedSheet:
    """A verified sheet. `content`: totals (of a period) or corrections (of a month). Raises: SheetError."""
    reader = SheetReader(home.kind, home.name, home.identity, home.sealing)
    return await fetch_sheet(api, staged, reader, content, start)


def rows_of(sheet: ReceivedSheet) -> Iterator[tuple[str, int, int, int]]:
    """Name of the group, users, lots imported, lots exported."""
    for row, (imported, exported) in zip(sheet.title.rows, sheet.values, strict=True):
        yield row.name, row.users, imported, exported
