"""Introductions and announcements: every change of a field is noticed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mpc_market.errors import InputError
from parties.files.problems import Problems
from parties.files.running import RunningMarket
from parties.files.running_toml import read_running
from parties.setup.addresses import addresses_from
from parties.setup.introduction import read_introduction
from parties.setup.keygen import make_party_home
from parties.setup.rotation import adopt, adopt_into, next_midnight, read_announcement, rotate
from tests.setup.market_directory import NOW, introduced, make, opened

DAY = 86400
SINCE = NOW + DAY


def changed(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.chmod(0o600)
    path.write_text(text.replace(old, new, 1))
    return path


def other_digit(path: Path, key: str) -> Path:
    """One hexadecimal digit of a key's value is another."""
    text = path.read_text()
    at = text.index(f"{key} = ") + len(key) + 4
    path.write_text(text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :])
    return path


def swap_certificate(path: Path, other: Path) -> Path:
    """Certificate and fingerprint of another file."""
    text, strange = path.read_text(), other.read_text()

    def part(of: str) -> str:
        return of[of.index("fingerprint =") : of.index('"""\n', of.index("END CERTIFICATE"))]

    path.write_text(text.replace(part(text), part(strange)))
    return path


INTRODUCTION: dict[str, tuple[Callable[[Path], Path], str]] = {
    "name": (lambda path: changed(path, 'name = "a', 'name = "z'), "the signature does not verify"),
    "api": (lambda path: changed(path, "https://a.", "https://z."), "the signature does not verify"),
    "control": (lambda path: changed(path, "a.example:8444", "z.example:8444"), "the signature does not verify"),
    "mpc_host": (lambda path: changed(path, 'mpc_host = "a', 'mpc_host = "z'), "the signature does not verify"),
    "mpc_ports": (lambda path: changed(path, "8450-8489", "8450-8488"), "the signature does not verify"),
    "signing_key": (lambda path: other_digit(path, "signing_key"), "the signature does not verify"),
    "signature": (lambda path: other_digit(path, "signature"), "the signature does not verify"),
    "fingerprint": (lambda path: other_digit(path, "fingerprint"), "the fingerprint is not that of the certificate"),
    "certificate": (
        lambda path: swap_certificate(path, path.parents[1] / "b" / path.name),
        "the signature does not verify",
    ),
    "a key too many": (
        lambda path: changed(path, "name =", "since = 2026-12-01T00:00:00Z\nname ="),
        "unknown key 'since'",
    ),
    "a key missing": (lambda path: changed(path, "name =", "# "), "name is missing in [introduction]"),
    "no table": (lambda path: changed(path, "[introduction]", "[party]"), "there is no table [introduction]"),
    "no TOML": (lambda path: changed(path, "[introduction]", "[introduction"), "not TOML"),
}


@pytest.mark.parametrize("field", INTRODUCTION)
def test_a_changed_introduction_is_refused(tmp_path: Path, field: str) -> None:
    introduced(tmp_path / "b", "b.example")
    party = introduced(tmp_path / "a", "a.example")
    path, problems = tmp_path / "a" / "introduction.toml", Problems()
    assert read_introduction(str(path), problems) == party
    change, message = INTRODUCTION[field]
    assert read_introduction(str(change(path)), problems) is None
    (problem,) = problems.shown
    assert message in problem
    assert problem.startswith(f"{path}:")


# --- rotation ---------------------------------------------------------------------------------------------


@pytest.fixture
def oak(tmp_path: Path) -> Path:
    make(tmp_path / "oak")
    return tmp_path / "oak"


def announced(oak: Path, number: int = 1, since: int = SINCE) -> Path:
    return rotate(opened(oak / f"party-{number}"), since, NOW)


def market_of(oak: Path) -> RunningMarket:
    problems = Problems()
    market = read_running(str(oak / "market.toml"), problems)
    problems.check()
    assert market is not None
    return market


def adopted(oak: Path, *paths: Path) -> list[str]:
    problems = Problems()
    found = adopt_into(str(oak / "market.toml"), [str(path) for path in paths], problems)
    assert (found is None) == bool(problems.shown)
    return problems.shown


def test_keys_change_at_their_moment(oak: Path) -> None:
    old = opened(oak / "party-1")
    assert adopted(oak, announced(oak)) == []
    new = opened(oak / "party-1")
    assert new.signing_key(SINCE - 1).public == old.signing_key(NOW).public
    assert new.signing_key(SINCE).public != old.signing_key(NOW).public
    assert new.identity(SINCE - 1) == old.identity(NOW)
    assert new.identity(SINCE).key == oak / "party-1" / "keys-2" / "tls.key"
    assert new.market.committee(SINCE).key(1) == new.signing_key(SINCE).public
    for number in (0, 2):  # nothing changes for the others
        assert opened(oak / f"party-{number}").signing_key(SINCE).public == old.market.committee(NOW).key(number)


def test_adopting_twice_does_no_harm(oak: Path) -> None:
    path = announced(oak)
    assert adopted(oak, path, path) == []
    text = (oak / "market.toml").read_bytes()
    assert adopted(oak, path) == []
    assert (oak / "market.toml").read_bytes() == text


def test_several_parties_and_several_times(oak: Path) -> None:
    paths = [announced(oak, 0), announced(oak, 1)]
    assert adopted(oak, *paths) == []
    paths += [announced(oak, 1, SINCE + DAY)]
    assert paths[-1].parent.name == "keys-3"
    assert adopted(oak, *paths) == []
    assert [len(party.keys) for party in market_of(oak).parties] == [2, 3, 1]
    opened(oak / "party-1", SINCE + 2 * DAY)


