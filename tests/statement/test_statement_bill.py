"""A user's bill for people: the published table to the cent, all formats alike, nothing of a name ends up as HTML."""

import csv
import html
import io
import json
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.rules.settlement import Account, Booking, Line, Reading, bill, estimate, settle
from mpc_market.rules.statement import statement
from mpc_market.rules.tariff import NO_TARIFF, Rates
from mpc_market.wire.sheet import Content, Row
from parties.statement.bill import user_bill
from parties.statement.bill_output import bill_csv, bill_json, bill_lines
from parties.statement.bill_page import bill_page
from parties.statement.errors import StatementError
from parties.statement.texts import FORMULA, ROUNDING, cents_text
from tests.statement.bills import CALENDAR, NOVEMBER, RATES, SETTINGS, Booked, sheet, sheets, user

OWN = Line(RATES, "2026-11")
SELLER: Booked = ("green", OWN, 1100, settle(0, 2000, Reading(0, 2000)), None)
BUYER: Booked = ("green", OWN, 1100, settle(2000, 0, Reading(4000, 0)), None)


def texts_of(page: str) -> str:
    """What is read of a page."""
    body = page[page.index("<body>") :]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_the_published_table_for_the_seller() -> None:
    made = user(SELLER)
    text = texts_of(bill_page(made))
    assert "You receive from green 0.16 EUR" in text
    assert "Sold on the local market, at the clearing price 2.000 on average 0.1100 −0.22" in text
    assert "Network fee on what was sold 2.000 0.0300 0.06" in text
    assert "Amount due to you −0.16" in text
    assert "All that you exported, at feed-in prices 2.000 −0.08" in text
    assert "You receive without it 0.08 You receive with it 0.16" in text
    assert "Saved by it 0.08" in text
    assert "Bought on the local market" not in text


def test_without_a_tariff_only_local_trade_is_on_the_statement_and_it_says_so() -> None:
    """A seller is paid p·sold, a buyer pays p·bought; what the supplier delivered costs nothing. Zeros are a tariff."""
    none, free = Line(NO_TARIFF, "2026-11"), Line(Rates(0, 0, 0), "2026-11")
    for booked, due in ((SELLER, -22), (BUYER, 22)):
        made = user(("green", none, *booked[2:]), booked)
        assert (made.due, made.without_market) == (user(booked).due + due, user(booked).without_market + due)
        for text in (texts_of(bill_page(made)), "\n".join(bill_lines(made))):
            assert "no tariff was published: only local trade is billed" in text
            assert "For some periods no tariff was published" in text
        lines = json.loads(bill_json(made))["suppliers"][0]["lines"]
        assert sorted(line["retail"] or "" for line in lines) == ["", "0.2000"]
        assert "no tariff" not in texts_of(bill_page(user(("green", free, *booked[2:]))))


def test_the_published_table_for_the_buyer() -> None:
    made = user(BUYER)
    text = texts_of(bill_page(made))
    assert "You pay green 0.62 EUR" in text
    assert "Bought on the local market, at the clearing price 2.000 on average 0.1100 0.22" in text
    assert "Drawn beyond that, from the supplier 2.000 0.2000 0.40" in text
    assert "All that you imported, at retail prices 4.000 0.80" in text
    assert "Saved by it 0.18" in text
    rows = list(csv.DictReader(io.StringIO(bill_csv(made))))
    assert [(row["item"], row["amount"]) for row in rows if row["amount"] != "0.00"] == [
        ("local purchases", "0.22"), ("residual import", "0.40"), ("amount due", "0.62"),
        ("imported in sum, at retail prices", "0.80"), ("without the local market", "0.80"),
        ("saved by the local market", "0.18"),
    ]  # fmt: skip
    assert any(line.split()[-2:] == ["0.62", "EUR"] for line in bill_lines(made))


