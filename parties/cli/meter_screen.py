"""What a meter's user sees of results, on the screen and as CSV: the user's own prices and quantities."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from parties.files.values import moment_text

if TYPE_CHECKING:
    from parties.meter.market import Market
    from parties.meter.store import Entry, Finding

_COLUMNS = ("period", "number", "receipts", "side", "price", "quantity", "accepted_quantity", "clearing_price", "state")


def show_history(entries: "Sequence[Entry]", market: "Market") -> None:
    """A table; every order of a submission is a line."""
    rows = [_COLUMNS, *(row for entry in entries for row in _rows(entry, market))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    for row in rows:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    remarks = [entry for entry in entries if entry.remark]
    for entry in remarks:
        typer.echo(f"{moment_text(entry.start)}: {entry.remark}")
    if not entries:
        typer.echo("nothing was submitted yet")


def history_csv(entries: "Sequence[Entry]", market: "Market") -> Iterator[str]:
    """The lines of a CSV file; prices per kWh, quantities in kWh; no price where there was no trade."""
    yield ",".join(_COLUMNS) + "\n"
    for entry in entries:
        for row in _rows(entry, market):
            yield ",".join(row) + "\n"


def _rows(entry: "Entry", market: "Market") -> "Iterator[tuple[str, ...]]":
    clearing = "" if entry.price is None else market.file.price_text(entry.price)
    begin = (moment_text(entry.start), "" if entry.number is None else str(entry.number), str(entry.receipts))
    end = (clearing, entry.state or "pending")
    if not entry.orders:
        yield (*begin, "", "", "", "", *end)
    for k, order in enumerate(entry.orders):
        accepted = "" if entry.accepted is None else market.file.quantity_text(entry.accepted[k])
        limit, quantity = market.file.price_text(order.price), market.file.quantity_text(order.quantity)
        yield (*begin, order.side.value, limit, quantity, accepted, *end)


def show_finding(finding: "Finding", market: "Market") -> None:
    """The result of one period."""
    price = "no clearing price" if finding.price is None else f"clearing price {market.file.price_text(finding.price)}"
    unit = "" if finding.price is None else f" {market.file.prices.unit}"
    typer.echo(f"{moment_text(finding.start)}: {finding.state}, {price}{unit}")
    for lots in finding.accepted or ():
        typer.echo(f"accepted quantity {market.file.quantity_text(lots)} kWh")
    if finding.remark:
        typer.echo(finding.remark)