def test_old_private_keys_may_be_erased(oak: Path) -> None:
    assert adopted(oak, announced(oak)) == []
    for name in ("signing.key", "tls.key", "tls.crt"):
        (oak / "party-1" / name).unlink()
    home = opened(oak / "party-1", SINCE)
    with pytest.raises(ValueError, match="the private key of signing key"):
        home.signing_key(SINCE - 1)
    with pytest.raises(InputError, match="is not in"):
        opened(oak / "party-1", SINCE - 1)


def test_a_rotation_that_was_cut_off_is_made_again(oak: Path) -> None:
    """The folder of keys that nobody knows of yet: not an error, and never written over."""
    (oak / "party-1" / "keys-2").mkdir(mode=0o700)
    opened(oak / "party-1")
    path = announced(oak)
    assert path.parent.name == "keys-3"
    assert adopted(oak, path) == []


def test_two_announcements_exclude_each_other(oak: Path) -> None:
    first, second = announced(oak), announced(oak, since=SINCE + 1)
    assert adopted(oak, first) == []
    assert "not announced by the keys that party '127.0.0.2' has" in adopted(oak, second)[0]


def test_keys_never_go_back_in_time(oak: Path) -> None:
    """A party may not announce, with its newest keys, others that would have been in use before them."""
    assert adopted(oak, announced(oak, since=SINCE + DAY)) == []
    home = opened(oak / "party-1")
    pretended = replace(home.party, keys=(replace(home.party.keys[-1], since=0),))
    parties = (home.market.parties[0], pretended, home.market.parties[2])
    path = rotate(replace(home, market=replace(home.market, parties=parties)), SINCE, NOW)
    assert "are in the market file already: these are older" in adopted(oak, path)[0]


def test_the_moment_must_be_to_come(oak: Path) -> None:
    with pytest.raises(InputError, match="has passed: keys change in the future only"):
        announced(oak, since=NOW)
    adopted(oak, announced(oak))
    with pytest.raises(InputError, match="are announced already: choose a later moment"):
        announced(oak, since=SINCE)
    assert not (oak / "party-1" / "keys-3").exists()


def test_the_default_moment_is_a_midnight_at_least_a_day_away() -> None:
    for now in (20000 * DAY, 20000 * DAY + 1, 20001 * DAY - 1):
        assert next_midnight(now) == 20002 * DAY


ANNOUNCEMENT: dict[str, tuple[Callable[[Path], Path], str]] = {
    "market": (lambda path: changed(path, "oak-street", "elm-street"), "in market elm-street, not oak-street"),
    "no market id": (lambda path: changed(path, "oak-street", "Oak"), 'market = "Oak": a market id is'),
    "party": (lambda path: changed(path, 'party = "127.0.0.2', 'party = "127.0.0.3'), "not announced by the keys"),
    "no such party": (lambda path: changed(path, 'party = "127.0.0.2', 'party = "z'), "the market has no party 'z'"),
    "since": (lambda path: changed(path, "since = 2026", "since = 2027"), "not announced by the keys"),
    "signing_key": (lambda path: other_digit(path, "signing_key"), "not announced by the keys"),
    "old_signature": (lambda path: other_digit(path, "old_signature"), "not announced by the keys"),
    "new_signature": (lambda path: other_digit(path, "new_signature"), "not announced by the keys"),
    "fingerprint": (lambda path: other_digit(path, "fingerprint"), "the fingerprint is not that of the certificate"),
    "certificate": (
        lambda path: swap_certificate(path, path.parents[2] / "party-0" / "introduction.toml"),
        "not announced by the keys",
    ),
    "a key missing": (lambda path: changed(path, "since =", "# "), "since is missing in [rotation]"),
    "no table": (lambda path: changed(path, "[rotation]", "[introduction]"), "there is no table [rotation]"),
}


@pytest.mark.parametrize("field", ANNOUNCEMENT)
def test_a_changed_announcement_is_refused(oak: Path, field: str) -> None:
    path, before = announced(oak), (oak / "market.toml").read_bytes()
    change, message = ANNOUNCEMENT[field]
    (problem,) = adopted(oak, change(path))
    assert message in problem
    assert str(path) in problem
    assert (oak / "market.toml").read_bytes() == before


def test_a_stranger_announces_nothing(oak: Path, tmp_path: Path) -> None:
    """Another market of the same id and party names, whose keys this market does not know."""
    make(tmp_path / "fake")
    path = rotate(opened(tmp_path / "fake" / "party-1"), SINCE, NOW)
    assert "not announced by the keys that party '127.0.0.2' has in the market file" in adopted(oak, path)[0]


def test_keys_of_another_party_are_refused(oak: Path) -> None:
    """Signed as it should be, but they are party 0's already: the rules of market files hold for what is adopted."""
    path, problems, market = announced(oak), Problems(), market_of(oak)
    announcement = read_announcement(str(path), problems)
    assert announcement is not None
    taken = replace(market.parties[0], keys=(replace(announcement.keys, since=0),))
    crowded = replace(market, parties=(taken, *market.parties[1:]))
    assert adopt(crowded, announcement, "announcement", problems) is None
    assert "a key or certificate of party 0" in problems.shown[0]


def test_a_name_as_long_as_can_be(tmp_path: Path) -> None:
    """Certificates of one party stay apart by their names, however long the party's is."""
    for name in ("a" * 64, "é" * 64):
        party = make_party_home(tmp_path / name[0], name, addresses_from(("a.example", 8443)))
        assert party.name == name