def test_without_trade_the_saving_is_by_netting_and_nothing_is_beyond_it() -> None:
    made = user(("green", Line(RATES, "2026-11"), None, settle(0, 0, Reading(100, 1100)), None))
    page, screen = texts_of(bill_page(made)), "\n".join(bill_lines(made))
    for text in (page, screen):
        assert "even without any trade" in text
        assert "Fed in, to the supplier" in text
        assert "beyond that, to" not in text
    figures = [line.split() for line in screen.splitlines()]
    assert ["Imported", "in", "sum", "0.100", "kWh"] in figures
    assert ["Exported", "in", "sum", "1.100", "kWh"] in figures
    told = json.loads(bill_json(made))
    assert (told["imported"], told["exported"]) == ("0.100", "1.100")


def test_the_rule_is_printed_in_words_and_as_a_formula() -> None:
    text = texts_of(bill_page(user(BUYER)))
    assert all(formula in text for formula in FORMULA)
    assert ROUNDING in text
    assert "2879 of the 2880 periods of November 2026 are not on this statement" in text
    assert "3 compute parties" in text


def test_estimates_and_corrections_are_told() -> None:
    october = Line(RATES, "2026-10")
    late: Booked = ("green", october, 1100, settle(2000, 0, Reading(3000, 0)), settle(2000, 0, Reading(4000, 0)))
    never: Booked = ("green", Line(RATES, "2026-10", estimated=True), None, settle(0, 0, estimate(5000)), None)
    text = texts_of(bill_page(user(never, late, BUYER)))
    titles = (
        "November 2026 1 period;",
        "October 2026: late and corrected readings 2 bookings;",
        "October 2026: estimated no readings by the last deadline 1 period;",
    )
    order = [text.index(title) for title in titles]
    assert order == sorted(order)
    assert "Estimated periods on this statement: 1." in text
    assert "a corrected one with the difference to what was booked before" in text
    assert "Drawn, from the supplier −1.000 0.2000 −0.20" in text


def test_the_difference_by_rounding_is_a_line() -> None:
    cheap = Line(Rates(400, 0, 0), "2026-11")
    dear = Line(Rates(401, 0, 0), "2026-11")
    made = user(*(("green", line, None, settle(0, 0, Reading(100, 0)), None) for line in (cheap, dear)))
    assert [part.statement.rounding for part in made.parts] == [1]
    assert "Sum of these lines 0.00 Difference by rounding 0.01 Amount due 0.01" in texts_of(bill_page(made))


def test_an_amount_that_is_not_the_total_of_its_lines_is_refused() -> None:
    with pytest.raises(StatementError, match="is not what its lines come to"):
        user_bill("m1", NOVEMBER, *sheets([BUYER], added=1), SETTINGS, CALENDAR, 3)


def test_sheets_that_do_not_belong_together_are_refused() -> None:
    amounts, lines = sheets([BUYER])
    other, _ = sheets([("blue", *BUYER[1:])])
    with pytest.raises(StatementError, match="not of the same suppliers"):
        user_bill("m1", NOVEMBER, other, lines, SETTINGS, CALENDAR, 3)
    with pytest.raises(StatementError, match="columns"):
        user_bill("m1", NOVEMBER, amounts, amounts, SETTINGS, CALENDAR, 3)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ((1, 2, 3), "3 facts: 5 or 2 are expected"),
        ((1, 2), "of a later month, or of none"),
        ((2000, 400, 300, CALENDAR.months.read("2026-12"), 0), "of a later month, or of none"),
        ((2000, 400, 300, NOVEMBER + 900, 0), "of a later month, or of none"),
        ((2000, 400, 300, NOVEMBER - 900, 0), "of a later month, or of none"),
        ((2000, 400, 300, -(2**62), 0), "of a later month, or of none"),
        ((2000, 400, 300, 2**62, 0), "of a later month, or of none"),
        ((2000, 400, 300, NOVEMBER, 2), "of a later month, or of none"),
        ((2**40, 400, 300, NOVEMBER, 0), "a retail price of 1099511627776 ticks"),
        ((2000, 400, -1, NOVEMBER, 0), "a network fee of -1 ticks"),
    ],
)
def test_lines_that_cannot_be_are_refused(facts: tuple[int, ...], reason: str) -> None:
    """Whatever all parties together sign: a message, and no traceback."""
    amounts, _ = sheets([BUYER])
    lines = sheet(Content.BILL, [Row("supplier/green", 1, facts)], [(0,) * 7], 7)
    with pytest.raises(StatementError, match=reason):
        user_bill("m1", NOVEMBER, amounts, lines, SETTINGS, CALENDAR, 3)


