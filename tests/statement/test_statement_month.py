"""A supplier's month: one amount for each customer and the corrections together, and no volume of anybody."""

import csv
import io
import json

import pytest

from mpc_market.wire.sheet import Content, Row
from parties.statement.errors import StatementError
from parties.statement.month import Corrections, CustomerAmount, SupplierMonth, supplier_month
from parties.statement.month_output import month_csv, month_json, month_lines
from parties.statement.month_page import month_page
from parties.statement.page import fill, number
from parties.statement.texts import cents_text, month_title
from tests.statement.bills import CALENDAR, NOVEMBER, SETTINGS, sheet

KEY = int.from_bytes(bytes.fromhex("ab00000000000001"), "big", signed=True)
AMOUNTS = sheet(
    Content.AMOUNTS,
    [Row("meter/m2", 2880, (2880, 0, 0, 255)), Row("meter/m1", 2955, (2879, 38, 3, KEY))],
    [(6200,), (-123_456,)],
    1,
)
CORRECTIONS = sheet(Content.CORRECTIONS, [Row("supplier/green", 5)], [(-1500, 20)], 2)


def made(corrections=CORRECTIONS) -> SupplierMonth:
    return supplier_month("green", NOVEMBER, AMOUNTS, corrections, SETTINGS, CALENDAR, 3)


def test_one_amount_per_customer() -> None:
    month = made()
    assert month.customers == (
        CustomerAmount("m1", -123_456, 2879, 38, 3, "ab00000000000001"),
        CustomerAmount("m2", 6200, 2880, 0, 0, "00000000000000ff"),
    )
    assert month.corrections == Corrections(5, -1500, 20)
    assert list(csv.reader(io.StringIO(month_csv(month)))) == [
        ["market", "month", "supplier", "meter", "amount", "currency", "periods", "corrections", "estimated", "key"],
        ["oak-street", "2026-11", "green", "m1", "-1234.56", "EUR", "2879", "38", "3", "ab00000000000001"],
        ["oak-street", "2026-11", "green", "m2", "62.00", "EUR", "2880", "0", "0", "00000000000000ff"],
    ]
    written = json.loads(month_json(month))
    assert (written["total"], written["corrections"]["import"]) == ("-1172.56", "-1.500")
    lines = list(month_lines(month))
    assert "m1              -1234.56      2879           38  3 estimated" in lines
    assert "Late and corrected readings of 5 customers together: import -1.500, export 0.020 kWh." in lines
    assert any(line.startswith("Customers with fewer periods than the 2880 of November 2026: 1.") for line in lines)
    assert "−1\u202f234.56" in month_page(month)


def test_missing_periods_are_not_hidden_by_corrections() -> None:
    """76 entries of late and corrected readings beside 2,804 periods, or nothing at all, are fewer than 2,880."""
    rows = [
        Row("meter/m1", 2880, (2804, 76, 0, 1)),
        Row("meter/m2", 2880, (2880, 0, 0, 2)),
        Row("meter/m3", 0, (0, 0, 0, 3)),
    ]
    month = supplier_month(
        "green", NOVEMBER, sheet(Content.AMOUNTS, rows, [(1,), (2,), (0,)], 1), None, SETTINGS, CALENDAR, 3
    )
    assert month.short == 2
    assert "m3" in month_csv(month)


def test_two_owners_of_a_meter_are_told_apart() -> None:
    rows = [
        Row("meter/m1", 900, (900, 0, 0, KEY)),
        Row("meter/m1", 1980, (1980, 0, 0, 255)),
        Row("meter/m2", 2880, (2880, 0, 0, 2)),
    ]
    month = supplier_month(
        "green", NOVEMBER, sheet(Content.AMOUNTS, rows, [(1,), (2,), (3,)], 1), None, SETTINGS, CALENDAR, 3
    )
    lines = list(month_lines(month))
    assert [line.split("key ")[1] for line in lines if line.startswith("m1")] == [
        "00000000000000ff",
        "ab00000000000001",
    ]
    assert not any("key" in line for line in lines if line.startswith("m2"))
    assert any(line.startswith("Meters with several amounts: 1.") for line in lines)
    assert "m1, key ab00000000000001" in month_page(month)


def test_there_are_no_volumes() -> None:
    """Nothing in kWh, in any format, but the corrections of a group; and none of these where they are not shown."""
    month = made(None)
    texts = [month_csv(month), month_json(month), month_page(month), "\n".join(month_lines(month))]
    assert not any("kwh" in text.lower() for text in texts)
    assert json.loads(texts[1])["corrections"] is None
    assert "of fewer than 5 customers" in texts[3]
    assert set(CustomerAmount.__dataclass_fields__) == {"meter", "cents", "periods", "corrections", "estimated", "key"}
    assert "123456" not in repr(month)


def test_names_are_never_html() -> None:
    sheet_of = sheet(Content.AMOUNTS, [Row('meter/<b onclick="x">&', 1, (1, 0, 0, 0))], [(1,)], 1)
    page = month_page(supplier_month("<i>", NOVEMBER, sheet_of, None, SETTINGS, CALENDAR, 3))
    assert "&lt;b onclick=&quot;x&quot;&gt;&amp;" in page
    assert "<b onclick" not in page
    assert "<i>" not in page


@pytest.mark.parametrize(
    ("amounts", "corrections", "reason"),
    [
        (sheet(Content.AMOUNTS, [Row("meter/m1", 1, (1, 0, 0, 0))], [(1, 2)], 2), None, "2 columns: 1 is expected"),
        (sheet(Content.AMOUNTS, [Row("meter/m1", 1)], [(1,)], 1), None, "0 facts: 4 are expected"),
        (AMOUNTS, sheet(Content.CORRECTIONS, [Row("supplier/g", 5)], [(1,)], 1), "not of one group"),
    ],
)
def test_sheets_that_are_none_are_refused(amounts, corrections, reason) -> None:
    with pytest.raises(StatementError, match=reason):
        supplier_month("green", NOVEMBER, amounts, corrections, SETTINGS, CALENDAR, 3)


def test_texts() -> None:
    assert [cents_text(cents) for cents in (0, 5, -5, 100, -12_345)] == ["0.00", "0.05", "-0.05", "1.00", "-123.45"]
    assert [number(text) for text in ("-1234567.80", "999", "1000")] == ["−1\u202f234\u202f567.80", "999", "1\u202f000"]
    assert month_title("2026-11") == "November 2026"
    assert month_title("2027-01-15T08:00:00Z") == "the billing period from 15 Jan 2027, 08:00 UTC"


def test_what_is_filled_in_is_not_a_template() -> None:
    assert fill("<p>{}</p>", "{0} <&> {}") == "<p>{0} &lt;&amp;&gt; {}</p>"
    assert fill("{}", fill("<b>{}</b>", "<")) == "<b>&lt;</b>"
