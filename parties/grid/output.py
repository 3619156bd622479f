"""Totals of groups as lines for people, as CSV for spreadsheets, and as JSON. Quantities in kWh."""

import csv
import io
import json
from collections.abc import Iterator

from mpc_market.wire.identifiers import MEMBER_SLASH
from mpc_market.wire.sheet import ReceivedSheet
from parties.files.market import MarketFile
from parties.files.problems import printable

_COLUMNS = ("group", "id", "users", "import", "export")

_Row = tuple[str, str, int, str, str]


def totals_lines(sheet: ReceivedSheet, settings: MarketFile) -> Iterator[str]:
    """A table. Negative: less than was told before, which corrections may be."""
    rows = [
        _COLUMNS,
        *((group, printable(name, 64), str(users), *kwh) for group, name, users, *kwh in _rows(sheet, settings)),
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    for row in rows:
        texts = (
            text.ljust(width) if i < 2 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(texts).rstrip()


def totals_csv(sheet: ReceivedSheet, settings: MarketFile, market: str, when: str) -> str:
    """A header, and one row for each group. `when`: the period or month."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("market", "when", *_COLUMNS))
    writer.writerows((market, when, *row) for row in _rows(sheet, settings))
    return text.getvalue()


def totals_json(sheet: ReceivedSheet, settings: MarketFile, market: str, when: str) -> str:
    """One object; quantities are texts, so that they stay exact."""
    groups = [dict(zip(_COLUMNS, row, strict=True)) for row in _rows(sheet, settings)]
    return json.dumps({"market": market, "when": when, "totals": groups}, indent=2) + "\n"


def _rows(sheet: ReceivedSheet, settings: MarketFile) -> Iterator[_Row]:
    for row, (imported, exported) in zip(sheet.title.rows, sheet.values, strict=True):
        group, _, name = row.name.partition(MEMBER_SLASH)
        yield group, name, row.users, settings.quantity_text(imported), settings.quantity_text(exported)
