"""`mpc-market clear` and `check`, apart from the compute parties themselves."""

import json
import os
import re
from pathlib import Path

import pytest

from mpc_market import __version__
from mpc_market.errors import PeerError, ProtocolError
from mpc_market.secure.clearing import Method
from tests.cli.standin import PlainParties, Run

BOOK = "order_id,side,price,quantity\nm17,sell,0.0835,1.250\nm18,buy,0.12,0.9\n"
SEED = "00ff" * 16


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_version_and_usage(run: Run) -> None:
    assert run("--version").out == f"mpc-market {__version__}\n"
    for wrong in (
        (),
        ("clear",),
        ("clear", "a", "b"),
        ("clear", "a", "--parties", "4"),
        ("clear", "a", "--method", "guess"),
        ("clear", "a", "--x"),
        ("x",),
    ):
        assert run(*wrong).code == 2


def test_result_and_summary(run: Run, parties: type[PlainParties]) -> None:
    Path("orders.csv").write_text(BOOK)
    ended = run("clear", "orders.csv", "--out", "result.csv", "--json", "summary.json", "--seed", SEED.upper())
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "clearing price 0.0835 EUR/kWh, traded 0.900 kWh (2 orders, pro-rata)",
        "computed by 3 compute parties on secret shares: 132 communication rounds, 0.25 s (0.25 s with start-up)",
        f"seed {SEED}",
    ]
    assert Path("result.csv").read_text() == (
        "order_id,side,price,quantity,accepted_quantity\nm17,sell,0.0835,1.250,0.900\nm18,buy,0.12,0.9,0.900\n"
    )
    assert Path("result.csv").stat().st_mode & 0o777 == 0o600, "everybody's orders are in it"
    assert json.loads(Path("summary.json").read_text()) == {
        "clearing_price": "0.0835",
        "traded_quantity": "0.900",
        "currency": "EUR",
        "rationing": "pro-rata",
        "seed": SEED,
        "orders": 2,
        "parties": 3,
        "threshold": 1,
        "communication_rounds": 132,
        "bytes_sent": [100, 100, 100],
        "seconds": {
            "start": 0.25,
            "input": 0.25,
            "prepare": 0.25,
            "compute": 0.25,
            "total": 0.25,
            "cpu_seconds": [0.5, 0.5, 0.5],
        },
        "version": __version__,
    }
    assert sorted(os.listdir()) == ["orders.csv", "result.csv", "summary.json"]


def test_everything_else_in_the_file_is_kept_to_the_byte(run: Run, parties: type[PlainParties]) -> None:
    content = (
        '\ufeffnote,quantity,side,"order_id",price,\r\n'
        '"a ""b"",\r\nc",1.5,buy,x é,0.2,\r\n\r\n\t\r\n=1+1,00.25,sell," ,",-0.0, z\r\n'
    )
    Path("orders.csv").write_bytes(content.encode())
    assert run("clear", "orders.csv", "--out", "result.csv").code == 0
    expected = content.replace("\r\n\r\n\t\r\n", "\r\n")
    expected = expected.replace("price,\r\n", "price,,accepted_quantity\r\n").replace("0.2,\r\n", "0.2,,0.250\r\n")
    assert Path("result.csv").read_bytes().decode() == expected.replace(" z\r\n", " z,0.250\r\n")


def test_standard_input_and_the_last_line_without_an_end(run: Run, parties: type[PlainParties]) -> None:
    ended = run("clear", "-", "--out", "result.csv", stdin=BOOK.rstrip("\n").encode())
    assert ended.code == 0
    assert Path("result.csv").read_text().endswith("m18,buy,0.12,0.9,0.900\n")
    ended = run("check", "-", stdin=BOOK.encode())
    assert (ended.code, ended.out) == (0, "<stdin>: 1 buy and 1 sell orders, nothing to refuse\n")
    ended = run("check", "-", stdin=BOOK.replace("buy", "bid").encode())
    assert (ended.code, ended.err) == (2, "<stdin>:3: side 'bid' is neither buy nor sell\n")


def test_a_header_alone_clears_to_no_trade(run: Run, parties: type[PlainParties]) -> None:
    ended = run("clear", "-", "--out", "r.csv", "--json", "s.json", stdin=b"order_id,side,price,quantity")
    assert ended.code == 0
    assert ended.out.startswith("no trade, hence no clearing price (0 orders, pro-rata)\n")
    assert Path("r.csv").read_text() == "order_id,side,price,quantity,accepted_quantity\n"
    summary = json.loads(Path("s.json").read_text())
    assert (summary["clearing_price"], summary["traded_quantity"], summary["orders"]) == (None, "0.000", 0)


