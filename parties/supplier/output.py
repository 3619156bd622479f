"""Totals as lines for people, as CSV for spreadsheets, and as JSON.

Prices in currency per kWh, quantities in kWh. Amounts in currency are exact: they have as many decimals as it takes.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping

from parties.files.problems import printable
from parties.files.running import RunningMarket
from parties.files.values import moment_text
from parties.supplier.periods import Metered, SupplierPeriod
from parties.supplier.totals import PeriodTotals


def totals_lines(period: SupplierPeriod, running: RunningMarket) -> Iterator[str]:
    """What the command shows."""
    settings, row = running.settings, _row(period, running)
    yield f"{running.id}, period {row['period']}, supplier {printable(period.supplier, 64)}"
    if isinstance(period.traded, str):
        yield f"bought, sold     none: {period.traded}"
    else:
        yield f"users            {row['users']}"
        yield f"bought           {row['bought']} kWh"
        yield f"sold             {row['sold']} kWh"
        price = f"{row['price']} {settings.prices.unit}"
        yield f"clearing price   {'none: nothing was traded' if period.traded.price is None else price}"
        if period.metered is not None:
            owed = str(row["owed_to_suppliers"])
            yield f"owed {'by' if owed.startswith('-') else 'to'} others   {owed.lstrip('-')} {settings.currency}"
    if isinstance(period.metered, str):
        yield f"import, export   none: {period.metered}"
    elif period.metered is not None:
        yield f"metered users    {row['metered_users']}"
        yield f"imported         {row['import']} kWh"
        yield f"exported         {row['export']} kWh"
        fee = row["network_fee"]
        yield f"network fee      {'none: no tariff was published' if fee is None else f'{fee} {settings.currency}'}"
    parties = len(running.parties)
    yield f"verified: all {parties} parties have signed the result, and the shares of all {parties} fit together"


def totals_csv(period: SupplierPeriod, running: RunningMarket) -> str:
    """A header and one row; what there is not is empty."""
    return one_row(_row(period, running))


def one_row(row: Mapping[str, str | int | None]) -> str:
    """CSV of one row under its header; None is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(row)
    writer.writerow("" if value is None else value for value in row.values())
    return text.getvalue()


def totals_json(period: SupplierPeriod, running: RunningMarket) -> str:
    """One object; numbers that are no counts are texts, so that they stay exact."""
    return json.dumps(_row(period, running), indent=2) + "\n"


def _row(period: SupplierPeriod, running: RunningMarket) -> dict[str, str | int | None]:
    settings = running.settings
    row: dict[str, str | int | None] = {
        "market": running.id,
        "period": moment_text(period.start),
        "supplier": period.supplier,
    }
    traded = period.traded if isinstance(period.traded, PeriodTotals) else None
    row["users"] = None if traded is None else traded.users
    row["bought"] = None if traded is None else settings.quantity_text(traded.bought)
    row["sold"] = None if traded is None else settings.quantity_text(traded.sold)
    row["price"] = None if traded is None or traded.price is None else settings.price_text(traded.price)
    if period.metered is not None:
        metered = period.metered if isinstance(period.metered, Metered) else None
        row["metered_users"] = None if metered is None else metered.users
        row["import"] = None if metered is None else settings.quantity_text(metered.imported)
        row["export"] = None if metered is None else settings.quantity_text(metered.exported)
        row["owed_to_suppliers"] = None if traded is None else settings.money_text(traded.owed(settings.scale))
        fee = None if metered is None else metered.network_fee
        row["network_fee"] = None if fee is None else settings.money_text(fee)
    row["currency"] = settings.currency
    return row
