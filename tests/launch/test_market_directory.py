"""Ready market directories: made from `community.toml` alone, used again with the same keys, refused with reasons."""

import subprocess
from pathlib import Path

import pytest

from mpc_market.errors import InputError
from parties.files.problems import Problems
from parties.launch.description import COMMUNITY, read_description
from parties.launch.directory import open_directory
from parties.registrar import desk
from parties.registrar.home import read_registrar_home

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

TEXT = """[market]
id = "oak-street"
period = "PT10S"
[service]
gate_lead = "PT10S"
deadline = "PT9S"
[[party]]
name = "a"
[[party]]
name = "b"
address = "127.0.0.9:8443"
[[party]]
name = "c"
[[client]]
name = "east"
meters = ["m1", "m2"]
supplier = "green"
region = "north"
maximum = "10.000"
[[client]]
name = "west"
meters = ["m3"]
supplier = "blue"
region = "south"
maximum = 5
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / COMMUNITY).write_text(TEXT)
    return tmp_path


def test_the_examples_hold_no_key_and_are_what_their_names_say() -> None:
    """Who runs the parties, and who submits: prosumers, representatives, others."""
    tracked = subprocess.run(["git", "ls-files", "."], cwd=EXAMPLES, capture_output=True, text=True, check=False)
    if tracked.returncode == 0 and tracked.stdout:  # else it is no repository: an archive of the source, say
        assert {Path(name).name for name in tracked.stdout.split()} == {COMMUNITY, ".gitignore", "orders.csv"}
    found = {path.name[:2]: read_description(path / COMMUNITY) for path in sorted(EXAMPLES.glob("S*"))}
    assert set(found) == {"S1", "S2", "S3", "S4"}
    for name, described in found.items():
        parties = {party.name for party in described.parties}
        submitting = {client.name for client in described.clients}
        assert (parties == submitting) == (name in ("S1", "S2"))  # direct: who submits runs a party
        assert parties == submitting or not parties & submitting
    assert all(client.meters == (client.name,) for client in found["S4"].clients)


def test_everybody_is_enrolled_as_described(directory: Path) -> None:
    community, clients = open_directory(directory)
    assert [party.name for party in community.running.parties] == ["a", "b", "c"]
    assert community.running.parties[1].api == "https://127.0.0.9:8443"
    assert {name: [home.meter for home in homes] for name, homes in clients.items()} == {
        "east": ["m1", "m2"],
        "west": ["m3"],
    }
    roll = roll_of(directory)
    assert {row.meter: (row.supplier, row.region, row.maximum) for row in roll.entries} == {
        "m1": ("green", "north", 10_000),
        "m2": ("green", "north", 10_000),
        "m3": ("blue", "south", 5_000),
    }
    assert {row.supplier for row in roll.suppliers} == {"green", "blue"}
    for key in directory.rglob("*.key"):
        assert key.stat().st_mode & 0o077 == 0


def roll_of(directory: Path):
    home = read_registrar_home(directory / "market" / "registrar", Problems())
    return desk.current(home)


def contents(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_used_again_it_has_the_same_keys_and_new_meters_are_added(directory: Path) -> None:
    open_directory(directory)
    before = contents(directory)
    open_directory(directory)
    assert contents(directory) == before
    (directory / COMMUNITY).write_text(TEXT.replace('["m3"]', '["m3", "m4"]'))
    community, _ = open_directory(directory)
    assert [home.meter for home in community.meters] == ["m1", "m2", "m3", "m4"]
    assert roll_of(directory).by_meter()["m4"].supplier == "blue"
    changed = {path.name for path, data in before.items() if path.read_bytes() != data}
    assert changed == {COMMUNITY, "roll.bin"}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('period = "PT10S"', 'period = "PT20S"', "are not those that"),
        ('deadline = "PT9S"', 'deadline = "PT8S"', "are not those that"),
        ('name = "c"', 'name = "d"', "are not those that"),
        ('region = "south"', 'region = "north"', "meter 'm3' is enrolled otherwise"),
        ("maximum = 5", "maximum = 6", "meter 'm3' is enrolled otherwise"),
        ('supplier = "blue"', 'supplier = "red"', "meter 'm3' is enrolled otherwise"),
    ],
)
def test_what_cannot_change_any_more(directory: Path, old: str, new: str, reason: str) -> None:
    open_directory(directory)
    before = contents(directory)
    (directory / COMMUNITY).write_text(TEXT.replace(old, new))
    with pytest.raises(InputError, match=reason):
        open_directory(directory)
    before[directory / COMMUNITY] = TEXT.replace(old, new).encode()
    assert contents(directory) == before


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('id = "oak-street"', "", "1: id is missing"),
        ('id = "oak-street"', 'id = "Oak Street"', "2: id = "),
        ('period = "PT10S"', 'period = "soon"', "3: period = "),
        ('deadline = "PT9S"', 'dead_line = "PT9S"', "unknown key 'dead_line'"),
        ('name = "c"', 'name = "b"', "13: 'b' is there twice"),
        ('name = "c"', 'name = "../c"', "13: name = "),
        ('[[party]]\nname = "c"', "", "2 compute parties: a market has 3, 5, 7"),
        ('address = "127.0.0.9:8443"', 'address = "127.0.0.9"', "11: address = "),
        ('["m1", "m2"]', '["m1", "m1"]', "16: 'm1' is there twice"),
        ('["m3"]', '["m2"]', "22: 'm2' is there twice"),
        ('["m3"]', "[]", "22: meters = "),
        ('["m3"]', '"m3"', "22: meters = "),
        ('["m3"]', '["a/b"]', "22: meters = "),
        ('name = "west"', 'name = "party-1"', "21: 'party-1' is how"),
        ("maximum = 5", "maximum = 0", "25: maximum = 0"),
        ("maximum = 5", "maximum = 0.00001", "25: maximum"),
        ("maximum = 5", "", "maximum is missing in"),
        ("[[client]]", "[client]", "not TOML"),
        ("[service]", "[services]", "unknown table 'services'"),
        ("[[party]]", "[[party", "not TOML"),
    ],
)
def test_what_is_refused(directory: Path, old: str, new: str, reason: str) -> None:
    (directory / COMMUNITY).write_text(TEXT.replace(old, new))
    with pytest.raises(InputError) as refused:
        open_directory(directory)
    assert reason in str(refused.value)
    assert [path.name for path in directory.iterdir()] == [COMMUNITY]
