"""What is out of the ordinary in a user's month, in words."""

from collections.abc import Iterator

from parties.statement.bill import UserBill
from parties.statement.texts import month_title


def notes_of(bill: UserBill) -> Iterator[str]:
    """Periods that are missing, estimated or corrected."""
    if bill.missing:
        yield (
            f"{bill.missing} of the {bill.periods} periods of {month_title(bill.month)} are not on this statement: no "
            "reading was there in time, or their settlement is void, or the supplier had published no tariff, or the "
            "meter did not take part yet. Late readings, and estimates of what is missing, are on the next statement."
        )
    estimated = sum(part.estimated for part in bill.parts)
    if estimated:
        yield (
            f"{estimated} of the periods of this statement are estimated, since no reading came by the last deadline: "
            "import at the enrolled maximum, no export. So withholding a reading never pays."
        )
    if any(line.month != bill.month and not line.estimated for part in bill.parts for line in part.entries):
        yield (
            "Late and corrected readings of earlier months are on this statement, a corrected one with the difference "
            "to what was booked before. Earlier statements stay as they are."
        )
