"""A market set up at once, or joined from what its parties tell of themselves."""

import os
import stat
from pathlib import Path

import pytest

from mpc_market.errors import InputError, InvalidSettingsError, OutputError
from parties.files.market import MarketFile
from parties.files.party_home import PartyHome, read_party_home
from parties.files.problems import Problems
from parties.files.running import Service
from parties.files.running_toml import read_running
from parties.registrar import desk
from parties.registrar.home import make_registrar_home, read_registrar_home
from parties.setup import creating
from parties.setup.addresses import addresses_from
from parties.setup.creating import create_market, join_market
from parties.setup.introduction import introductions
from parties.tls import client_context, mutual_tls
from tests.setup.market_directory import HOSTS, NOW, introduced, make, opened


def test_everything_is_there_and_private(tmp_path: Path) -> None:
    market = make(tmp_path / "oak")
    assert sorted(os.listdir(tmp_path)) == ["oak"]
    folders = ["market.toml", "party-0", "party-1", "party-2", "registrar", "roll.bin"]
    assert sorted(os.listdir(tmp_path / "oak")) == folders
    for path in (tmp_path / "oak").rglob("*"):
        if path.name != "market.toml":
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    problems = Problems()
    assert read_running(str(tmp_path / "oak" / "market.toml"), problems) == market
    registrar = read_registrar_home(tmp_path / "oak" / "registrar", problems)
    assert problems.count == 0
    assert registrar is not None
    assert desk.current(registrar).version == 1


def test_every_party_finds_itself(tmp_path: Path) -> None:
    market = make(tmp_path / "oak")
    for number, host in enumerate(HOSTS):
        home = opened(tmp_path / "oak" / f"party-{number}")
        assert (home.number, home.market, home.party) == (number, market, market.parties[number])
        assert home.signing_key(NOW).public == market.committee(NOW).key(number)
        assert home.roll.samefile(tmp_path / "oak" / "roll.bin")
        assert home.database == f"sqlite:///{tmp_path}/oak/party-{number}/ledger.db"
        assert (home.listen.api, home.listen.private) == ((host, 8443), (host, 8445))
        peers = {party: market.parties[party].certificates(NOW)[0] for party in range(3) if party != number}
        mutual_tls(home.identity(NOW), peers)  # the certificate fits its key


def test_no_secret_is_public_or_shown(tmp_path: Path) -> None:
    make(tmp_path / "oak")
    public = (tmp_path / "oak" / "market.toml").read_text() + (tmp_path / "oak/party-0/introduction.toml").read_text()
    home = opened(tmp_path / "oak" / "party-0")
    for secret in (tmp_path / "oak").rglob("*.key"):
        for line in secret.read_text().split("\n"):
            if len(line) >= 32:  # not the frame of a PEM
                assert "PRIVATE KEY" in line or (line not in public and line not in repr(home))


def test_nothing_is_left_of_a_market_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="2 compute parties: a market has 3, 5, 7"):
        make(tmp_path / "oak", HOSTS[:2])
    with pytest.raises(InputError, match=r"127\.0\.0\.1:8443 is taken: it is api of party 0"):
        create_market(
            tmp_path / "oak",
            MarketFile(id="oak"),
            Service(),
            [(name, addresses_from(("127.0.0.1", 8443))) for name in "abc"],
        )

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(creating, "begin", fail)
    with pytest.raises(OutputError, match="oak could not be made: No space left on device"):
        make(tmp_path / "oak")
    assert os.listdir(tmp_path) == []


def test_a_directory_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    with pytest.raises(OutputError, match="is there already, and is not empty"):
        make(tmp_path)
    with pytest.raises(OutputError, match="is there already"):
        make(tmp_path / "note")
    assert (tmp_path / "note").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty")


# --- joining ----------------------------------------------------------------------------------------------


def test_joining_without_holding_a_key(tmp_path: Path) -> None:
    """Three parties and a registrar on hosts of their own; what is joined holds no secret of theirs."""
    names = ("a.example", "b.example", "c.example")
    for name in names:
        introduced(tmp_path / name, name)
    registrar = make_registrar_home(tmp_path / "registrar")
    problems = Problems()
    parties = introductions([tmp_path / name / "introduction.toml" for name in names], problems)
    market = join_market(tmp_path / "oak", MarketFile(id="oak"), Service(), parties, registrar=registrar)
    assert problems.count == 0
    assert os.listdir(tmp_path / "oak") == ["market.toml"]
    text = (tmp_path / "oak" / "market.toml").read_bytes()
    for number, name in enumerate(names):
        (tmp_path / name / "market.toml").write_bytes(text)
        home = opened(tmp_path / name)
        assert (home.number, home.market) == (number, market)
        assert (home.listen.api, home.listen.private) == (("0.0.0.0", 8443), ("127.0.0.1", 8445))
    (tmp_path / "registrar" / "market.toml").write_bytes(text)
    opened_registrar = read_registrar_home(tmp_path / "registrar", problems)
    assert opened_registrar is not None
    assert desk.begin(opened_registrar).version == 1


