"""A supplier's period: what its users bought and sold, from the clearing, and imported and exported, from settlement.

The two are over different users: those who took part with valid orders, and those whose readings were there in time.
"""

from dataclasses import dataclass, field

from mpc_market.wire.identifiers import Stage
from mpc_market.wire.sheet import Content
from parties.client.api import Api
from parties.client.sheets import SheetError
from parties.files.running import RunningMarket
from parties.supplier.errors import NoTotalsError
from parties.supplier.home import SupplierHome
from parties.supplier.sheets import fetch
from parties.supplier.totals import PeriodTotals, fetch_totals

_NONE_YET = frozenset({"not-open-yet", "not-finished", "void", "unknown-period", "group-too-small"})
"""Refusals that mean that there are no totals; with any other the supplier should know that something is wrong."""


@dataclass(frozen=True, slots=True)
class Metered:
    """Lots, over this many users."""

    users: int
    imported: int = field(repr=False)
    exported: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class SupplierPeriod:
    """Each half, or why there is none; `metered` is None of a market that only clears."""

    start: int
    supplier: str
    traded: PeriodTotals | str
    metered: Metered | str | None


async def fetch_period(apis: tuple[Api, Api], running: RunningMarket, home: SupplierHome, start: int) -> SupplierPeriod:
    """Both halves. `apis`: of the clearing and of the settlement. Run by the supplier.

    Raises: TotalsError, SheetError if one cannot be had that there should be, or there is neither.
    """
    clearing, settlement = apis
    traded: PeriodTotals | str
    try:
        traded = await fetch_totals(clearing, running, home, start)
    except NoTotalsError as error:
        if running.calendar is None:
            raise
        traded = str(error)
    if running.calendar is None:
        return SupplierPeriod(start, home.supplier, traded, None)
    try:
        sheet = await fetch(settlement, running.staged(Stage.SETTLEMENT), home, Content.TOTALS, start)
        return SupplierPeriod(start, home.supplier, traded, Metered(sheet.title.rows[0].users, *sheet.values[0]))
    except SheetError as error:
        if error.problem not in _NONE_YET:
            raise
        return SupplierPeriod(start, home.supplier, traded, str(error))
