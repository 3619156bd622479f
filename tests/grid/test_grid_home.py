"""The home of a grid operator; what holds of every home of keys is in tests/supplier/test_supplier_home.py."""

from pathlib import Path

import pytest

from mpc_market.errors import InputError, InvalidSettingsError, OutputError
from mpc_market.wire.claim import Claimant
from parties.files.problems import Problems
from parties.grid.home import SETTINGS, GridHome, make_grid_home, read_grid_home


def read(path: Path) -> GridHome:
    problems = Problems()
    home = read_grid_home(path, problems)
    problems.check()
    assert home is not None
    return home


@pytest.mark.parametrize(("kind", "claimant"), [("dso", Claimant.DSO), ("tso", Claimant.TSO)])
def test_what_was_made_is_read(tmp_path: Path, kind: str, claimant: Claimant) -> None:
    made = make_grid_home(tmp_path / "home", kind, 'no"rth')
    found = read(tmp_path / "home")
    assert (found.kind, found.name, made.kind) == (claimant, 'no"rth', claimant)
    assert found.identity.seed() == made.identity.seed()
    assert found.sealing.secret() == made.sealing.secret()
    assert made.identity.seed().hex() not in repr(made)
    with pytest.raises(OutputError, match="could not be made"):
        make_grid_home(tmp_path / "home", kind, "north")


@pytest.mark.parametrize(("kind", "name"), [("DSO", "north"), ("dso", "a/b"), ("", "north"), ("tso", "")])
def test_bad_operators(tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(InvalidSettingsError):
        make_grid_home(tmp_path / "home", kind, name)
    assert not (tmp_path / "home").exists()


def test_bad_homes(tmp_path: Path) -> None:
    home = make_grid_home(tmp_path / "home", "dso", "north").path
    for text, reason in (
        ('kind = "dso"', "name is missing"),
        ('kind = "supplier"\nname = "north"', '"dso" or "tso" is expected'),
        ('kind = 1\nname = "a/b"', "id of a region or area"),
        ('supplier = "green"', "unknown key 'supplier'"),
    ):
        (home / SETTINGS).write_text(text)
        with pytest.raises(InputError) as caught:
            read(home)
        assert reason in str(caught.value)
