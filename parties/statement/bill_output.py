"""A user's bill as lines for the screen, CSV and JSON. Prices per kWh, quantities in kWh, all exact."""

import csv
import io
import json
from collections.abc import Iterator

from mpc_market.rules.settlement import Line
from mpc_market.rules.statement import Charge
from parties.files.problems import printable
from parties.statement.bill import SupplierPart, UserBill
from parties.statement.notes import notes_of
from parties.statement.texts import (
    FORMULA,
    ROUNDING,
    SAVED_BY,
    cents_text,
    is_traded,
    item_text,
    line_title,
    money_price_text,
    month_title,
    tariff_text,
)

_COLUMNS = ("market", "meter", "month", "supplier", "of_month", "estimated", "item", "quantity", "price", "amount")
_SUMS = {"rounding": "difference by rounding", "due": "amount due"}


def bill_lines(bill: UserBill) -> Iterator[str]:
    """What the command shows."""
    currency = bill.settings.currency
    yield f"{bill.market}, {month_title(bill.month)}, meter {printable(bill.meter, 64)}"
    for part in bill.parts:
        yield f"supplier {printable(part.supplier, 64)}"
        for line, charges in part.statement.charges.items():
            yield f"  {line_title(line, bill.month)} ({tariff_text(line, bill.settings)})"
            for charge in charges:
                if charge.quantity or charge.exact:
                    quantity, price = _texts(charge, bill)
                    amount = cents_text(charge.cents)
                    name = item_text(charge.item, traded=is_traded(charges))
                    yield f"    {name:<38}{quantity:>12} kWh  at {price:>8}  {amount:>10} {currency}"
        if part.statement.rounding:
            yield f"  {'Difference by rounding':<68}{cents_text(part.statement.rounding):>10} {currency}"
        yield f"  {'Amount due':<68}{cents_text(part.statement.due):>10} {currency}"
    for what, lots in (("Imported in sum", bill.imported), ("Exported in sum", bill.exported)):
        yield f"{what:<42}{bill.settings.quantity_text(lots):>12} kWh"
    yield f"{'Without the local market':<70}{cents_text(bill.without_market):>10} {currency}"
    yield f"{'Saved by the local market':<70}{cents_text(bill.saved):>10} {currency}"
    yield SAVED_BY
    yield from notes_of(bill)
    yield f"verified: the amount due, computed on shares by all {bill.parties} parties, is the total of these lines"


def bill_csv(bill: UserBill) -> str:
    """One row for each item of each line; then the difference by rounding and the amount due to each supplier; then
    what was imported and exported in sum, and what all of it would have cost without the local market.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for part in bill.parts:
        begin = (bill.market, bill.meter, bill.month, part.supplier)
        for line, charges in part.statement.charges.items():
            for charge in charges:
                about = (line.month, "yes" if line.estimated else "no", charge.item.value)
                writer.writerow((*begin, *about, *_texts(charge, bill), cents_text(charge.cents)))
        for name, label in _SUMS.items():
            writer.writerow((*begin, "", "", label, "", "", cents_text(getattr(part.statement, name))))
    for label, lots, cents in (
        ("imported in sum, at retail prices", bill.imported, bill.at_retail),
        ("exported in sum, at feed-in prices", bill.exported, bill.at_feed_in),
        ("without the local market", None, bill.without_market),
        ("saved by the local market", None, bill.saved),
    ):
        quantity = "" if lots is None else bill.settings.quantity_text(lots)
        writer.writerow((bill.market, bill.meter, bill.month, "", "", "", label, quantity, "", cents_text(cents)))
    return text.getvalue()


def bill_json(bill: UserBill) -> str:
    """One object; numbers that are no counts are texts, so that they stay exact."""
    return (
        json.dumps(
            {
                "market": bill.market,
                "meter": bill.meter,
                "month": bill.month,
                "currency": bill.settings.currency,
                "suppliers": [_part(part, bill) for part in bill.parts],
                "imported": bill.settings.quantity_text(bill.imported),
                "exported": bill.settings.quantity_text(bill.exported),
                "due": cents_text(bill.due),
                "without_market": cents_text(bill.without_market),
                "saved": cents_text(bill.saved),
                "periods": bill.periods,
                "periods_not_billed": bill.missing,
                "rule": list(FORMULA),
                "rounding": ROUNDING,
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )


def _part(part: SupplierPart, bill: UserBill) -> dict[str, object]:
    made = part.statement
    return {
        "supplier": part.supplier,
        "lines": [_line(line, charges, part.entries[line], bill) for line, charges in made.charges.items()],
        "rounding": cents_text(made.rounding),
        "due": cents_text(made.due),
        "periods_estimated": part.estimated,
    }


def _line(line: Line, charges: tuple[Charge, ...], entries: int, bill: UserBill) -> dict[str, object]:
    rates = {
        name: money_price_text(getattr(line.rates, name), bill.settings) if line.rates.published else None
        for name in ("retail", "feed_in", "fee")
    }
    items = []
    for charge in charges:
        quantity, price = _texts(charge, bill)
        amount = cents_text(charge.cents)
        items.append({"item": charge.item.value, "quantity": quantity, "price": price or None, "amount": amount})
    return {"month": line.month, "estimated": line.estimated, "entries": entries, **rates, "items": items}


def _texts(charge: Charge, bill: UserBill) -> tuple[str, str]:
    """Quantity, and price: empty if nothing was traded."""
    price = "" if charge.price is None else money_price_text(charge.price, bill.settings)
    return bill.settings.quantity_text(charge.quantity), price
