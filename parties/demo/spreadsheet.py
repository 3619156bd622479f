"""The day as CSV, one row per quarter-hour, with every digit; its settlement, one row per household, and the table."""

import csv
import io
from collections.abc import Iterable, Sequence

from parties.demo import tariffs
from parties.demo.calendar import local
from parties.demo.community import Community
from parties.demo.day import QuarterHour
from parties.demo.settlement import Day
from parties.statement.texts import cents_text

COLUMNS = (
    "period_start_utc",
    "local_time",
    "orders",
    "offered_kwh",
    "wanted_kwh",
    "clearing_price_eur_per_kwh",
    "traded_kwh",
    "sellers_gained_eur",
    "buyers_saved_eur",
)

HOUSEHOLD_COLUMNS = (
    "household",
    "supplier",
    "imported_kwh",
    "exported_kwh",
    "bought_kwh",
    "sold_kwh",
    "pays_without_market_eur",
    "pays_with_market_eur",
    "gain_eur",
)

SETTLEMENT_COLUMNS = ("who", "number", "receives_without_market_eur", "receives_with_market_eur", "change_eur")


def day_csv(quarters: Sequence[QuarterHour]) -> bytes:
    """The day in UTF-8 with commas and LF. Where nothing was traded the price is empty, not 0."""
    rows = (
        (
            f"{quarter.start:%Y-%m-%dT%H:%M:%SZ}",
            local(quarter.start).isoformat(timespec="minutes"),
            quarter.orders,
            tariffs.quantity_text(quarter.offered),
            tariffs.quantity_text(quarter.wanted),
            "" if quarter.price is None else tariffs.price_text(quarter.price),
            tariffs.quantity_text(quarter.traded),
            tariffs.euros_exact(quarter.sellers_gain),
            tariffs.euros_exact(quarter.buyers_saving),
        )
        for quarter in quarters
    )
    return _csv(COLUMNS, rows)


def households_csv(days: Sequence[Day]) -> bytes:
    """The settled day of every household, as billed: paid is positive, received negative."""
    rows = (
        (
            day.household.name,
            day.household.supplier.name,
            *map(tariffs.quantity_text, (day.imported, day.exported, day.bought, day.sold)),
            *map(cents_text, (day.without, day.due, day.gain)),
        )
        for day in days
    )
    return _csv(HOUSEHOLD_COLUMNS, rows)


def settlement_csv(community: Community) -> bytes:
    """The table: received is positive, paid negative."""
    rows = (
        (row.who, row.number, *map(cents_text, (row.without, row.with_market, row.change))) for row in community.rows
    )
    return _csv(SETTLEMENT_COLUMNS, rows)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()
