"""What a supplier gets of a settled period and of a closed month, and publishing its tariffs."""

import asyncio

from mpc_market.wire.claim import Claimant
from mpc_market.wire.sheet import Content, ReceivedSheet
from mpc_market.wire.tariff import Tariff, sign_tariff
from parties.client.api import Api, RefusedError, UnreachableError
from parties.client.sheets import SheetError, SheetReader, fetch_sheet
from parties.files.running import RunningMarket
from parties.files.values import moment_text
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


async def publish_tariff(api: Api, home: SupplierHome, tariff: Tariff) -> dict[int, str]:
    """Publish to every party; of each party that has not taken it, why not. It counts once all have taken it.

    Safe to repeat: the same tariff again changes nothing.
    """
    body, troubles = sign_tariff(tariff, home.identity), {}

    async def to(party: int) -> None:
        try:
            await api.post(party, "tariffs", body)
        except UnreachableError as error:
            troubles[party] = str(error)
        except RefusedError as error:
            troubles[party] = _why(party, error, tariff)

    await asyncio.gather(*(to(party) for party in range(api.parties)))
    return troubles


def _why(party: int, error: RefusedError, tariff: Tariff) -> str:
    """What a refusal means, and what would be right."""
    words = {
        "tariff-number": f"number {tariff.number} is taken: use a higher one",
        "tariff-late": f"it must arrive before {moment_text(tariff.begins)}, when its first period begins",
        "unknown-supplier": f"supplier {tariff.supplier} is not on the roll: ask the registrar",
        "not-settled": "this market only clears: it has no tariffs",
        "bad-signature": "the key of this home is not the one on the roll: ask the registrar",
    }
    return f"party {party}: {words[error.problem]}" if error.problem in words else str(error)