HOSTILE = ['<script>alert("1")<', "a&b;'\"><img src=x onerror=1>", "{}{0}{x}", "=HYPERLINK(1)", "--><svg onload=1>"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_never_html(name: str) -> None:
    """Ids hold no slash, but all else that HTML is made of."""
    hostile = name.replace("/", "")
    made = user((hostile, *BUYER[1:]), meter=hostile)
    page = bill_page(made)
    assert page.count("<") == bill_page(user(("x", *BUYER[1:]), meter="x")).count("<")
    assert hostile in texts_of(page)
    assert json.loads(bill_json(made))["meter"] == hostile


def test_a_page_needs_nothing_from_elsewhere() -> None:
    page = bill_page(user(BUYER))
    assert "default-src 'none'" in page
    assert not re.search(r"(?i)https?:|src=|url\(|@import|<script|<link|javascript:", page)
    assert '<html lang="en">' in page
    assert re.findall(r"<h1>", page) == ["<h1>"]


LOTS = st.integers(0, 2**16 - 1)
ENTRIES = st.builds(lambda b, s, i, e: settle(b, s, Reading(i, e)), LOTS, LOTS, LOTS, LOTS)
LINES = st.builds(
    Line,
    st.builds(Rates, st.integers(-1000, 3095), st.integers(-1000, 3095), st.integers(0, 400)),
    st.sampled_from(["2026-10", "2026-11"]),
    st.booleans(),
)
BOOKED = st.lists(
    st.tuples(
        st.sampled_from(["green", "blue"]), LINES, st.none() | st.integers(-1000, 3095), ENTRIES, st.none() | ENTRIES
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(BOOKED)
def test_what_is_printed_agrees_with_the_rule(booked: list[Booked]) -> None:
    """Lines, amount due and saving, in every format, of any month."""
    made, written = user(*booked), json.loads(bill_json(user(*booked)))
    bills = bill(Booking(Account("m1", supplier), *each) for supplier, *each in booked)
    cents = SETTINGS.scale.cents
    for part in written["suppliers"]:
        rule = bills[Account("m1", part["supplier"])]
        assert part["due"] == cents_text(rule.due(cents))
        items = [Decimal(item["amount"]) for line in part["lines"] for item in line["items"]]
        assert sum(items) + Decimal(part["rounding"]) == Decimal(part["due"])
        charges = [charge for each in statement(rule, cents).charges.values() for charge in each]
        assert sorted(items) == sorted(Decimal(charge.cents) / 100 for charge in charges)
    assert Decimal(written["saved"]) == sum(Decimal(each.saved(cents)) / 100 for each in bills.values())
    assert Decimal(written["without_market"]) - Decimal(written["due"]) == Decimal(written["saved"])
    rows = list(csv.DictReader(io.StringIO(bill_csv(made))))
    assert [row["amount"] for row in rows if row["item"] == "amount due"] == [
        part["due"] for part in written["suppliers"]
    ]
    page = bill_page(made)
    assert all(
        f"<strong>{cents_text(abs(p.statement.due))} EUR</strong>" in page.replace("\u202f", "") for p in made.parts
    )
    assert list(bill_lines(made))
