"""What is out of the ordinary in a month, in words."""

from collections.abc import Iterator

from parties.statement.bill import UserBill
from parties.statement.month import SupplierMonth
from parties.statement.texts import month_title


def notes_of_month(month: SupplierMonth) -> Iterator[str]:
    """For a supplier: periods that are missing, estimated or corrected."""
    if month.short:
        periods = f"the {month.periods} of {month_title(month.month)}"
        yield (
            f"Customers with fewer periods than {periods}: {month.short}. Readings were not there in time, or "
            "settlements are void, which the next month's amounts make good; or the customer came or left. Corrections "
            "are periods of the month before that were corrected, late or estimated: they are in the amount, and make "
            "up for no period of this month."
        )
    if month.shared:
        yield (
            f"Meters with several amounts: {len(month.shared)}. Their owner, or the owner's key, has changed: each "
            "amount is of the key that the registrar's list shows with these digits at its beginning."
        )
    yield corrections_text(month)


def corrections_text(month: SupplierMonth) -> str:
    """The totals of corrections, or that there are none."""
    found, least = month.corrections, month.settings.minimum_group
    if found is None:
        return f"Late and corrected readings: none, or of fewer than {least} customers, whose totals are not shown."
    imported, exported = (month.settings.quantity_text(lots) for lots in (found.imported, found.exported))
    return f"Late and corrected readings of {found.users} customers together: import {imported}, export {exported} kWh."


def notes_of(bill: UserBill) -> Iterator[str]:
    """For a user: periods that are missing, estimated or corrected."""
    if bill.missing:
        yield (
            f"{bill.missing} of the {bill.periods} periods of {month_title(bill.month)} are not on this statement: no "
            "reading was there in time, or their settlement is void, or the meter did not take part. Late readings, "
            "and estimates of what is missing, are on the next statement."
        )
    if not bill.tariffs_published:
        yield (
            "For some periods no tariff was published: only local trade is billed, at the clearing price. The supplier "
            "is owed nothing for what it delivered in them."
        )
    estimated = sum(part.estimated for part in bill.parts)
    if estimated:
        yield (
            f"Estimated periods on this statement: {estimated}. No reading came by the last deadline, so import at the "
            "enrolled maximum and no export stand in its place: withholding a reading never pays."
        )
    if any(line.month != bill.month and not line.estimated for part in bill.parts for line in part.entries):
        yield (
            "Late and corrected readings of earlier months are on this statement, a corrected one with the difference "
            "to what was booked before. Earlier statements stay as they are."
        )
