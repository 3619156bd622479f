"""`mpc-market registrar …`: enrolling meters, and everything that is refused."""

from pathlib import Path

import pytest

from mpc_market.wire.enrolment import EnrolRequest
from mpc_market.wire.roll import Roll, read_roll
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from parties.files.problems import Problems
from parties.files.running import Supplier
from parties.files.running_toml import read_running, supplier_text
from tests.cli.standin import Ended, Run

HOSTS = "127.0.0.1:8443,127.0.0.2:8443,127.0.0.3:8443"
HEADER = "meter,identity_key,sealing_key,supplier,region,maximum\n"
TERMS = ("--supplier", "green", "--region", "north", "--maximum", "17.25")


def request(meter: str, market: str = "oak") -> str:
    identity, sealing = SigningKey.generate(), SealingKey.generate()
    path = Path(f"{meter}.request")
    path.write_bytes(EnrolRequest(market, meter, identity.public, sealing.public).sign(identity))
    return str(path)


def roll() -> Roll:
    market = read_running("oak/market.toml", Problems())
    assert market is not None
    return read_roll(Path("oak/roll.bin").read_bytes(), "oak", market.registrar)


@pytest.fixture
def registrar(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`registrar("list")`: the command with the home of a market that has a supplier and no meter."""
    monkeypatch.chdir(tmp_path)
    Path("green.toml").write_text(supplier_text(Supplier("green", b"i" * 32, b"s" * 32)))
    Path("blue.toml").write_text(supplier_text(Supplier("blue", b"j" * 32, b"t" * 32)))
    assert run("init", "oak", "--parties", HOSTS, "--supplier", "green.toml").code == 0

    def registrar(*arguments: str, stdin: bytes = b"") -> Ended:
        return run("registrar", *arguments, "--home", "oak/registrar", stdin=stdin)

    return registrar


def test_a_meter_enrolled_changed_and_removed(registrar: Run) -> None:
    ended = registrar("enrol", request("m1"), *TERMS)
    assert (ended.code, ended.err) == (0, "")
    assert "enrolled 1; version 2, 1 meter, 1 supplier" in ended.out
    assert 'm1: its home must say maximum = "17.250"' in ended.out
    assert roll().by_meter()["m1"].maximum == 17250
    listed = registrar("list")
    assert listed.out.splitlines()[1].split() == ["m1", "green", "north", "17.250"]
    assert registrar("supplier", "add", "blue.toml").code == 0
    changed = registrar("change", "m1", "--supplier", "blue", "--maximum", "3")
    assert changed.code == 0
    assert 'm1: its home must say maximum = "3.000"' in changed.out
    assert (roll().by_meter()["m1"].supplier, roll().by_meter()["m1"].maximum) == ("blue", 3000)
    assert registrar("remove", "m1").code == 0
    assert registrar("supplier", "remove", "blue").code == 0
    assert (roll().version, roll().entries, len(roll().suppliers)) == (6, (), 1)


def test_many_meters_are_one_version(registrar: Run) -> None:
    rows = [f"m{i},{i:064x},{1000 + i:064x},green,north,{i}.5\n" for i in range(1, 31)]
    Path("meters.csv").write_text(HEADER + "".join(rows))
    ended = registrar("enrol", "--csv", "meters.csv")
    assert (ended.code, ended.err) == (0, "")
    assert "… and 10 more" in ended.out
    assert (roll().version, len(roll().entries)) == (2, 30)
    assert registrar("list", "--out", "again.csv").code == 0
    assert sorted(Path("again.csv").read_text().splitlines()[1:]) == sorted(row[:-3] + ".500" for row in rows)
    assert registrar("remove", *(f"m{i}" for i in range(1, 31))).code == 0
    assert registrar("enrol", "--csv", "-", stdin=Path("again.csv").read_bytes()).code == 0
    assert roll().version == 4


def test_a_meter_by_its_keys(registrar: Run) -> None:
    keys = ("--identity-key", "1a" * 32, "--sealing-key", "2b" * 32)
    assert registrar("enrol", "--meter", "541448860000000018", *keys, *TERMS).code == 0
    assert roll().by_meter()["541448860000000018"].sealing_key == b"\x2b" * 32


WRONG: dict[str, tuple[list[str], str]] = {
    "nothing": (["enrol"], "enrol: say one of: REQUEST files, --csv, or --meter"),
    "two ways": (["enrol", "m1.request", "--csv", "meters.csv"], "enrol: say one of"),
    "no supplier": (["enrol", "m1.request", "--region", "n", "--maximum", "1"], "enrol: say --supplier, --region and"),
    "no region": (["enrol", "m1.request", "--supplier", "green", "--maximum", "1"], "enrol: say --supplier, --region"),
    "no maximum": (["enrol", "m1.request", "--supplier", "green", "--region", "n"], "enrol: say --supplier, --region"),
    "half a lot": (["enrol", "m1.request", *TERMS[:-1], "0.0005"], "--maximum: quantity 0.0005 is not a multiple"),
    "too much": (["enrol", "m1.request", *TERMS[:-1], "70"], "--maximum: quantity 70 is out of range"),
    "watts": (["enrol", "m1.request", *TERMS[:-1], "17 kWh"], "--maximum: quantity '17 kWh' is not a number"),
    "an unknown supplier": (
        ["enrol", "m1.request", "--supplier", "red", *TERMS[2:]],
        "no supplier 'red' is on the roll",
    ),
    "a region that cannot be": (["enrol", "m1.request", *TERMS, "--region", "a/b"], "the id of a region holds"),
    "no file": (["enrol", "none.request", *TERMS], "none.request: No such file or directory"),
    "no request": (["enrol", "green.toml", *TERMS], "green.toml: not a meter's request"),
    "of another market": (["enrol", "m2.request", *TERMS], "m2.request: a request to market elm, not oak"),
    "enrolled already": (["enrol", "m0.request", *TERMS], "meter 'm0' is enrolled already"),
    "terms beside CSV": (
        ["enrol", "--csv", "meters.csv", *TERMS],
        "--csv: supplier, region and maximum stand in the file",
    ),
    "wrong CSV": (["enrol", "--csv", "meters.csv"], "meters.csv:2: quantity 1.0001 is not a multiple of the lot"),
    "keys without id": (["enrol", "--identity-key", "00" * 32, *TERMS], "enrol: --meter, --identity-key and"),
    "a key that is none": (
        ["enrol", "--meter", "m", "--identity-key", "0", "--sealing-key", "00" * 32, *TERMS],
        "--identity-key: '0' is not 64 hexadecimal digits",
    ),
    "change of nobody": (["change", "m9", "--region", "x"], "METER: no meter 'm9' is enrolled"),
    "no change": (["change", "m0", "--region", "north"], "meter 'm0' is enrolled so already"),
    "nothing to change": (["change", "m0"], "change: say what changes: --supplier, --region or --maximum"),
    "a maximum of 0": (["change", "m0", "--maximum", "0"], "--maximum: a meter with 0 kWh could neither trade nor"),
    "removing nobody": (["remove", "m0", "m9"], "METER: no meter 'm9' is enrolled"),
    "a supplier twice": (["supplier", "add", "green.toml"], "green.toml: supplier 'green' is on the roll already"),
    "a supplier that is none": (["supplier", "add", "meters.csv"], "meters.csv:1: not TOML"),
    "a supplier with meters": (["supplier", "remove", "green"], "supplier 'green' still has 1 meters on the roll"),
    "beginning again": (["begin"], "there is a roll already, and it is not begun again"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused_changes_nothing(registrar: Run, name: str) -> None:
    request("m1")
    request("m2", "elm")
    assert registrar("enrol", request("m0"), *TERMS).code == 0
    Path("meters.csv").write_text(HEADER + f"m3,{'aa' * 32},{'bb' * 32},green,north,1.0001\n")
    before = Path("oak/roll.bin").read_bytes()
    arguments, message = WRONG[name]
    ended = registrar(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert Path("oak/roll.bin").read_bytes() == before


def test_homes_that_are_not_in_order(registrar: Run, run: Run) -> None:
    assert run("registrar", "list", "--home", "none").err == f"{Path.cwd()}/none: no such directory\n"
    Path("oak/registrar").chmod(0o755)
    assert "others can get at it (mode 0755): chmod 0700" in registrar("list").err
    Path("oak/registrar").chmod(0o700)
    Path("oak/roll.bin").unlink()
    ended = registrar("enrol", request("m1"), *TERMS)
    assert ended.code == 2
    assert "`mpc-market registrar begin` makes the first one; if it was lost, copy it back" in ended.err


def test_a_registrar_on_its_own_host(registrar: Run, run: Run) -> None:
    ended = run("registrar", "keygen", "--home", "own")
    assert ended.code == 0
    assert run("registrar", "keygen", "--home", "own").code == 1
    text = Path("oak/market.toml").read_text()
    market = read_running("oak/market.toml", Problems())
    assert market is not None
    Path("own/market.toml").write_text(text.replace(market.registrar.hex(), ended.out.split()[-1]))
    assert "begun; version 1, 0 meters, 1 supplier" in run("registrar", "begin", "--home", "own").out


@pytest.mark.parametrize("command", ["enrol", "change", "remove", "list", "begin", "keygen", "supplier add"])
def test_help_gives_an_example(run: Run, command: str) -> None:
    text = " ".join(run("registrar", *command.split(), "--help").out.split())
    assert f"mpc-market registrar {command} " in text
    assert "Exit code" in text
