"""The roll for people: tables for the screen, and CSV that `enrol --csv` reads back."""

from collections.abc import Iterator, Sequence

from mpc_market.wire.roll import Roll
from parties.files.market import MarketFile
from parties.files.problems import printable
from parties.registrar.meters import COLUMNS

_METERS = ("meter", "supplier", "region", "maximum kWh")
_OPERATORS = ("operator", "region", "area", "identity key")


def meters_table(roll: Roll, market: MarketFile) -> Iterator[str]:
    """One line for each meter, in columns."""
    rows = [(e.meter, e.supplier, e.region, market.quantity_text(e.maximum)) for e in roll.entries]
    return _columns([_METERS, *rows], numbers=1)


def operators_table(roll: Roll) -> Iterator[str]:
    """One line for each DSO and TSO, in columns; nothing if there is none."""
    rows = [("DSO", e.region, e.area, e.identity_key.hex()) for e in roll.regions]
    rows += [("TSO", "", e.area, e.identity_key.hex()) for e in roll.areas]
    return _columns([_OPERATORS, *rows] if rows else [])


def _columns(rows: Sequence[Sequence[str]], numbers: int = 0) -> Iterator[str]:
    """`numbers`: how many of the last columns are to stand at the right."""
    shown = [[printable(text, 64) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        for k in range(len(row) - numbers, len(row)):
            cells[k] = row[k].rjust(widths[k])
        yield "  ".join(cells).rstrip()


def meters_csv(roll: Roll, market: MarketFile) -> Iterator[str]:
    """The lines of a CSV file with everything that is known of each meter."""
    yield ",".join(COLUMNS) + "\n"
    for entry in roll.entries:
        keys = (entry.identity_key.hex(), entry.sealing_key.hex())
        row = (entry.meter, *keys, entry.supplier, entry.region, market.quantity_text(entry.maximum))
        yield ",".join(map(_field, row)) + "\n"


def _field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"') else text
