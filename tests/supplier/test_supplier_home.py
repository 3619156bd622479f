"""The home of a supplier: private, complete, made once."""

import stat
from pathlib import Path

import pytest

from mpc_market.errors import InputError, InvalidSettingsError, OutputError
from parties.files.key_home import IDENTITY, SEALING
from parties.files.problems import Problems
from parties.supplier.home import SETTINGS, SupplierHome, make_supplier_home, read_supplier_home


def read(path: Path) -> SupplierHome:
    problems = Problems()
    home = read_supplier_home(path, problems)
    problems.check()
    assert home is not None
    return home


def trouble(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize("supplier", ["green", "Énergie verte 1", 'a"b\\c', "=1+1"])
def test_what_was_made_is_read(tmp_path: Path, supplier: str) -> None:
    made = make_supplier_home(tmp_path / "home", supplier)
    found = read(tmp_path / "home")
    assert (found.supplier, found.public) == (supplier, made.public)
    assert found.identity.seed() == made.identity.seed()
    assert found.sealing.secret() == made.sealing.secret()


def test_it_is_private(tmp_path: Path) -> None:
    made = make_supplier_home(tmp_path / "home", "green")
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    assert {path.name for path in made.path.iterdir()} == {SETTINGS, IDENTITY, SEALING}
    for path in made.path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for secret in (made.identity.seed().hex(), made.sealing.secret().hex()):
        assert secret not in repr(made)


def test_keys_are_never_replaced(tmp_path: Path) -> None:
    made = make_supplier_home(tmp_path / "home", "green")
    with pytest.raises(OutputError, match="could not be made"):
        make_supplier_home(tmp_path / "home", "green")
    assert read(tmp_path / "home").public == made.public


@pytest.mark.parametrize("supplier", ["", "a/b", "a\nb", "..", "x" * 65])
def test_bad_ids(tmp_path: Path, supplier: str) -> None:
    with pytest.raises(InvalidSettingsError, match="id of a supplier"):
        make_supplier_home(tmp_path / "home", supplier)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", [SETTINGS, IDENTITY, SEALING])
def test_what_is_missing_or_open_to_others_is_named(tmp_path: Path, name: str) -> None:
    home = make_supplier_home(tmp_path / "home", "green").path
    (home / name).chmod(0o640)
    assert f"{name}: others can get at it (mode 0640): chmod 0600" in trouble(home)
    (home / name).unlink()
    assert f"{name}: no such file" in trouble(home)


def test_bad_homes(tmp_path: Path) -> None:
    assert "no such directory" in trouble(tmp_path / "nowhere")
    home = make_supplier_home(tmp_path / "home", "green").path
    home.chmod(0o755)
    assert "others can get at it (mode 0755): chmod 0700" in trouble(home)
    home.chmod(0o700)
    for text, reason in (
        ("", "supplier is missing"),
        ("supplier = 1", "id of a supplier"),
        ('supplier = "a/b"', "id of a supplier"),
        ('supplier = "green"\nmeter = "x"', "unknown key 'meter'"),
        ("supplier", "not TOML"),
    ):
        (home / SETTINGS).write_text(text)
        assert reason in trouble(home)


def test_a_bad_key_is_named_and_not_shown(tmp_path: Path) -> None:
    home = make_supplier_home(tmp_path / "home", "green").path
    secret = (home / IDENTITY).read_text().strip()
    (home / IDENTITY).write_text(secret[:-1])
    text = trouble(home)
    assert f"{IDENTITY}: not a key of 64 hexadecimal digits" in text
    assert secret[:20] not in text
