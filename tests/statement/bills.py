"""Bills for tests of statements: sheets as a user receives them, made from bookings by the rule."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from decimal import Decimal

from mpc_market.rules.settlement import Account, Booking, Entry, Line, bill
from mpc_market.rules.tariff import Rates
from mpc_market.wire.claim import Claimant
from mpc_market.wire.sheet import AMOUNT_COLUMNS, BILL_COLUMNS, Content, ReceivedSheet, Row, Title
from parties.files.market import MarketFile
from parties.settling.calendar import Calendar, Months
from parties.statement.bill import UserBill, user_bill

SETTINGS = MarketFile(id="oak-street", price_min=Decimal("-0.1"))
DAY_MS = 86_400_000
CALENDAR = Calendar(900, Months("Europe/Brussels"), DAY_MS, 10 * DAY_MS, 2 * DAY_MS)
NOVEMBER = CALENDAR.months.read("2026-11")
RATES = Rates(retail=2000, feed_in=400, fee=300)
"""Of the published table: 0.20, 0.04 and 0.03 per kWh."""

Booked = tuple[str, Line, int | None, Entry, Entry | None]
"""Supplier, line, price, entry, what it replaces."""


def sheet(content: Content, rows: Sequence[Row], values: Iterable[tuple[int, ...]], columns: int) -> ReceivedSheet:
    return ReceivedSheet(Title(Claimant.METER, "m1", content, 0, columns, tuple(rows)), True, tuple(values))


def sheets(
    booked: Sequence[Booked], added: int = 0, months: Months = CALENDAR.months
) -> tuple[ReceivedSheet, ReceivedSheet]:
    """Amounts and lines. `added`: cents that the parties have put on every amount."""
    bills = bill(Booking(Account("m1", supplier), *each) for supplier, *each in booked)
    amounts = [
        (Row(f"supplier/{account.supplier}", 1, (1, 0, 0, 0)), (each.due(SETTINGS.scale.cents) + added,))
        for account, each in bills.items()
    ]
    lines = [
        (
            Row(f"supplier/{account.supplier}", _entries(booked, account.supplier, line), _facts(line, months)),
            astuple(volumes),
        )
        for account, each in bills.items()
        for line, volumes in each.lines.items()
    ]
    return (
        sheet(Content.AMOUNTS, *zip(*amounts, strict=True), len(AMOUNT_COLUMNS)),
        sheet(Content.BILL, *zip(*lines, strict=True), len(BILL_COLUMNS)),
    )


def user(*booked: Booked, meter: str = "m1") -> UserBill:
    return user_bill(meter, NOVEMBER, *sheets(booked), SETTINGS, CALENDAR, 3)


def _entries(booked: Sequence[Booked], supplier: str, line: Line) -> int:
    return sum(1 + (each[4] is not None) for each in booked if each[:2] == (supplier, line))


def _facts(line: Line, months: Months) -> tuple[int, ...]:
    return *line.rates.facts, months.read(line.month), int(line.estimated)
