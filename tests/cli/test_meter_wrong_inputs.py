"""What a user of a meter can get wrong: exit code 2, the place, what would be right; nothing is sent."""

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from parties.files.market import MarketFile
from parties.files.running import Service
from parties.files.running_toml import running_text
from parties.files.values import moment_text
from parties.meter.home import create_home
from parties.meter.rounds import NotKnownError
from parties.tls.certificate import make_key_pair
from tests.meter.standin import Parties
from tests.meter.telegrams import dutch

SUBMIT = {"--home": "home", "--side": "sell", "--price": "0.0835", "--quantity": "1.250"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A market file, a home and files of orders in the current directory; nobody is there to be asked."""
    monkeypatch.chdir(tmp_path)
    certificates = [make_key_pair(f"p{j}", ["127.0.0.1"]).certificate for j in range(3)]
    file = MarketFile(id="m1", period=timedelta(minutes=15))
    urls = [f"https://127.0.0.1:{port}" for port in (9, 10, 11)]
    parties = Parties(file, lambda: 0, service=Service(), certificates=certificates, urls=urls)
    Path("market.toml").write_text(running_text(parties.market.running))
    create_home(Path("home"), "m17", "market.toml", "2.000")
    create_home(Path("other"), "m18", "market.toml", "2.000")
    return tmp_path


def submit(**change: str) -> list[str]:
    options = SUBMIT | {f"--{key}": value for key, value in change.items()}
    return ["submit", *(part for pair in options.items() for part in pair)]


WRONG = {
    "a price off the grid": (submit(price="0.08355"), "price 0.08355 is not a multiple of the tick 0.0001"),
    "a decimal comma": (submit(price="0,0835"), "price '0,0835' has a decimal comma"),
    "a price out of range": (submit(price="0.5"), "price 0.5 is out of range"),
    "part of a lot": (submit(quantity="1.2505"), "quantity 1.2505 is not a multiple of the lot 0.001"),
    "too much": (submit(quantity="2.001"), "quantity 2.001 is above the enrolled maximum of 2.000 kWh"),
    "no side": (submit(side="SELL"), "side 'SELL' is neither buy nor sell"),
    "a reading of a comma and of too little": (
        ["reading", "--home", "home", "--import", "0,1", "--export", "-1", "--period", "2026-11-21T12:00:00Z"],
        "--import: quantity '0,1' has a decimal comma",
    ),
    "a period of a reading": (
        ["reading", "--home", "home", "--import", "0", "--export", "0", "--period", "noon"],
        "--period: period 'noon'",
    ),
    "no period": (submit(period="tomorrow"), "period 'tomorrow' is not the UTC start of a period such as 2026-"),
    "local time": (submit(period="2026-11-21T12:00:00+01:00"), "is not the UTC start of a period"),
    "between periods": (
        submit(period="2026-11-21T12:07:00Z"),
        "no period starts there, but one does at 2026-11-21T12:0",
    ),
    "long ago": (
        submit(period="2020-01-01T00:00:00Z"),
        "the gate of 2020-01-01T00:00:00Z has closed; orders",
    ),
    "far ahead": (submit(period="2200-01-01T00:00:00Z"), "2200-01-01T00:00:00Z is not open yet; orders are taken for"),
    "a result to come": (
        ["result", "--home", "home", "--period", "2200-01-01T00:00:00Z"],
        "--period: 2200-01-01T00:00:00Z has no result yet: it takes orders from 2199-12-31T23:40:00Z to "
        "2199-12-31T23:55:00Z, ask after that",
    ),
    "no home": (submit(home="nowhere"), "nowhere: no such directory; `mpc-market meter keygen --home nowhere`"),
    "a home that is none": (submit(home="."), "meter.toml: no such file: is this the home of a meter?"),
    "no market file": ([*submit(), "--market", "m.toml"], "m.toml: no such file"),
    "a market file for clear": ([*submit(), "--market", "plain.toml"], "plain.toml"),
    "no home to watch": (["watch"], "--home: the home of a meter is needed"),
    "a pattern without homes": (["watch", "--homes", "meters/*"], "meters/*: no directory is called so"),
    "twice the same meter": (["watch", "home", "copy"], "copy: the meter 'm17' is at home in home already"),
    "two sources of orders": (["watch", "home", "--orders", "o.csv", "--forecast"], "--forecast: the orders come from"),
    "no tariff": (["watch", "home", "--forecast"], "meter.toml: retail is missing or no number"),
    "no orders": (["watch", "home", "--orders", "none.csv"], "none.csv: no such file"),
    "wrong orders": (["check", "orders.csv", "--home", "home"], "orders.csv:2: price 9 is out of range"),
    "a corrupt telegram": (["read", "p1.txt", "--home", "home"], "p1.txt:1: the checksum does not fit the telegram"),
    "no telegrams": (["read", "nothing.txt", "--home", "home"], "nothing.txt: cannot be read: No such file"),
    "history to nowhere": (["history", "--home", "home", "--out", "no/h.csv"], "no/h.csv: there is no such directory"),
    "no maximum": (
        ["keygen", "--home", "new", "--meter", "m", "--market", "market.toml", "--maximum", "lots"],
        "--maximum: quantity 'lots' is not a number",
    ),
    "no id": (
        ["keygen", "--home", "new", "--meter", "a/b", "--market", "market.toml", "--maximum", "1"],
        "the id of a meter holds a character that is not allowed",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_refused_with_the_reason(here, run, name):
    Path("plain.toml").write_text("[market]\nprice_bits = 12\n")
    Path("orders.csv").write_text("period,side,price,quantity\n2026-11-21T12:00:00Z,buy,9,1\n")
    Path("o.csv").write_text("period,side,price,quantity\n")
    Path("p1.txt").write_bytes(dutch(0, (1, 2), (3, 4)).replace(b"231.0*V", b"232.0*V"))
    if "copy" in WRONG[name][0]:
        create_home(Path("copy"), "m17", "market.toml", "2.000")
    arguments, expected = WRONG[name]
    ended = run("meter", *arguments)
    assert ended.code == 2, ended
    assert expected in ended.err
    assert ended.out == ""
    assert not (here / "new").exists()


def test_a_good_file_of_orders(here, run):
    Path("orders.csv").write_text("period,side,price,quantity\n2026-11-21T12:00:00Z,buy,0.1,1\n")
    ended = run("meter", "check", "orders.csv", "--home", "home")
    assert (ended.code, ended.out) == (0, "orders.csv: 1 orders, nothing to refuse\n")


def test_a_history_of_nothing(here, run):
    assert run("meter", "history", "--home", "home").out.endswith("nothing was submitted yet\n")


def test_others_could_read_the_key(here, run):
    Path("home/identity.key").chmod(0o644)
    ended = run("meter", *submit())
    assert ended.code == 2
    assert "home/identity.key: others can get at it (mode 0644): chmod 0600 it, and think about new keys" in ended.err


@pytest.mark.parametrize("periods_ahead", [0, 1, -100])
def test_what_a_result_is_waited_for_is_said(here, run, monkeypatch, periods_ahead):
    """Nobody can be reached: the wait would be silent for a day."""

    async def collect(meter, rounds, start):
        with suppress(NotKnownError):
            await rounds._ask_around(start, 0, lambda heard: None, "an outcome")
        await asyncio.sleep(1)
        raise NotKnownError("in vain")

    monkeypatch.setattr("parties.cli.meter_session.collect", collect)
    monkeypatch.setattr("parties.cli.meter_session._PATIENT_SECONDS", 0.5)
    next_gate = (int(time.time()) + 300) // 900 * 900 + 900
    start = next_gate + 900 * (periods_ahead - 1)
    ended = run("meter", "result", "--home", "home", "--period", moment_text(start))
    told, error = ended.err.splitlines()
    assert (ended.code, error) == (1, "mpc-market: error: in vain")
    assert told.startswith(f"mpc-market: {moment_text(start)}: the result is not there yet; ")
    assert (f"its gate closes at {moment_text(start - 300)}" in told) == (periods_ahead == 1)
    assert ("party " in told and "https://127.0.0.1:" in told) == (periods_ahead < 1)
    until = f"waiting until {moment_text(start - 300 + 86_400)}"
    if periods_ahead == -100:
        until = "asking every party once more"
    assert told.endswith(f"; {until} (Ctrl-C ends this)")
