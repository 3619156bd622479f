"""What a supplier gets of a settled period and of a closed month, and publishing its tariffs."""

import asyncio
from collections.abc import Mapping

from mpc_market.wire.claim import Claimant
from mpc_market.wire.sheet import Content, ReceivedSheet
from mpc_market.wire.tariff import Tariff, sign_tariff
from parties.files.running import RunningMarket
from parties.meter.api import Api, RefusedError, UnreachableError
from parties.meter.sheets import SheetError, SheetReader, fetch_sheet
from parties.supplier.home import SupplierHome


async def fetch(api: Api, staged: RunningMarket, home: SupplierHome, content: Content, start: int) -> ReceivedSheet:
    """A verified sheet: totals of a period; amounts or corrections of a month. Raises: SheetError."""
    reader = SheetReader(Claimant.SUPPLIER, home.supplier, home.identity, home.sealing)
    return await fetch_sheet(api, staged, reader, content, start)


async def fetch_month(
    api: Api, staged: RunningMarket, home: SupplierHome, month: int
) -> tuple[ReceivedSheet, ReceivedSheet | None]:
    """Amounts of the month that starts then, and totals of its corrections; None if there are none to be shown.

    Raises: SheetError.
    """
    amounts = await fetch(api, staged, home, Content.AMOUNTS, month)
    try:
        return amounts, await fetch(api, staged, home, Content.CORRECTIONS, month)
    except SheetError as error:
        if error.problem != "group-too-small":
            raise
        return amounts, None


def amounts_of(sheet: ReceivedSheet) -> Mapping[str, tuple[int, int]]:
    """By meter: what is due, in hundredths of the currency; and how many periods of it rest on estimates."""
    return {
        row.name.removeprefix("meter/"): (amount, row.facts[0])
        for row, (amount,) in zip(sheet.title.rows, sheet.values, strict=True)
    }


async def publish_tariff(api: Api, home: SupplierHome, tariff: Tariff) -> dict[int, str]:
    """Publish to every party; of each party that has not taken it, why not. It counts once all have taken it.

    Safe to repeat: the same tariff again changes nothing.
    """
    body, troubles = sign_tariff(tariff, home.identity), {}

    async def to(party: int) -> None:
        try:
            await api.post(party, "tariffs", body)
        except (RefusedError, UnreachableError) as error:
            troubles[party] = str(error)

    await asyncio.gather(*(to(party) for party in range(api.parties)))
    return troubles
