"""`mpc-market grid` and `mpc-market registrar grid`: keys of grid operators, and everything that is refused.

Totals from services: tests/service/test_settling.py.
"""

import tomllib
from pathlib import Path

import pytest

from mpc_market.wire.roll import Roll, read_roll
from parties.files.problems import Problems
from parties.files.running_toml import read_running
from tests.cli.standin import Ended, Run

HOSTS = "127.0.0.1:8443,127.0.0.2:8443,127.0.0.3:8443"


@pytest.fixture
def market(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A market that is settled, as `init` makes it, and the homes of a DSO and a TSO."""
    monkeypatch.chdir(tmp_path)
    assert run("init", "oak", "--parties", HOSTS, "--billing", "month").code == 0
    for name, options in (("tso", ("--tso", "grid")), ("north", ("--dso", "north", "--area", "grid"))):
        ended = run("grid", "keygen", "--home", name, *options)
        assert (ended.code, ended.err) == (0, "")
        Path(f"{name}.toml").write_text(ended.out)
    return tmp_path


def registrar(run: Run, *arguments: str) -> Ended:
    return run("registrar", "grid", *arguments, "--home", "oak/registrar")


def roll() -> Roll:
    running = read_running("oak/market.toml", Problems())
    assert running is not None
    return read_roll(Path("oak/roll.bin").read_bytes(), "oak", running.registrar)


def test_keys_from_the_operator_to_the_roll(market: Path, run: Run) -> None:
    (row,) = tomllib.loads(Path("north.toml").read_text())["dso"]
    assert (row["region"], row["area"]) == ("north", "grid")
    for name in ("identity.key", "sealing.key"):
        assert Path("north", name).read_text().strip() not in Path("north.toml").read_text()
    ended = registrar(run, "add", "north.toml", "tso.toml")
    assert (ended.code, ended.err) == (0, "")
    assert "added 2 grid operators; version 2, 0 meters, 0 suppliers, 2 grid operators" in ended.out
    assert roll().by_region()["north"].identity_key.hex() == row["identity_key"]
    assert roll().by_area()["grid"].area == "grid"
    listed = run("registrar", "list", "--home", "oak/registrar").out.splitlines()
    assert ["DSO", "north", "grid", row["identity_key"]] in [line.split() for line in listed]
    assert ["TSO", "grid", roll().by_area()["grid"].identity_key.hex()] in [line.split() for line in listed]
    assert registrar(run, "remove", "--dso", "north").code == 0
    assert registrar(run, "remove", "--tso", "grid").code == 0
    assert (roll().version, roll().regions, roll().areas) == (4, (), ())


WRONG_CHANGES = {
    "no area": (["add", "north.toml"], "no TSO of area 'grid' is on the roll (areas that are: none)"),
    "no file": (["add", "none.toml"], "none.toml: no such file"),
    "no table": (["add", "empty.toml"], "empty.toml:1: there is no [[dso]] and no [[tso]]"),
    "a supplier": (["add", "green.toml"], "green.toml:1: 'supplier': only [[dso]] and [[tso]] tables"),
    "one table": (["add", "one.toml"], "[[dso]] with two brackets is expected"),
    "bad keys": (["add", "keys.toml"], "64 hexadecimal digits are expected"),
    "nobody": (["remove"], "remove: say one of: --dso REGION, --tso AREA"),
    "both": (["remove", "--dso", "north", "--tso", "grid"], "remove: say one of"),
    "a stranger": (["remove", "--dso", "south"], "no DSO of region 'south' is on the roll"),
}


@pytest.mark.parametrize("name", WRONG_CHANGES)
def test_what_the_registrar_refuses(market: Path, run: Run, name: str) -> None:
    Path("empty.toml").write_text("")
    Path("green.toml").write_text('[[supplier]]\nid = "green"\n')
    Path("one.toml").write_text('[dso]\nregion = "north"\n')
    Path("keys.toml").write_text('[[tso]]\narea = "grid"\nidentity_key = "00"\nsealing_key = ""\n')
    before, (arguments, message) = Path("oak/roll.bin").read_bytes(), WRONG_CHANGES[name]
    ended = registrar(run, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert Path("oak/roll.bin").read_bytes() == before


WRONG_KEYS = {
    "nobody": ((), "keygen: say one of: --dso REGION with --area AREA, --tso AREA"),
    "both": (("--dso", "north", "--area", "grid", "--tso", "grid"), "keygen: say one of"),
    "no area": (("--dso", "north"), "--area: goes with --dso"),
    "an area too many": (("--tso", "grid", "--area", "grid"), "--area: goes with --dso"),
    "a slash": (("--dso", "a/b", "--area", "grid"), "--dso: the id of a region holds a character"),
    "empty": (("--tso", ""), "--tso: the id of a TSO's area is 1 to 64 characters"),
}


@pytest.mark.parametrize("name", WRONG_KEYS)
def test_wrong_keygens(run: Run, tmp_path: Path, name: str) -> None:
    options, message = WRONG_KEYS[name]
    ended = run("grid", "keygen", "--home", str(tmp_path / "home"), *options)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not (tmp_path / "home").exists()


WRONG_TOTALS = {
    "nothing": ((), "--period: say one of: --period UTC, --month MONTH"),
    "both": (("--period", "2026-11-21T12:00:00Z", "--month", "2026-11"), "--period: say one of"),
    "no period": (("--period", "noon"), "--period: period 'noon' is not the UTC start"),
    "no month": (("--month", "2026-13"), "--month: '2026-13' is no month: such as 20"),
    "a day": (("--month", "2026-11-01"), "--month: '2026-11-01' is no month"),
    "another home": (("--month", "2026-11", "--home", "oak/registrar"), "grid.toml: no such file"),
    "no home": (("--month", "2026-11", "--home", "none"), "none: no such directory"),
    "a market that only clears": (("--month", "2026-11", "--market", "clears.toml"), "this market only clears"),
    "no market": (("--month", "2026-11", "--market", "none.toml"), "none.toml: no such file"),
    "one file twice": (
        ("--month", "2026-11", "--csv", "same", "--json", "same"),
        "--json: is the same file as --csv: give it another name",
    ),
}


@pytest.mark.parametrize("name", WRONG_TOTALS)
def test_wrong_totals(market: Path, run: Run, name: str) -> None:
    text = Path("oak/market.toml").read_text()
    Path("clears.toml").write_text(text[: text.index("[settlement]")] + text[text.index("# signs the roll") :])
    options, message = WRONG_TOTALS[name]
    ended = run("grid", "totals", "--home", "north", "--market", "oak/market.toml", *options)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_parties_that_are_down(market: Path, run: Run) -> None:
    ended = run("grid", "totals", "--home", "north", "--market", "oak/market.toml", "--month", "2026-10")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("mpc-market: error: 2026-10: party 0: ")


@pytest.mark.parametrize("command", ["grid keygen", "grid totals", "registrar grid add", "registrar grid remove"])
def test_help_gives_an_example(run: Run, command: str) -> None:
    text = " ".join(run(*command.split(), "--help").out.split())
    assert f"mpc-market {command} " in text
    assert "Exit code" in text
