"""Publishing a tariff: from texts to the signed message, and to all parties."""

import asyncio
import time

import typer

from mpc_market.errors import InputError, InvalidOrderError
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import START_MAX
from mpc_market.wire.tariff import Tariff
from parties.files.problems import printable
from parties.files.running import RunningMarket
from parties.meter.api import Api, pinned
from parties.meter.periods import period_start
from parties.supplier.home import SupplierHome
from parties.supplier.sheets import publish_tariff


def read_tariff(
    own: SupplierHome,
    running: RunningMarket,
    number: int,
    periods: tuple[int, str | None],
    prices: tuple[str, str, str],
) -> Tariff:
    """`periods`: start of the first, text of the end. `prices`: retail, feed-in, fee. Raises: InputError."""
    begins, until = periods
    retail, feed_in, fee = prices
    settings, base = running.settings, running.settings.scale.base
    try:
        ends = START_MAX if until is None else period_start(until, running.period_seconds)
        # a fee is a difference of prices: its ticks are counted from 0, not from the smallest price
        difference = settings.ticks(fee) + base
        return Tariff(
            running.id, own.supplier, number, begins, ends, settings.ticks(retail), settings.ticks(feed_in), difference
        )
    except (InvalidOrderError, WireError) as error:
        raise InputError((str(error),)) from None


def publish(own: SupplierHome, running: RunningMarket, tariff: Tariff) -> bool:
    """Whether all parties have taken it."""

    async def run() -> dict[int, str]:
        async with Api(running.id, pinned(running, int(time.time()))) as api:
            return await publish_tariff(api, own, tariff)

    troubles = asyncio.run(run())
    for party in sorted(troubles):
        typer.echo(f"mpc-market: not taken: {printable(troubles[party], 500)}", err=True)
    parties = len(running.parties)
    typer.echo(f"tariff {tariff.number}: {parties - len(troubles)} of {parties} parties have it")
    return not troubles
