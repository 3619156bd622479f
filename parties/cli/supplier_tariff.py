"""Publishing a tariff: from texts to the signed message, and to all parties."""

import asyncio
import time

import typer

from mpc_market.errors import InputError, InvalidOrderError, InvalidSettingsError
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import START_MAX
from mpc_market.wire.tariff import Tariff, plain_tariff
from parties.cli.settled import period_of
from parties.client.api import Api, pinned
from parties.files.problems import Problems, printable
from parties.files.running import RunningMarket
from parties.files.values import moment_text
from parties.supplier.home import SupplierHome
from parties.supplier.sheets import publish_tariff


def read_tariff(
    own: SupplierHome,
    running: RunningMarket,
    number: int,
    periods: tuple[str, str | None],
    prices: tuple[str, str, str],
) -> Tariff:
    """`periods`: first one, and end. `prices`: retail, feed-in, fee. Raises: InputError with all that is wrong."""
    problems, (first, until) = Problems(), periods
    begins = period_of(running, first, problems, "--from")
    ends = START_MAX if until is None else period_of(running, until, problems, "--until")
    if not problems.count and ends <= begins:
        problems.add("--until", f"{moment_text(ends)} is not after --from, {moment_text(begins)}")
    ticks = []
    for option, text in zip(("--retail", "--feed-in", "--fee"), prices, strict=True):
        try:
            ticks.append(running.settings.ticks(text))
        except InvalidOrderError as error:
            problems.add(option, str(error))
    problems.check()
    retail, feed_in, fee = ticks
    # a fee is a difference of prices: its ticks are counted from 0, not from the smallest price
    difference = fee + running.settings.base
    try:
        tariff = Tariff(running.id, own.supplier, number, begins, ends, retail, feed_in, difference)
        plain_tariff(tariff, running.settings.base).rates.check_charges()
        _check_days(tariff, running)
        return tariff
    except (InvalidOrderError, InvalidSettingsError, WireError) as error:
        raise InputError((str(error),)) from None


def _check_days(tariff: Tariff, running: RunningMarket) -> None:
    """Raises: InvalidOrderError unless it begins and ends with a day."""
    calendar = running.calendar
    if calendar is None:
        return  # it only clears: the parties say so
    for moment in (tariff.begins, tariff.ends):
        if moment != START_MAX and not calendar.begins_day(moment):
            days = " and one at ".join(map(moment_text, (calendar.day(moment), calendar.next_day(moment))))
            raise InvalidOrderError(
                f"a tariff begins and ends with a day of the market ({running.settings.timezone}): none begins at "
                f"{moment_text(moment)}, but one does at {days}"
            )


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
