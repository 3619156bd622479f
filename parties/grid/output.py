"""Totals of groups as lines for people, as CSV for spreadsheets, and as JSON. Quantities in kWh.

A DSO is shown beside the totals of a period what each supplier owes for its users there, the network fee of its tariff:
exact, with as many decimals as it takes. A total of corrections may be over periods of several tariffs: it has none.
"""

import csv
import io
import json
from collections.abc import Iterator

from mpc_market.rules.settlement import network_fee
from mpc_market.rules.tariff import Rates
from mpc_market.wire.claim import Claimant
from mpc_market.wire.identifiers import MEMBER_SLASH
from mpc_market.wire.sheet import Content, ReceivedSheet, Row
from parties.files.market import MarketFile
from parties.files.problems import printable

_COLUMNS = ("group", "id", "users", "import", "export")
_FEE = "network_fee"

_Row = dict[str, str | int | None]


def totals_title(sheet: ReceivedSheet, settings: MarketFile) -> str:
    """What the numbers of the table are."""
    if sheet.title.content is Content.CORRECTIONS:
        return "kWh: changes by late and corrected readings"
    return f"kWh; {_FEE} in {settings.currency}" if _has_fees(sheet) else "kWh"


def totals_lines(sheet: ReceivedSheet, settings: MarketFile) -> Iterator[str]:
    """A table. Negative: less than was told before, which corrections may be."""
    rows = [[printable(_text(value), 64) for value in row.values()] for row in _rows(sheet, settings)]
    table = [_columns(sheet), *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        texts = (
            text.ljust(width) if i < 2 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(texts).rstrip()


def totals_csv(sheet: ReceivedSheet, settings: MarketFile, market: str, when: str) -> str:
    """A header, and one row for each group; what there is not is empty. `when`: the period or month."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    currency = {"currency": settings.currency} if _has_fees(sheet) else {}
    writer.writerow(("market", "when", *_columns(sheet), *currency))
    writer.writerows((market, when, *map(_text, {**row, **currency}.values())) for row in _rows(sheet, settings))
    return text.getvalue()


def totals_json(sheet: ReceivedSheet, settings: MarketFile, market: str, when: str) -> str:
    """One object; numbers that are no counts are texts, so that they stay exact."""
    currency = {"currency": settings.currency} if _has_fees(sheet) else {}
    groups = list(_rows(sheet, settings))
    return json.dumps({"market": market, "when": when, **currency, "totals": groups}, indent=2) + "\n"


def _has_fees(sheet: ReceivedSheet) -> bool:
    """Whether it tells what suppliers owe."""
    return (sheet.title.reader, sheet.title.content) == (Claimant.DSO, Content.TOTALS)


def _columns(sheet: ReceivedSheet) -> list[str]:
    return [*_COLUMNS, _FEE] if _has_fees(sheet) else [*_COLUMNS]


def _rows(sheet: ReceivedSheet, settings: MarketFile) -> Iterator[_Row]:
    kwh = settings.quantity_text
    for row, (imported, exported) in zip(sheet.title.rows, sheet.values, strict=True):
        group, _, name = row.name.partition(MEMBER_SLASH)
        fee = (_fee(row, imported, exported, settings),) if _has_fees(sheet) else ()
        yield dict(zip(_columns(sheet), (group, name, row.users, kwh(imported), kwh(exported), *fee), strict=True))


def _fee(row: Row, imported: int, exported: int, settings: MarketFile) -> str | None:
    """None without a tariff. Raises: InvalidSettingsError if what the parties name as a tariff is none."""
    rates = Rates.of(row.facts)
    return settings.money_text(network_fee(imported, exported, rates)) if rates.published else None


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)
