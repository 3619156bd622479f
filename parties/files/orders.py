"""Reading a book of orders from CSV: `order_id,side,price,quantity`, other columns kept as they are."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from mpc_market.errors import BookTooLargeError, InvalidOrderError
from mpc_market.rules.model import Order, Side
from parties.files.market import MarketFile
from parties.files.problems import Problems, printable
from parties.files.records import records
from parties.files.source import BOM, display_name, read_text

COLUMNS = ("order_id", "side", "price", "quantity")
ACCEPTED = "accepted_quantity"

_HEADER = f"the first line must name the columns {', '.join(COLUMNS)}"
_SIDES = {side.value: side for side in Side}


@dataclass(frozen=True)
class Book:
    """A file of orders: the orders, and the text of their records, both in the sequence of the file.

    `header` (with a byte order mark if there was one) and `rows` are verbatim, without their line ends.
    """

    name: str
    header: str
    rows: list[str]
    orders: list[Order]
    newline: str


def read_orders(path: str, market: MarketFile, problems: Problems) -> Book | None:
    """Read the orders of one round; `-` is standard input. None if there is any problem with them."""
    name, before = display_name(path), problems.count
    text = read_text(path, problems, stdin=True)
    if text is None:
        return None
    mark = BOM if text.startswith(BOM) else ""
    text = text.removeprefix(BOM)
    _check_separator(name, text, problems)
    newline = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
    rows = records(text, name, problems)
    del text  # a million rows are held once, as rows
    if problems.count > before:
        return None
    line, header, columns = next(rows, (1, "", []))
    if problems.count == before:
        _check_header(f"{name}:{line}", columns, problems)
    if problems.count > before:
        return None
    reader = _Reader(name, columns, market, problems)
    book = Book(name, mark + header, [], [], newline)
    for line, row, fields in rows:
        order = reader.order(line, row, fields)
        if order is not None:
            book.rows.append(row)
            book.orders.append(order)
    try:
        market.rules.check_size(len(book.orders))
    except BookTooLargeError as error:
        problems.add(name, str(error))
    return book if problems.count == before else None


def _check_separator(name: str, text: str, problems: Problems) -> None:
    """Recognise what a spreadsheet writes where the decimal sign is a comma."""
    body = text.lstrip()
    header = body.partition("\n")[0]
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if separator in header and "," not in header:
            line = text.count("\n", 0, len(text) - len(body)) + 1
            problems.add(
                f"{name}:{line}",
                f"the fields are separated by {word}: export the file with commas between fields and decimal "
                "points in numbers (LibreOffice: Save As, Edit filter settings, field delimiter ','; Excel: "
                "set the list separator to ',' and the decimal separator to '.', then save as CSV UTF-8)",
            )
            return


def _check_header(where: str, columns: list[str], problems: Problems) -> None:
    if not columns:
        problems.add(where, f"the file is empty: {_HEADER}")
        return
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        found = printable(", ".join(columns), 200)
        problems.add(where, f"no column {', '.join(missing)}: {_HEADER}, exactly so; it names {found}")
    for column in dict.fromkeys(columns):
        if column and columns.count(column) > 1:
            problems.add(where, f"column '{printable(column)}' is there twice: every name once")
    if ACCEPTED in columns:
        problems.add(where, f"column {ACCEPTED} is there already: take it out, clearing adds it")


class _Reader:
    """Turns rows into orders, noting everything that is wrong with each."""

    def __init__(self, name: str, columns: list[str], market: MarketFile, problems: Problems) -> None:
        self.name = name
        self.width = len(columns)
        self.places = [columns.index(column) for column in COLUMNS]
        self.pick = itemgetter(*self.places)
        # The same few thousand prices and quantities come again and again in a large book.
        self.ticks_of = lru_cache(maxsize=2**16)(market.ticks)
        self.lots_of = lru_cache(maxsize=2**16)(market.lots)
        self.problems = problems
        self.lines: dict[str, int] = {}  # where each order_id was first used

    def order(self, line: int, row: str, fields: list[str]) -> Order | None:
        if len(fields) != self.width:
            self._problem(line, self._ragged(row, fields))
            return None
        order_id, side_text, price_text, quantity_text = self.pick(fields)
        if not (order_id or side_text or price_text or quantity_text):
            self._problem(line, "the row holds no order: take it out")
            return None
        first = self.lines.setdefault(order_id, line)
        if not order_id:
            self._problem(line, "order_id is empty: every order needs its own")
        elif first != line:
            self._problem(
                line,
                f"order_id '{printable(order_id)}' is on line {first} too: every order needs its own",
            )
        side = _SIDES.get(side_text)
        if side is None:
            self._problem(line, f"side '{printable(side_text)}' is neither buy nor sell")
        price = self._index(self.ticks_of, line, price_text)
        quantity = self._index(self.lots_of, line, quantity_text)
        if side is None or price is None or quantity is None:
            return None
        return Order(order_id, side, price, quantity)

    def _index(self, convert: Callable[[str], int], line: int, text: str) -> int | None:
        try:
            return convert(text)
        except InvalidOrderError as error:
            self._problem(line, str(error))
            return None

    def _problem(self, line: int, message: str) -> None:
        self.problems.add(f"{self.name}:{line}", message)

    def _ragged(self, row: str, fields: list[str]) -> str:
        message = f"{len(fields)} field{'s' if len(fields) > 1 else ''} where the header has {self.width}"
        if len(fields) == 1 and ";" in row:
            return f"{message}: separate fields by commas, not by semicolons"
        if self.width < len(fields) <= self.width + 2 and self._decimal_commas(fields):
            return f"{message}: if these are decimal commas, export numbers with decimal points"
        return message

    def _decimal_commas(self, fields: list[str]) -> bool:
        """Whether a number seems to go on in the field after its own."""
        for place in self.places[2:]:
            pair = fields[place : place + 2]
            if len(pair) == 2 and all(part.isascii() and part.removeprefix("-").isdigit() for part in pair):
                return True
        return False