def test_option_before_file_before_default(run: Run, parties: type[PlainParties]) -> None:
    Path("orders.csv").write_text(BOOK)
    Path("market.toml").write_text(
        '[market]\nrationing = "lottery"\ncurrency = "GBP"\nprice_min = "-0.1"\nprice_tick = "0.00010"\n'
    )
    for options, rationing in ((), "pro-rata"), (("--market", "market.toml"), "lottery"):
        assert run("clear", "orders.csv", *options, "--json", "s.json").code == 0
        assert json.loads(Path("s.json").read_text())["rationing"] == rationing
    ended = run("clear", "orders.csv", "--market", "market.toml", "--rationing", "pro-rata", "--json", "s.json")
    summary = json.loads(Path("s.json").read_text())
    assert (summary["rationing"], summary["currency"], summary["clearing_price"]) == (
        "pro-rata",
        "GBP",
        "0.08350",
    )
    assert "clearing price 0.08350 GBP/kWh" in ended.out


@pytest.mark.parametrize("parties_option", ["3", "5", "7"])
def test_the_number_of_parties(run: Run, parties: type[PlainParties], parties_option: str) -> None:
    ended = run("clear", "-", "--parties", parties_option, "--json", "s.json", stdin=BOOK.encode())
    summary = json.loads(Path("s.json").read_text())
    assert summary["parties"] == len(summary["bytes_sent"]) == int(parties_option)
    assert f"computed by {parties_option} compute parties" in ended.out


@pytest.mark.parametrize(
    ("options", "method"),
    [((), Method.SORT), (("--method", "sort"), Method.SORT), (("--method", "select"), Method.SELECT)],
)
def test_how_it_is_computed_is_handed_on(
    run: Run, parties: type[PlainParties], options: tuple[str, ...], method: Method
) -> None:
    assert run("clear", "-", *options, stdin=BOOK.encode()).code == 0
    assert parties.method is method


def test_the_table_on_the_screen(run: Run, parties: type[PlainParties]) -> None:
    ended = run("clear", "-", stdin=BOOK.encode())
    assert [line.split() for line in ended.out.splitlines()[:2]] == [
        ["order_id", "side", "price", "quantity", "accepted_quantity"],
        ["EUR/kWh", "kWh", "kWh"],
    ]
    assert "\n m17        sell    0.0835      1.250               0.900 \n" in ended.out
    assert "more" not in ended.out


def test_a_long_table_shows_the_first_rows_and_how_many_more(run: Run, parties: type[PlainParties]) -> None:
    rows = "".join(f"m{i},buy,0.1,1\n" for i in range(120))
    ended = run("clear", "-", stdin=b"order_id,side,price,quantity\n" + rows.encode())
    assert " m19 " in ended.out
    assert " m20 " not in ended.out
    assert "… and 100 more: --out RESULT.csv writes them all\n" in ended.out


def test_an_id_cannot_disturb_the_terminal(run: Run, parties: type[PlainParties]) -> None:
    ids = [
        "\x1b[2J\x1b]0;x\x07",
        "[red]x[/red]",
        "a\nb\rc\x08",
        "\u202eevil\u200b",
        "\x9b2J",
        ":smile:",
        "y" * 500,
        "電" * 30,
    ]
    rows = "".join(f'"{name}",buy,0.1,1\n' for name in ids)
    ended = run("clear", "-", "--out", "r.csv", stdin=f"order_id,side,price,quantity\n{rows}".encode())
    assert ended.code == 0
    assert "\x1b[2J" in Path("r.csv").read_text()  # the file is kept verbatim
    ended = run("clear", "-", stdin=f"order_id,side,price,quantity\n{rows}".encode())
    assert all(character.isprintable() or character == "\n" for character in ended.out)
    for shown in (
        r"\x1b[2J\x1b]0;x\x07",
        "[red]x[/red]",
        r"a\nb\rc\x08",
        r"\u202eevil\u200b",
        r"\x9b2J",
        ":smile:",
    ):
        assert shown in ended.out
    ended = run("check", "-", stdin=f"order_id,side,price,quantity\n{rows}{rows}".encode())
    assert ended.code == 2
    assert all(character.isprintable() or character == "\n" for character in ended.err)
    assert len(ended.err.splitlines()) == len(ids)


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (
            PeerError(2, "no heartbeat\nfor 5 s\x1b"),
            1,
            "mpc-market: error: party 2: no heartbeat for 5 s\\x1b\n",
        ),
        (ProtocolError("cannot go on"), 1, "mpc-market: error: cannot go on\n"),
        (OSError(24, "Too many open files"), 1, "mpc-market: error: [Errno 24] Too many open files\n"),
        (KeyboardInterrupt(), 130, "mpc-market: interrupted\n"),
    ],
)
def test_a_failed_computation_writes_nothing(
    run: Run, parties: type[PlainParties], failure: PeerError, code: int, message: str
) -> None:
    parties.failure = failure
    Path("r.csv").write_text("old")
    ended = run("clear", "-", "--out", "r.csv", "--json", "s.json", stdin=BOOK.encode())
    assert (ended.code, ended.out, ended.err) == (code, "", message)
    assert os.listdir() == ["r.csv"]
    assert Path("r.csv").read_text() == "old"


