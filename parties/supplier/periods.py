"""A supplier's period: what its users bought and sold, from the clearing, and imported and exported, from settlement.

The two are over different users: those who took part with valid orders, and those whose readings were there in time.
From the first follows what the supplier owes other suppliers, from the second the network fee that it owes.
"""

from dataclasses import dataclass, field

from mpc_market.rules.settlement import network_fee
from mpc_market.rules.tariff import Rates
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.sheet import Content
from parties.client.api import Api
from parties.client.sheets import SheetError
from parties.files.running import RunningMarket
from parties.supplier.errors import TotalsError
from parties.supplier.home import SupplierHome
from parties.supplier.sheets import fetch
from parties.supplier.totals import PeriodTotals, fetch_totals

_NONE_TRADED = frozenset({"void", "group-too-small"})
_NONE_METERED = _NONE_TRADED | {"not-open-yet", "not-finished", "unknown-period"}
"""Refusals that mean that there are no totals; with any other the supplier should know that something is wrong."""


@dataclass(frozen=True, slots=True)
class Metered:
    """Lots, over this many users. `rates`: what the period was settled at."""

    users: int
    rates: Rates
    imported: int = field(repr=False)
    exported: int = field(repr=False)

    @property
    def network_fee(self) -> int | None:
        """What is due to DSO and TSO, exactly, in units of money; None without a tariff that says how much it is."""
        return network_fee(self.imported, self.exported, self.rates) if self.rates.published else None


@dataclass(frozen=True, slots=True)
class SupplierPeriod:
    """Each half, or why there is none; `metered` is None of a market that only clears."""

    start: int
    supplier: str
    traded: PeriodTotals | str
    metered: Metered | str | None


async def fetch_period(apis: tuple[Api, Api], running: RunningMarket, home: SupplierHome, start: int) -> SupplierPeriod:
    """Both halves. `apis`: of the clearing and of the settlement. Run by the supplier.

    Raises: TotalsError, SheetError if one cannot be had that there should be; InvalidSettingsError if what the parties
    name as its tariff is none.
    """
    clearing, settlement = apis
    if running.calendar is None:
        return SupplierPeriod(start, home.supplier, await fetch_totals(clearing, running, home, start), None)
    traded: PeriodTotals | str
    try:
        traded = await fetch_totals(clearing, running, home, start)
    except TotalsError as error:
        if error.problem not in _NONE_TRADED:
            raise
        traded = str(error)
    metered: Metered | str
    try:
        metered = await fetch_metered(settlement, running, home, start)
    except SheetError as error:
        if error.problem not in _NONE_METERED:
            raise
        metered = str(error)
    return SupplierPeriod(start, home.supplier, traded, metered)


async def fetch_metered(settlement: Api, running: RunningMarket, home: SupplierHome, start: int) -> Metered:
    """Import and export. Raises: SheetError; InvalidSettingsError if what the parties name as its tariff is none."""
    sheet = await fetch(settlement, running.staged(Stage.SETTLEMENT), home, Content.TOTALS, start)
    row = sheet.title.rows[0]
    return Metered(row.users, Rates.of(row.facts), *sheet.values[0])
