"""A supplier's month as lines for the screen, CSV and JSON."""

import csv
import io
import json
from collections.abc import Iterator

from parties.files.problems import printable
from parties.statement.month import SupplierMonth
from parties.statement.notes import notes_of_month
from parties.statement.texts import cents_text, month_title

_COLUMNS = ("market", "month", "supplier", "meter", "amount", "currency", "periods", "corrections", "estimated", "key")


def month_lines(month: SupplierMonth) -> Iterator[str]:
    """What the command shows."""
    currency = month.settings.currency
    yield f"{month.market}, {month_title(month.month)}, supplier {printable(month.supplier, 64)}"
    names = [printable(customer.meter, 64) for customer in month.customers]
    width = max(map(len, [*names, "customer"]))
    yield f"{'customer'.ljust(width)}  {'amount ' + currency:>14}  {'periods':>8}  {'corrections':>11}"
    for name, each in zip(names, month.customers, strict=True):
        flags = f"  {each.estimated} estimated" if each.estimated else ""
        flags += f"  key {each.key}" if each.meter in month.shared else ""
        yield f"{name.ljust(width)}  {cents_text(each.cents):>14}  {each.periods:>8}  {each.corrections:>11}{flags}"
    yield f"{'total'.ljust(width)}  {cents_text(month.total):>14}"
    yield from notes_of_month(month)
    yield f"verified: the shares of all {month.parties} parties fit together; negative amounts are due to the customer"


def month_csv(month: SupplierMonth) -> str:
    """One row for each customer."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for each in month.customers:
        begin = (month.market, month.month, month.supplier, each.meter)
        counts = (each.periods, each.corrections, each.estimated)
        writer.writerow((*begin, cents_text(each.cents), month.settings.currency, *counts, each.key))
    return text.getvalue()


def month_json(month: SupplierMonth) -> str:
    """One object; amounts are texts, so that they stay exact."""
    found = month.corrections
    corrections = None
    if found is not None:
        imported, exported = (month.settings.quantity_text(lots) for lots in (found.imported, found.exported))
        corrections = {"users": found.users, "import": imported, "export": exported}
    return (
        json.dumps(
            {
                "market": month.market,
                "month": month.month,
                "supplier": month.supplier,
                "currency": month.settings.currency,
                "customers": [
                    {
                        "meter": each.meter,
                        "amount": cents_text(each.cents),
                        "periods": each.periods,
                        "corrections": each.corrections,
                        "estimated": each.estimated,
                        "key": each.key,
                    }
                    for each in month.customers
                ],
                "total": cents_text(month.total),
                "corrections": corrections,
                "periods": month.periods,
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )
