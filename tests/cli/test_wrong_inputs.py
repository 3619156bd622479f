"""Everything that can be wrong with a file of orders: exit code 2, the line, what would be right."""

import os
from pathlib import Path

import pytest

from tests.cli.standin import PlainParties, Run

HEADER = "order_id,side,price,quantity\n"
GOOD = "m1,sell,0.0835,1.250\n"


def rows(*lines: str) -> str:
    return HEADER + GOOD + "".join(line + "\n" for line in lines)


WRONG = {
    "zero bytes": (
        b"",
        ":1: the file is empty: the first line must name the columns order_id, side, price, quantity",
    ),
    "blank lines only": ("\n\r\n \n", ":1: the file is empty"),
    "byte order mark only": ("\ufeff", ":1: the file is empty"),
    "no header": (
        GOOD,
        ":1: no column order_id, side, price, quantity: the first line must name the columns",
    ),
    "missing column": ("order_id,side,price\n", ":1: no column quantity: the first line must name"),
    "upper case column": (
        "Order_ID,side,price,quantity\n",
        "exactly so; it names Order_ID, side, price, quantity",
    ),
    "blank in a column": ("order_id, side,price,quantity\n", ":1: no column side:"),
    "two byte order marks": ("\ufeff\ufeff" + HEADER, r"it names \ufefforder_id, side"),
    "doubled column": ("order_id,side,price,quantity,price\n", ":1: column 'price' is there twice"),
    "doubled other column": ("order_id,side,price,quantity,n,n\n", ":1: column 'n' is there twice"),
    "accepted_quantity": (
        "order_id,side,price,quantity,accepted_quantity\n",
        ":1: column accepted_quantity is there",
    ),
    "semicolons": (
        "order_id;side;price;quantity\nm1;sell;0,1;1\n",
        ":1: the fields are separated by semicolons: exp",
    ),
    "semicolons, all quoted": (
        '\n"order_id";"side";"price";"quantity"\n',
        ":2: the fields are separated by semico",
    ),
    "semicolons announced": (
        "sep=;\norder_id;side;price;quantity\n",
        ":1: the fields are separated by semicolons",
    ),
    "tabs": ("order_id\tside\tprice\tquantity\n", ":1: the fields are separated by tabs: export"),
    "semicolons in a row": (
        rows("m2;sell;0.1;1"),
        ":3: 1 field where the header has 4: separate fields by commas",
    ),
    "decimal commas": (
        rows("m2,sell,0,0835,1,250"),
        ":3: 6 fields where the header has 4: if these are decimal com",
    ),
    "quoted decimal comma": (rows('m2,sell,"0,0835",1'), ":3: price '0,0835' has a decimal comma: export"),
    "thousands": (rows('m2,sell,0.1,"1,000.5"'), ":3: quantity '1,000.5' is not a number of the form"),
    "too few fields": (rows("m2,sell,0.1"), ":3: 3 fields where the header has 4"),
    "too many fields": (rows("m2,sell,0.1,1,x"), ":3: 5 fields where the header has 4"),
    "empty cells": (rows(",,,"), ":3: the row holds no order: take it out"),
    "upper case side": (rows("m2,BUY,0.1,1"), ":3: side 'BUY' is neither buy nor sell"),
    "blank behind the side": (rows("m2,buy ,0.1,1"), ":3: side 'buy ' is neither buy nor sell"),
    "no side": (rows("m2,,0.1,1"), ":3: side '' is neither buy nor sell"),
    "off the grid": (rows("m2,buy,0.12345,1"), ":3: price 0.12345 is not a multiple of the tick 0.0001"),
    "above the grid": (
        rows("m2,buy,0.4096,1"),
        ":3: price 0.4096 is out of range: it must be from 0.0000 to 0.4095",
    ),
    "below the grid": (
        rows("m2,buy,-0.1,1"),
        ":3: price -0.1 is out of range: it must be from 0.0000 to 0.4095 EUR",
    ),
    "fraction of a lot": (
        rows("m2,buy,0.1,1.2505"),
        ":3: quantity 1.2505 is not a multiple of the lot 0.001",
    ),
    "too much": (
        rows("m2,buy,0.1,65.536"),
        ":3: quantity 65.536 is out of range: it must be from 0.000 to 65.535",
    ),
    "negative quantity": (
        rows("m2,buy,0.1,-1"),
        ":3: quantity -1 is out of range: it must be from 0.000 to 65.535",
    ),
    "nan": (
        rows("m2,buy,nan,1"),
        ":3: price 'nan' is not a number of the form -?digits[.digits], such as 0.2048",
    ),
    "infinite": (rows("m2,buy,0.1,inf"), ":3: quantity 'inf' is not a number"),
    "exponent": (rows("m2,buy,1e400,1"), ":3: price '1e400' is not a number"),
    "underscore": (rows("m2,buy,0.1,1_0"), ":3: quantity '1_0' is not a number"),
    "plus": (rows("m2,buy,+0.1,1"), ":3: price '+0.1' is not a number"),
    "no digit before the point": (rows("m2,buy,.1,1"), ":3: price '.1' is not a number"),
    "no digit behind the point": (rows("m2,buy,0.1,1."), ":3: quantity '1.' is not a number"),
    "trailing blank": (rows("m2,buy,0.1 ,1"), ":3: price '0.1 ' is not a number"),
    "full-width digits": (rows("m2,buy,０.１,1"), ":3: price '０.１' is not a number"),
    "currency sign": (rows("m2,buy,€0.1,1"), ":3: price '€0.1' is not a number"),
    "no price": (rows("m2,buy,,1"), ":3: price is empty: a number such as 0.2048 is expected"),
    "a megabyte of digits": (
        rows("m2,buy,0.1," + "7" * 10**6),
        ":3: quantity " + "7" * 40 + "… is out of range",
    ),
    "a megabyte of decimals": (
        rows("m2,buy,0." + "7" * 10**6 + ",1"),
        ":3: price 0." + "7" * 38 + "… is not a mult",
    ),
    "doubled id": (
        rows("m2,buy,0.1,1", "m1,buy,0.1,1"),
        ":4: order_id 'm1' is on line 2 too: every order needs its",
    ),
    "empty id": (rows(",buy,0.1,1"), ":3: order_id is empty: every order needs its own"),
    "quote not closed": (
        rows('"m2,buy,0.1,1', "m3,buy,0.1,1"),
        ":3: a quoted field begins here or below and is never",
    ),
    "stray quote": (rows('m"2,buy,0.1,1'), ":3: a quoted field begins here"),
    "stray quotes": (rows('m"2",buy,0.1,1'), ":3: a stray quote or carriage return"),
    "physical lines": (rows('"m\n\n2",buy,0.1,1', "", "m3,bid,0.1,1"), ":7: side 'bid' is neither"),
    "old Macintosh": (
        (HEADER + GOOD).replace("\n", "\r"),
        ":1: a carriage return within the line: end lines with",
    ),
    "not UTF-8": (
        rows("m2,buy,0.1,1").encode() + b"M\xfcller,buy,0.1,1\n",
        ":4: byte 0xfc is not UTF-8: save it as",
    ),
    "cut-off UTF-8": (rows().encode() + b"m\xc3", ":3: byte 0xc3 is not UTF-8"),
    "UTF-16": (rows().encode("utf-16"), ":1: the file is UTF-16: save it as UTF-8"),
    "NUL": (rows("m2,buy,0.1,1\0"), ":3: a NUL byte: this is not a text file, or not UTF-8"),
    "NUL in the header": ("\0" + HEADER, ":1: a NUL byte"),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", WRONG)
def test_wrong_orders(run: Run, parties: type[PlainParties], name: str) -> None:
    content, message = WRONG[name]
    Path("orders.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    checked = run("check", "orders.csv")
    cleared = run("clear", "orders.csv", "--out", "result.csv", "--json", "summary.json")
    assert checked == cleared
    assert (cleared.code, cleared.out) == (2, "")
    (line,) = cleared.err.splitlines()
    assert line.startswith("orders.csv:")
    assert message in line
    assert len(line) < 400
    assert parties.calls == 0
    assert os.listdir() == ["orders.csv"]


def test_every_problem_of_a_row_is_told(run: Run) -> None:
    ended = run("check", "-", stdin=rows("m1,bid,x,y").encode())
    assert [line.split(" ")[1] for line in ended.err.splitlines()] == [
        "order_id",
        "side",
        "price",
        "quantity",
    ]


def test_a_row_of_decimal_commas_beside_another_mistake_is_not_guessed_at(run: Run) -> None:
    ended = run("check", "-", stdin=rows("m2,sell,note,0.1,1").encode())
    assert "decimal commas" not in ended.err


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.csv", "missing.csv: no such file"),
        (".", ".: is a directory, not a file"),
        ("x" * 300, "x: cannot be read: File name too long"),
        ("\x1b[2J.csv", r"\x1b[2J.csv: no such file"),
    ],
)
def test_files_that_cannot_be_read(run: Run, parties: type[PlainParties], path: str, message: str) -> None:
    for arguments in ((path,), ("-", "--market", path)):
        ended = run("clear", *arguments, stdin=rows().encode())
        assert ended.code == 2
        assert ended.err.endswith(message + "\n")
    assert parties.calls == 0


def test_a_wrong_market_file(run: Run, parties: type[PlainParties]) -> None:
    Path("market.toml").write_text("[market]\nprice_tik = 1\nlot = 0\n")
    for command in ("clear", "check"):
        ended = run(command, "-", "--market", "market.toml", stdin=rows().encode())
        assert ended.code == 2
        assert [line.split(" ")[0] for line in ended.err.splitlines()] == ["market.toml:2:", "market.toml:3:"]
    assert parties.calls == 0