def test_outputs_that_cannot_be(run: Run, parties: type[PlainParties]) -> None:
    Path("orders.csv").write_text(BOOK)
    Path("market.toml").write_text("[market]\n")
    os.symlink("orders.csv", "link.csv")
    for options, message in (
        (("--out", "no/such/r.csv"), "no/such/r.csv: there is no such directory: make it first"),
        (("--json", "no/such/s.json"), "no/such/s.json: there is no such directory: make it first"),
        (("--out", "."), ".: cannot be written: it is a directory, not a file"),
        (("--out", "r.csv", "--json", "./r.csv"), "--json: is the same file as --out: give it another name"),
        (("--out", "orders.csv"), "--out: orders.csv is an input file: give the output another name"),
        (("--json", "link.csv"), "--json: link.csv is an input file: give the output another name"),
        (("--market", "market.toml", "--out", "market.toml"), "--out: market.toml is an input file"),
        (("--out", "-"), "--out: - is standard output"),
        (("--seed", "12"), "--seed: '12' is not 64 hexadecimal digits"),
        (("--seed", "ff " * 21 + "f"), "is not 64 hexadecimal digits"),
    ):
        ended = run("clear", "orders.csv", *options)
        assert ended.code == 2
        assert message in ended.err
        assert len(ended.err.splitlines()) == 1
    assert parties.calls == 0
    assert sorted(os.listdir()) == ["link.csv", "market.toml", "orders.csv"]
    assert Path("orders.csv").read_text() == BOOK


def test_problems_of_all_kinds_are_told_together(run: Run, parties: type[PlainParties]) -> None:
    ended = run("clear", "-", "--out", ".", "--seed", "x", stdin=BOOK.replace("0.12", "nan").encode())
    assert [line.split(":")[0] for line in ended.err.splitlines()] == ["--seed", ".", "<stdin>"]


def test_the_first_twenty_problems_and_the_number_of_the_rest(run: Run, parties: type[PlainParties]) -> None:
    rows = "".join(f"m{i},buy,0.1,{'x' if i % 2 else '1'}\n" for i in range(100))
    ended = run("clear", "-", "--out", "r.csv", stdin=f"order_id,side,price,quantity\n{rows}".encode())
    lines = ended.err.splitlines()
    assert ended.code == 2
    assert [int(re.match(r"<stdin>:(\d+): quantity 'x'", line)[1]) for line in lines[:-1]] == [*range(3, 43, 2)]  # type: ignore[index]
    assert lines[-1] == "and 30 more problems"
    assert parties.calls == 0
    assert os.listdir() == []


def test_a_book_too_large_is_refused_before_anything_is_computed(run: Run, parties: type[PlainParties]) -> None:
    Path("market.toml").write_text("[market]\nquantity_bits = 24\n")
    rows = "".join(f"m{i},buy,0.1,1\n" for i in range(4097))
    for command in ("clear", "check"):
        ended = run(command, "-", "--market", "market.toml", stdin=f"order_id,side,price,quantity\n{rows}".encode())
        assert ended.code == 2
        assert ended.err == (
            "<stdin>: 4097 orders at 24 quantity bits: n · 4^24 must not exceed 2^60, that is 4096 orders\n"
        )
    assert parties.calls == 0
