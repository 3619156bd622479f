"""Totals as lines for people, as CSV for spreadsheets, and as JSON. Prices in currency per kWh, quantities in kWh."""

import csv
import io
import json
from collections.abc import Iterator

from parties.files.problems import printable
from parties.files.running import RunningMarket
from parties.meter.periods import period_text
from parties.supplier.totals import PeriodTotals


def totals_lines(totals: PeriodTotals, running: RunningMarket) -> Iterator[str]:
    """What the command shows."""
    settings, row = running.settings, _row(totals, running)
    yield f"{running.id}, period {row['period']}, supplier {printable(totals.supplier, 64)}"
    yield f"users            {totals.users}"
    yield f"bought           {row['bought']} kWh"
    yield f"sold             {row['sold']} kWh"
    price = "none: nothing was traded" if totals.price is None else f"{row['price']} {settings.prices.unit}"
    yield f"clearing price   {price}"
    parties = len(running.parties)
    yield f"verified: all {parties} parties have signed the result, and the shares of all {parties} fit together"


def totals_csv(totals: PeriodTotals, running: RunningMarket) -> str:
    """A header and one row; the price is empty if there is none."""
    row = _row(totals, running)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(row)
    writer.writerow("" if value is None else value for value in row.values())
    return text.getvalue()


def totals_json(totals: PeriodTotals, running: RunningMarket) -> str:
    """One object; numbers that are no counts are texts, so that they stay exact."""
    return json.dumps({**_row(totals, running), "currency": running.settings.currency}, indent=2) + "\n"


def _row(totals: PeriodTotals, running: RunningMarket) -> dict[str, str | int | None]:
    settings = running.settings
    return {
        "market": running.id,
        "period": period_text(totals.start),
        "supplier": totals.supplier,
        "users": totals.users,
        "bought": settings.quantity_text(totals.bought),
        "sold": settings.quantity_text(totals.sold),
        "price": None if totals.price is None else settings.price_text(totals.price),
    }
