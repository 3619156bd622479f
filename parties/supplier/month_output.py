"""The totals of a month as lines for people, as CSV for spreadsheets, and as JSON. Units as in `output`."""

import json
from collections.abc import Iterator, Mapping

from parties.files.problems import printable
from parties.files.running import RunningMarket
from parties.files.values import moment_text
from parties.supplier.months import SupplierTotals, summary
from parties.supplier.output import one_row

_Row = dict[str, str | int | None]


def month_totals_lines(month: SupplierTotals, name: str, running: RunningMarket) -> Iterator[str]:
    """What the command shows. `name`: the month as people write it."""
    row, currency, metered = _row(month, name, running), running.settings.currency, month.metered
    yield f"{running.id}, month {name}, supplier {printable(month.supplier, 64)}"
    yield f"cleared periods  {month.traded.periods} of {month.periods}{_but(month.traded.missing)}"
    if month.traded.periods:
        yield f"bought           {row['bought']} kWh"
        yield f"sold             {row['sold']} kWh"
        owed = str(row["owed_to_suppliers"])
        yield f"owed {'by' if owed.startswith('-') else 'to'} others   {owed.lstrip('-')} {currency}"
    yield f"settled periods  {metered.periods} of {month.periods}{_but(metered.missing)}"
    if metered.periods:
        yield f"imported         {row['import']} kWh"
        yield f"exported         {row['export']} kWh"
        fee = "none" if row["network_fee"] is None else f"{row['network_fee']} {currency}"
        without = f"; no tariff was published for {metered.no_tariff} of these periods" if metered.no_tariff else ""
        yield f"network fee      {fee}{without}"
    yield f"verified: the shares of all {len(running.parties)} parties fit together in each of these periods"


def month_totals_csv(month: SupplierTotals, name: str, running: RunningMarket) -> str:
    """A header and one row; what there is not is empty."""
    return one_row(_row(month, name, running))


def month_totals_json(month: SupplierTotals, name: str, running: RunningMarket) -> str:
    """One object, with the periods that have no totals; numbers that are no counts are texts: they stay exact."""
    missing = {
        key: [{"period": moment_text(start), "why": why} for start, why in half.missing.items()]
        for key, half in (("not_cleared", month.traded), ("not_settled", month.metered))
    }
    return json.dumps({**_row(month, name, running), **missing}, indent=2) + "\n"


def _but(missing: Mapping[int, str]) -> str:
    return f"; without: {summary([*missing.values()])}" if missing else ""


def _row(month: SupplierTotals, name: str, running: RunningMarket) -> _Row:
    kwh, money, traded, metered = (
        running.settings.quantity_text,
        running.settings.money_text,
        month.traded,
        month.metered,
    )
    return {
        "market": running.id,
        "month": name,
        "supplier": month.supplier,
        "periods": month.periods,
        "cleared_periods": traded.periods,
        "bought": kwh(traded.bought) if traded.periods else None,
        "sold": kwh(traded.sold) if traded.periods else None,
        "owed_to_suppliers": money(traded.owed) if traded.periods else None,
        "settled_periods": metered.periods,
        "import": kwh(metered.imported) if metered.periods else None,
        "export": kwh(metered.exported) if metered.periods else None,
        "network_fee": None if metered.network_fee is None else money(metered.network_fee),
        "periods_without_tariff": metered.no_tariff,
        "currency": running.settings.currency,
    }
