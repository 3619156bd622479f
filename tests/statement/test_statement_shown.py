"""The bill that docs/setting-up.md shows: what the program would print of what is traded and metered there."""

from mpc_market.rules.settlement import Line, Reading, estimate, settle
from mpc_market.rules.tariff import NO_TARIFF, Rates
from parties.files.market import MarketFile
from parties.settling.calendar import Calendar, Months
from parties.statement.bill import user_bill
from parties.statement.bill_output import bill_lines
from soak.parts.documents import shown_bill, shown_pattern
from tests.statement.bills import Booked, sheets

MONTHS = Months("UTC", 60)
CALENDAR = Calendar(30, MONTHS, 30_000, 60_000, 60_000)
MONTH, BEFORE = "2026-11-26T22:08:00Z", "2026-11-26T22:07:00Z"
SOLD: Booked = ("green", Line(Rates(3000, 500, 300), MONTH), 1500, settle(0, 1250, Reading(0, 1400)), None)
ESTIMATED: Booked = ("green", Line(NO_TARIFF, BEFORE, estimated=True), None, settle(0, 0, estimate(10_000)), None)


def printed(*booked: Booked) -> str:
    """What `meter bill` prints."""
    amounts, lines = sheets(booked, months=MONTHS)
    bill = user_bill("m17", MONTHS.read(MONTH), amounts, lines, MarketFile(id="market"), CALENDAR, 3)
    return "".join(f"{line}\n" for line in bill_lines(bill))


def test_the_document_shows_the_whole_bill_as_it_is_printed() -> None:
    assert shown_bill() == printed(SOLD, SOLD, ESTIMATED)


def test_the_soak_looks_for_the_whole_bill_with_and_without_what_was_estimated() -> None:
    """Of another minute too; not if a line is missing, or an amount is another."""
    pattern = shown_pattern()
    for whole in (printed(SOLD, SOLD), printed(SOLD, SOLD, ESTIMATED), printed(SOLD, SOLD, ESTIMATED, ESTIMATED)):
        later = whole.replace("26 Nov 2026, 22:08 UTC", "1 Jan 2027, 00:59 UTC")
        assert pattern.search(f"before\n{later}after\n")
        assert pattern.search(whole.replace("0.17 EUR", "0.18 EUR")) is None
        for line in whole.splitlines(keepends=True):
            if "stimated" not in line and "Drawn" not in line and "no tariff" not in line:
                assert pattern.search(whole.replace(line, "", 1)) is None, line
    assert pattern.search(printed(SOLD)) is None
