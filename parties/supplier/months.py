"""A supplier's month: the totals of its periods, added up at the supplier.

The parties reveal the totals of every period once, and none of a month: from those of a month and of all its periods
but one the last would follow, also where it is over too few users to be shown. What late and corrected readings change
later is in none of them: it is in the corrections of the month (`sheets`).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mpc_market.rules.money import Scale
from parties.client.api import Api
from parties.client.sheets import SheetError
from parties.files.running import RunningMarket
from parties.supplier.errors import TotalsError
from parties.supplier.home import SupplierHome
from parties.supplier.periods import Metered, fetch_metered
from parties.supplier.totals import PeriodTotals, fetch_totals

AT_ONCE = 12
"""Periods that are asked for at once: twice the connections to each party."""

MISSING = {
    "void": "void",
    "group-too-small": "too few users",
    "not-open-yet": "not over yet",
    "not-finished": "not finished yet",
    "unknown-period": "not known to the parties",
    "nothing-here": "nothing kept",
    "unknown-supplier": "not on the roll",
    "unknown-reader": "not on the roll",
}
"""Why a period has no totals, in words; with any other reason the month cannot be added up."""


@dataclass(frozen=True, slots=True)
class TradedMonth:
    """Lots; `owed` to other suppliers in units of money. `missing`: why, a key of MISSING, by period without totals."""

    periods: int
    missing: Mapping[int, str]
    bought: int = field(repr=False)
    sold: int = field(repr=False)
    owed: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class MeteredMonth:
    """Lots; the fee in units of money, None if there was no tariff at all. `missing`: as above.

    `no_tariff`: so many of the `periods` had none; they are in import and export, and not in the fee.
    """

    periods: int
    missing: Mapping[int, str]
    no_tariff: int
    imported: int = field(repr=False)
    exported: int = field(repr=False)
    network_fee: int | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SupplierTotals:
    """The totals of the month that starts then, which has so many `periods`."""

    start: int
    supplier: str
    periods: int
    traded: TradedMonth
    metered: MeteredMonth


async def add_up(apis: tuple[Api, Api], running: RunningMarket, home: SupplierHome, month: int) -> SupplierTotals:
    """Fetch the totals of all periods, and add up what there is. `apis`: as `fetch_period`; `running`: a market that is
    settled. Run by the supplier.

    Raises: TotalsError if there are none in any period; TotalsError, SheetError, InvalidSettingsError if those of one
    cannot be had, or relied on, for another reason than those in MISSING.
    """
    calendar = running.calendar
    assert calendar is not None
    starts = calendar.starts(month)
    traded: dict[int, PeriodTotals | str] = {}
    metered: dict[int, Metered | str] = {}

    async def ask(start: int) -> None:
        traded[start] = await _traded(apis[0], running, home, start)
        metered[start] = await _metered(apis[1], running, home, start)

    for i in range(0, len(starts), AT_ONCE):
        await asyncio.gather(*(ask(start) for start in starts[i : i + AT_ONCE]))
    found = SupplierTotals(
        month, home.supplier, len(starts), _add_traded(traded, running.settings.scale), _add_metered(metered)
    )
    if found.traded.periods + found.metered.periods == 0:
        why = summary([*found.traded.missing.values(), *found.metered.missing.values()])
        raise TotalsError(f"{calendar.months.text(month)}: no period of the month has totals: {why}")
    return found


def summary(missing: Sequence[str]) -> str:
    """How often each reason occurs, in words."""
    return ", ".join(f"{missing.count(reason)} {MISSING[reason]}" for reason in MISSING if reason in missing)


async def _traded(api: Api, running: RunningMarket, home: SupplierHome, start: int) -> PeriodTotals | str:
    try:
        return await fetch_totals(api, running, home, start)
    except TotalsError as error:
        if error.problem not in MISSING:
            raise
        return error.problem


async def _metered(api: Api, running: RunningMarket, home: SupplierHome, start: int) -> Metered | str:
    try:
        return await fetch_metered(api, running, home, start)
    except SheetError as error:
        if error.problem not in MISSING:
            raise
        return error.problem


def _add_traded(periods: Mapping[int, PeriodTotals | str], scale: Scale) -> TradedMonth:
    there = [each for each in periods.values() if isinstance(each, PeriodTotals)]
    return TradedMonth(
        len(there),
        {start: why for start, why in sorted(periods.items()) if isinstance(why, str)},
        sum(each.bought for each in there),
        sum(each.sold for each in there),
        sum(each.owed(scale) for each in there),
    )


def _add_metered(periods: Mapping[int, Metered | str]) -> MeteredMonth:
    there = [each for each in periods.values() if isinstance(each, Metered)]
    fees = [each.network_fee for each in there if each.network_fee is not None]
    return MeteredMonth(
        len(there),
        {start: why for start, why in sorted(periods.items()) if isinstance(why, str)},
        len(there) - len(fees),
        sum(each.imported for each in there),
        sum(each.exported for each in there),
        sum(fees) if fees else None,
    )
