"""What a grid operator is shown: totals, and of a period what each supplier owes a DSO."""

import csv
import io
import json

import pytest

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.claim import Claimant
from mpc_market.wire.sheet import Content, ReceivedSheet, Row, Title
from parties.files.market import MarketFile
from parties.grid.output import totals_csv, totals_json, totals_lines, totals_title

SETTINGS = MarketFile()
REGION = Row("region/north", 9)
ROWS = (REGION, Row("supplier/green", 5, (2000, 400, 300)), Row("supplier/wind", 4))


def sheet(reader: Claimant, content: Content, rows: tuple[Row, ...]) -> ReceivedSheet:
    values = ((150, 37), (99, 35), (51, 2))[: len(rows)]
    return ReceivedSheet(Title(reader, "north", content, 1, 2, rows), True, values)


def test_what_suppliers_owe_a_dso() -> None:
    """A fee of 0.03 for 0.134 kWh; one supplier has published no tariff, and a region has none."""
    found = sheet(Claimant.DSO, Content.TOTALS, ROWS)
    rows = list(csv.DictReader(io.StringIO(totals_csv(found, SETTINGS, "oak", "noon"))))
    assert [(row["id"], row["import"], row["network_fee"]) for row in rows] == [
        ("north", "0.150", ""), ("green", "0.099", "0.0040200"), ("wind", "0.051", ""),
    ]  # fmt: skip
    assert {(row["market"], row["when"], row["currency"]) for row in rows} == {("oak", "noon", "EUR")}
    written = json.loads(totals_json(found, SETTINGS, "oak", "noon"))
    assert written["currency"] == "EUR"
    assert [group["network_fee"] for group in written["totals"]] == [None, "0.0040200", None]
    assert totals_title(found, SETTINGS) == "kWh; network_fee in EUR"
    assert [line.split() for line in totals_lines(found, SETTINGS)] == [
        ["group", "id", "users", "import", "export", "network_fee"],
        ["region", "north", "9", "0.150", "0.037"],
        ["supplier", "green", "5", "0.099", "0.035", "0.0040200"],
        ["supplier", "wind", "4", "0.051", "0.002"],
    ]


@pytest.mark.parametrize(
    "asked", [(Claimant.DSO, Content.CORRECTIONS), (Claimant.TSO, Content.TOTALS), (Claimant.TSO, Content.CORRECTIONS)]
)
def test_nobody_else_is_told(asked: tuple[Claimant, Content]) -> None:
    """A month may have more than one tariff, and a TSO is not shown suppliers."""
    found = sheet(*asked, (REGION,))
    texts = [totals_csv(found, SETTINGS, "oak", "2026-11"), totals_json(found, SETTINGS, "oak", "2026-11")]
    for text in (*texts, *totals_lines(found, SETTINGS), totals_title(found, SETTINGS)):
        assert "fee" not in text
        assert "EUR" not in text


def test_a_tariff_that_is_none() -> None:
    found = sheet(Claimant.DSO, Content.TOTALS, (REGION, Row("supplier/green", 5, (1, 2))))
    with pytest.raises(InvalidSettingsError, match="a tariff of 2 numbers"):
        totals_csv(found, SETTINGS, "oak", "noon")
