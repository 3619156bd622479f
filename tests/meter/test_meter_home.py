"""Homes: private, never overwritten, and refused with a reason (parties.meter.home)."""

import os

import pytest

from mpc_market.wire.enrolment import EnrolRequest
from parties.meter.errors import HomeError
from parties.meter.home import IDENTITY, SEALING, SETTINGS, create_home, open_home


@pytest.fixture
def home(tmp_path):
    return create_home(tmp_path / "a" / "home", "541448860000000018", "market.toml", "17.250")


def test_everything_in_a_home_is_private(tmp_path):
    old = os.umask(0)
    try:
        home = create_home(tmp_path / "home", "m", "market.toml", "1")
    finally:
        os.umask(old)
    assert home.path.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in home.path.iterdir()} == dict.fromkeys(
        (IDENTITY, SEALING, SETTINGS), 0o600
    )


def test_it_is_read_back(home, tmp_path):
    again = open_home(home.path)
    assert (again.meter, again.maximum) == ("541448860000000018", "17.250")
    assert os.path.isabs(again.market)
    assert again.identity.public == home.identity.public
    assert again.sealing.secret() == home.sealing.secret()
    assert home.identity.seed() != home.sealing.secret()


@pytest.mark.parametrize("meter", ["é☀", 'a"b\\c', "x" * 64, "#]= '"])
def test_ids_are_opaque(tmp_path, meter):
    assert open_home(create_home(tmp_path / "home", meter, "m.toml", "1").path).meter == meter


def test_the_request_names_its_keys_and_proves_them(home):
    request = EnrolRequest.read(home.enrol_request("m1"))
    assert (request.market, request.meter) == ("m1", home.meter)
    assert request.identity_key == home.identity.public
    assert request.sealing_key == home.sealing.public


def test_keys_are_never_overwritten(home):
    key = (home.path / IDENTITY).read_text()
    with pytest.raises(HomeError, match="there is a meter's home already"):
        create_home(home.path, "other", "market.toml", "1")
    assert (home.path / IDENTITY).read_text() == key


@pytest.mark.parametrize("meter", ["", "a/b", "a\nb", "x" * 65, "."])
def test_what_is_no_id_is_refused_before_anything_is_made(tmp_path, meter):
    with pytest.raises(HomeError, match="id of a meter"):
        create_home(tmp_path / "home", meter, "market.toml", "1")
    assert not (tmp_path / "home").exists()


def change(name, text):
    return lambda home: (home.path / name).write_text(text)


TOML = 'meter = "m"\nmarket = "m.toml"\nmaximum = "1"\n'


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda home: home.path.chmod(0o750), r"home: others can get at it \(mode 0750\): chmod 0700"),
        (lambda home: (home.path / IDENTITY).chmod(0o640), r"identity\.key: others can get at it .*chmod 0600"),
        (lambda home: (home.path / SEALING).chmod(0o604), r"sealing\.key: others can get at it"),
        (lambda home: (home.path / SETTINGS).unlink(), r"meter\.toml: no such file"),
        (lambda home: (home.path / SEALING).unlink(), r"sealing\.key: no such file"),
        (change(IDENTITY, "12"), "not a key of 64 hexadecimal digits"),
        (change(IDENTITY, "é" * 64), "not a key of 64 hexadecimal digits"),
        (change(SETTINGS, "meter ="), r"meter\.toml: not TOML"),
        (change(SETTINGS, 'meter = "m"\n'), "market is missing"),
        (change(SETTINGS, TOML + 'color = "red"\n'), "unknown key 'color'"),
        (change(SETTINGS, TOML.replace('"1"', "1")), "maximum must be a text in quotes"),
        (change(SETTINGS, TOML.replace('"m"', '"a/b"')), "id of a meter"),
        (lambda home: (home.path / SETTINGS).write_bytes(b"\xff"), "not a text in UTF-8"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(home, damage, reason):
    damage(home)
    with pytest.raises(HomeError, match=reason):
        open_home(home.path)


def test_no_home_at_all(tmp_path):
    with pytest.raises(HomeError, match="keygen"):
        open_home(tmp_path / "nowhere")


def test_no_secret_is_shown(home):
    shown = repr(home) + repr(home.identity) + repr(home.sealing)
    assert home.identity.seed().hex() not in shown
    assert home.sealing.secret().hex() not in shown
