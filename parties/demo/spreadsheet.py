"""The day as CSV, one row per quarter-hour, with every digit."""

import csv
import io
from collections.abc import Sequence

from parties.demo import tariffs
from parties.demo.calendar import local
from parties.demo.day import QuarterHour

COLUMNS = (
    "period_start_utc",
    "local_time",
    "orders",
    "offered_kwh",
    "wanted_kwh",
    "clearing_price_eur_per_kwh",
    "traded_kwh",
    "sellers_gained_eur",
    "buyers_saved_eur",
)


def day_csv(quarters: Sequence[QuarterHour]) -> bytes:
    """The day in UTF-8 with commas and LF. Where nothing was traded the price is empty, not 0."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for quarter in quarters:
        writer.writerow(
            (
                f"{quarter.start:%Y-%m-%dT%H:%M:%SZ}",
                local(quarter.start).isoformat(timespec="minutes"),
                quarter.orders,
                tariffs.quantity_text(quarter.offered),
                tariffs.quantity_text(quarter.wanted),
                "" if quarter.price is None else tariffs.price_text(quarter.price),
                tariffs.quantity_text(quarter.traded),
                tariffs.euros_exact(quarter.sellers_gain),
                tariffs.euros_exact(quarter.buyers_saving),
            )
        )
    return text.getvalue().encode()
