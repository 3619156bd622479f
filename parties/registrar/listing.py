"""The roll for people: a table for the screen, and CSV that `enrol --csv` reads back."""

from collections.abc import Iterator

from mpc_market.wire.roll import Roll
from parties.files.market import MarketFile
from parties.files.problems import printable
from parties.registrar.meters import COLUMNS

_HEAD = ("meter", "supplier", "region", "maximum kWh")


def meters_table(roll: Roll, market: MarketFile) -> Iterator[str]:
    """One line for each meter, in columns."""
    rows = [_HEAD] + [
        (printable(entry.meter, 64), printable(entry.supplier, 64), printable(entry.region, 64),
         market.quantity_text(entry.maximum))
        for entry in roll.entries
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    for meter, supplier, region, maximum in rows:
        left = (text.ljust(width) for text, width in zip((meter, supplier, region), widths, strict=False))
        yield "  ".join((*left, maximum.rjust(widths[-1])))


def meters_csv(roll: Roll, market: MarketFile) -> Iterator[str]:
    """The lines of a CSV file with everything that is known of each meter."""
    yield ",".join(COLUMNS) + "\n"
    for entry in roll.entries:
        keys = (entry.identity_key.hex(), entry.sealing_key.hex())
        row = (entry.meter, *keys, entry.supplier, entry.region, market.quantity_text(entry.maximum))
        yield ",".join(map(_field, row)) + "\n"


def _field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"') else text