def test_one_party_twice_is_refused(tmp_path: Path) -> None:
    parties = [introduced(tmp_path / name, name) for name in ("a.example", "b.example")]
    with pytest.raises(InputError) as error:
        join_market(tmp_path / "oak", MarketFile(id="oak"), Service(), [*parties, parties[0]])
    assert any("name is that of party 0 too" in problem for problem in error.value.problems)
    assert not (tmp_path / "oak").exists()


# --- addresses --------------------------------------------------------------------------------------------


def test_addresses_follow_from_one() -> None:
    named = addresses_from(("a.example", 8443))
    assert (named.api, named.control, named.mpc_host) == (("a.example", 8443), ("a.example", 8444), "a.example")
    assert named.mpc_ports == range(8450, 8490)
    assert (named.listen.api, named.listen.mpc, named.listen.private) == (
        ("0.0.0.0", 8443),
        "0.0.0.0",
        ("127.0.0.1", 8445),
    )
    public = addresses_from(("192.0.2.7", 443)).listen
    assert (public.api, public.private) == (("192.0.2.7", 443), ("127.0.0.1", 445))
    assert addresses_from(("::1", 8443)).listen.private == ("::1", 8445)
    assert addresses_from(("a.example", 65489)).mpc_ports[-1] == 65535
    with pytest.raises(InvalidSettingsError, match="choose one up to 65489"):
        addresses_from(("a.example", 65490))


# --- homes that are not in order --------------------------------------------------------------------------


def wrong(path: Path, now: int = NOW) -> list[str]:
    problems = Problems()
    assert read_party_home(path, now, problems) is None
    return problems.shown


@pytest.fixture
def home(tmp_path: Path) -> PartyHome:
    make(tmp_path / "oak")
    return opened(tmp_path / "oak" / "party-1")


def test_homes_that_are_not_in_order(home: PartyHome, tmp_path: Path) -> None:
    path = home.path
    (path / "signing.key").rename(tmp_path / "kept")
    assert wrong(path) == [f"{path}: no party of the market file has the signing key of this home: "
                           "is it the file of another market?"]  # fmt: skip
    (tmp_path / "kept").rename(path / "signing.key")
    (path / "tls.key").rename(tmp_path / "kept")
    (problem,) = wrong(path)
    assert "is not in" in problem
    assert (home.party.keys[0].fingerprint or "?") in problem
    (tmp_path / "kept").rename(path / "tls.key")
    (path / "tls.crt").write_text("nothing")
    assert wrong(path) == [f"{path}/tls.crt: not a certificate in PEM"]
    (path / "tls.crt").unlink()
    assert wrong(path) == [f"{path}/tls.crt: no such file"]
    (path / "signing.key").chmod(0o644)
    assert any("chmod 0600" in problem for problem in wrong(path))
    path.chmod(0o755)
    assert any("chmod 0700" in problem for problem in wrong(path))
    assert wrong(tmp_path / "none")[0] == f"{tmp_path}/none: no such directory"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("market =", "markt =", 1, "unknown key 'markt': this file has market, roll, database"),
        ("roll =", "# ", 1, "roll is missing in this file"),
        ("[listen]", "[listens]", 5, "unknown key 'listens'"),
        ("127.0.0.2:8443", "127.0.0.2", 6, 'api = "127.0.0.2": a host and a port'),
        ('mpc = "127.0.0.2"', "mpc = 1", 8, "mpc = 1: a host name or IP address"),
        ("private =", "# ", 5, "private is missing in [listen]"),
        ("market =", "market", 1, "not TOML"),
        ("sqlite:///ledger.db", "mysql://me:hunter2@host/db", 3, "database = …: a URL such as sqlite:///ledger.db"),
        ("sqlite:///ledger.db", "sqlite:///", 3, "database = …: a URL such as"),
    ],
)
def test_settings_of_a_home_that_are_refused(home: PartyHome, old: str, new: str, line: int, message: str) -> None:
    file = home.path / "party.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    problems = wrong(home.path)
    assert problems[0].startswith(f"{file}:{line}: ")
    assert message in problems[0]
    assert "hunter2" not in "".join(problems)


def test_a_database_elsewhere(home: PartyHome) -> None:
    file = home.path / "party.toml"
    url = "postgresql://market:hunter2@db.example/party1"
    file.write_text(file.read_text().replace("sqlite:///ledger.db", url))
    elsewhere = opened(home.path)
    assert elsewhere.database == url
    assert "hunter2" not in repr(elsewhere)


def test_the_files_of_two_markets(home: PartyHome, tmp_path: Path) -> None:
    make(tmp_path / "elm")
    (tmp_path / "oak" / "market.toml").write_bytes((tmp_path / "elm" / "market.toml").read_bytes())
    assert "is it the file of another market?" in wrong(home.path)[0]
    problems = Problems()
    assert read_registrar_home(tmp_path / "oak" / "registrar", problems) is None
    assert "the market file names another registrar" in problems.shown[0]


def test_certificates_of_a_market_can_be_trusted_together(tmp_path: Path) -> None:
    market = make(tmp_path / "oak")
    client_context(pem for party in market.parties for pem in party.certificates(NOW))
