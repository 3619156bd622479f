"""The tables of the day for the terminal: hour by hour, and what the market changes for whom."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from rich.table import Table

from parties.demo import tariffs
from parties.demo.calendar import local
from parties.demo.community import Community
from parties.demo.day import QuarterHour

NO_TRADE = "–"


def hour_table(quarters: Sequence[QuarterHour]) -> Table:
    """One row per hour of the day and the totals below. Prices are means weighted by quantity."""
    table = Table(box=None, pad_edge=False, show_footer=True)
    table.add_column("hour", footer="day")
    for name, footer in zip(
        ("price\nEUR/kWh", "traded\nkWh", "sellers gained\nEUR", "buyers saved\nEUR"),
        _cells(quarters),
        strict=True,
    ):
        table.add_column(name, justify="right", footer=footer)
    zones = {local(quarter.start).tzname() for quarter in quarters}
    for hour, group in groupby(quarters, key=lambda quarter: quarter.start.replace(minute=0)):
        table.add_row(_hour_text(hour, clocks_change=len(zones) > 1), *_cells(list(group)))
    return table


def community_table(community: Community) -> Table:
    """One row per group of households, per supplier, and for the network: what each receives (+) or pays (−)."""
    table = Table(box=None, pad_edge=False)
    table.add_column("receives (+), pays (−)")
    for name in ("number", "without market\nEUR", "with market\nEUR", "change\nEUR", "\n%"):
        table.add_column(name, justify="right")
    for row in community.rows:
        percent = NO_TRADE if row.percent is None else f"{row.percent:+.1f}".replace("-", "−")
        amounts = (row.without, row.with_market, row.change)
        ends = row in (community.households, community.all_suppliers)
        table.add_row(row.who, str(row.number), *map(tariffs.cents_signed, amounts), percent, end_section=ends)
    return table


def _hour_text(hour: datetime, *, clocks_change: bool) -> str:
    # On the day when the clocks go back there are two hours from 02:00; the zone tells them apart.
    return f"{local(hour):%H:%M %Z}" if clocks_change else f"{local(hour):%H:%M}"


def _cells(quarters: Sequence[QuarterHour]) -> tuple[str, ...]:
    """Price, quantity, gain and saving of some quarter-hours together."""
    traded = sum(quarter.traded for quarter in quarters)
    if traded == 0:
        return (NO_TRADE,) * 4
    turnover = sum(quarter.price * quarter.traded for quarter in quarters if quarter.price is not None)
    return (
        f"{turnover * tariffs.TICK / traded:.4f}",
        tariffs.quantity_text(traded),
        tariffs.euros_rounded(sum(quarter.sellers_gain for quarter in quarters)),
        tariffs.euros_rounded(sum(quarter.buyers_saving for quarter in quarters)),
    )
