"""`mpc-market init` and `party keygen`, `rotate`, `adopt`: what an operator types, and what is said to it."""

import os
from pathlib import Path

import pytest

from parties.files.problems import Problems
from parties.files.running import RunningMarket
from parties.files.running_toml import read_running
from parties.setup.introduction import read_introduction
from tests.cli.standin import Run

HOSTS = "127.0.0.1:8443,127.0.0.2:8443,127.0.0.3:8443"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def market_of(path: str) -> RunningMarket:
    problems = Problems()
    market = read_running(path, problems)
    assert problems.shown == []
    assert market is not None
    return market


def test_a_market_at_once(run: Run) -> None:
    ended = run("init", "oak", "--parties", HOSTS)
    assert (ended.code, ended.err) == (0, "")
    market = market_of("oak/market.toml")
    assert (market.id, [party.name for party in market.parties]) == ("oak", ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
    for party in market.parties:
        assert (party.keys[0].fingerprint or "?") in ended.out
    assert market.service.gate_lead.total_seconds() == 300
    assert market.service.deadline.total_seconds() == 240
    assert "mpc-market party run" in ended.out
    again = run("init", "oak", "--parties", HOSTS)
    assert (again.code, again.out) == (1, "")
    assert again.err == "mpc-market: error: oak is there already, and is not empty: nothing was written\n"
    assert market_of("oak/market.toml") == market


def test_all_options(run: Run) -> None:
    said = {
        "id": "elm.1", "currency": "GBP", "timezone": "Europe/London", "price-tick": "0.01", "price-min": "-1",
        "price-bits": "10", "lot": "0.5", "quantity-bits": "9", "period": "PT10S", "rationing": "lottery",
        "orders-per-submission": "4", "minimum-group": "3", "gate-lead": "PT4S", "deadline": "PT2S", "retention": "P1D",
    }  # fmt: skip
    options = [f"--{key}={value}" for key, value in said.items()]
    assert run("init", "a", "--parties", HOSTS, *options).code == 0
    text = Path("a/market.toml").read_text()
    for key, value in said.items():
        line = f"{key.replace('-', '_')} = "
        assert f"{line}{value}" in text or f'{line}"{value}"' in text
    # what is like another market is the same, but for what is said otherwise
    assert run("init", "b", "--parties", HOSTS, "--like", "a/market.toml", "--deadline", "PT3S", "--id", "b").code == 0
    a, b = market_of("a/market.toml"), market_of("b/market.toml")
    assert (b.id, b.settings.period, b.service.gate_lead) == ("b", a.settings.period, a.service.gate_lead)
    assert b.service.deadline.total_seconds() == 3
    assert b.settings.price_text(0) == "-1.00"


def test_short_periods_have_short_gates(run: Run) -> None:
    for period, lead, deadline in (("PT10S", 3, 2), ("PT1S", 1, 1), ("PT2M", 40, 32), ("PT1H", 1200, 960)):
        assert run("init", period.lower(), "--parties", HOSTS, "--period", period).code == 0
        service = market_of(f"{period.lower()}/market.toml").service
        assert (service.gate_lead.total_seconds(), service.deadline.total_seconds()) == (lead, deadline)


def test_a_market_joined(run: Run) -> None:
    names = "abc"
    for name in names:
        ended = run("party", "keygen", "--home", name, "--address", f"{name}.example:8443")
        assert (ended.code, ended.err) == (0, "")
        assert f"{name}/introduction.toml: introduces {name}.example" in ended.out
    made = run("registrar", "keygen", "--home", "registrar")
    key = made.out.split()[-1]
    files = [f"{name}/introduction.toml" for name in names]
    ended = run("init", "oak", "--join", *files, "--registrar", key, "--period", "PT5M")
    assert (ended.code, ended.err) == (0, "")
    assert os.listdir("oak") == ["market.toml"]
    assert market_of("oak/market.toml").registrar.hex() == key
    # the registrar's home is made beside it unless there is one
    assert run("init", "elm", "--join", *files).code == 0
    assert sorted(os.listdir("elm")) == ["market.toml", "registrar", "roll.bin"]


def test_others_find_a_party_elsewhere_than_it_listens(run: Run) -> None:
    """As docs/running.md says for Kubernetes."""
    options = ["--api", "a.example:443", "--control", "b.example:9000", "--mpc-host", "b.example"]
    ended = run("party", "keygen", "--home", "a", "--address", "a.example:8443", *options, "--mpc-ports", "8450-8465")
    assert ended.code == 0, ended.err
    problems = Problems()
    party = read_introduction("a/introduction.toml", problems)
    assert problems.shown == []
    assert party is not None
    assert (party.api, party.control, party.mpc_host) == ("https://a.example:443", ("b.example", 9000), "b.example")
    assert party.mpc_ports == range(8450, 8466)
    listen = Path("a/party.toml").read_text()
    assert "0.0.0.0:8443" in listen
    assert "0.0.0.0:8444" in listen


def test_keys_of_one_home_are_made_once(run: Run) -> None:
    assert run("party", "keygen", "--home", "a", "--address", "a.example:8443", "--name", "Ann's").code == 0
    before = Path("a/signing.key").read_bytes()
    ended = run("party", "keygen", "--home", "a", "--address", "a.example:8443")
    said = "a could not be made: it is there already, and keys are never replaced: name another one"
    assert (ended.code, ended.err) == (1, f"mpc-market: error: {said}\n")
    assert Path("a/signing.key").read_bytes() == before


WRONG: dict[str, tuple[list[str], str]] = {
    "neither": ([], "init: say either --parties HOST:PORT,… or --join FILE…"),
    "both": (["--join", "a.toml", "--parties", HOSTS], "init: say either"),
    "files without --join": (["a.toml", "--parties", HOSTS], "init: introductions are for --join"),
    "--join without files": (["--join"], "--join: name the introductions of all parties"),
    "a registrar without --join": (["--parties", HOSTS, "--registrar", "0" * 64], "--registrar: goes with --join"),
    "a registrar's key that is none": (["--join", "a", "--registrar", "xyz"], "--registrar: 'xyz' is not 64 hex"),
    "two parties": (["--parties", "a:1,b:1"], "init: 2 compute parties: a market has 3, 5, 7"),
    "four parties": (["--parties", "a:1,b:1,c:1,d:1"], "init: 4 compute parties: a market has 3, 5, 7"),
    "no port": (["--parties", "a,b,c"], "--parties: 'a': a host and a port such as"),
    "an empty one": (["--parties", "a:1,,c:1"], "--parties: '': a host and a port such as"),
    "a port too high": (["--parties", "a:65500,b:1,c:1"], "--parties: 'a:65500': a party takes 46 ports above its own"),
    "ports too close": (
        ["--parties", "127.0.0.1:8443,127.0.0.1:8453,c:1"],
        "the market file:52: 127.0.0.1:8453 is taken: it is mpc_ports of party 0 already",
    ),
    "one address twice": (["--parties", "a:1,a:1,c:1"], "is taken"),
    "no introduction there": (["--join", "a.toml"], "a.toml: no such file"),
    "no introduction": (["--join", "wrong.toml"], "wrong.toml:1: there is no table [introduction]"),
    "a market id": (["--parties", HOSTS, "--id", "Oak Street"], '--id: "Oak Street": a market id is'),
    "a period": (["--parties", HOSTS, "--period", "15m"], '--period: "15m": an ISO 8601 duration'),
    "a retention time": (
        ["--parties", HOSTS, "--retention", "PT23H"],
        '--retention: "PT23H": at least P1D is expected',
    ),
    "a gate lead": (["--parties", HOSTS, "--gate-lead", "-PT5M"], '--gate-lead: "-PT5M": an ISO 8601 duration'),
    "a rationing rule": (["--parties", HOSTS, "--rationing", "fair"], '--rationing: "fair": "pro-rata" or "lottery"'),
    "a tick": (["--parties", HOSTS, "--price-tick", "0,01"], '--price-tick: "0,01": a decimal number'),
    "a smallest price": (["--parties", HOSTS, "--price-min", "0.00005"], "not a multiple of the tick"),
    "too many orders": (["--parties", HOSTS, "--orders-per-submission", "256"], "a whole number from 1 to 255"),
    "a template that is none": (
        ["--parties", HOSTS, "--like", "wrong.toml"],
        "wrong.toml:1: there is no table [market]",
    ),
    "a supplier that is none": (
        ["--parties", HOSTS, "--supplier", "wrong.toml"],
        "wrong.toml:1: 'other': only [[supplier]]",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(run: Run, name: str) -> None:
    Path("wrong.toml").write_text("[other]\n")
    arguments, message = WRONG[name]
    ended = run("init", "oak", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert os.listdir() == ["wrong.toml"]


def test_a_directory_whose_name_is_no_id(run: Run) -> None:
    ended = run("init", "Größe", "--parties", HOSTS)
    assert ended.code == 2
    assert ended.err.startswith("--id: 'größe' will not do as the id of the market")
    assert run("init", "Oak Street", "--parties", HOSTS).code == 0
    assert market_of("Oak Street/market.toml").id == "oak-street"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--address", "a.example"], "--address: 'a.example': a host and a port"),
        (["--address", "a.example:65500"], "--address: 'a.example:65500': a party takes 46 ports"),
        (["--address", "a.example:8443", "--api", "a.example"], "--api: 'a.example': a host and a port"),
        (["--address", "a.example:8443", "--control", "9000\x1b"], "--control: '9000\\x1b': a host and a port"),
        (["--address", "a.example:8443", "--control", "a.example:8443"], "--control: it is that of the public API"),
        (["--address", "a.example:8443", "--mpc-host", "a b"], "--mpc-host: 'a b': a host name or IP address"),
        (["--address", "a.example:8443", "--mpc-ports", "8465-8450"], "--mpc-ports: '8465-8450': a range of ports"),
        (["--address", "a.example:8443", "--mpc-ports", "8450-8450"], "--mpc-ports: at least 2 ports are needed"),
        (["--address", "a.example:8443", "--mpc-ports", "8444-8460"], "--mpc-ports: the public or the control API"),
        (["--address", "a.example:8443", "--mpc-ports", "8445-8460"], "--mpc-ports: the party listens on one of them"),
        (["--address", "a.example:8443", "--name", ""], "--name: a name of 1 to 64 printable characters"),
        (["--address", "a.example:8443", "--name", "a\x1b"], "--name: a name of 1 to 64 printable characters"),
    ],
)
def test_homes_that_are_not_made(run: Run, arguments: list[str], message: str) -> None:
    ended = run("party", "keygen", "--home", "a", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert os.listdir() == []


# --- rotation ---------------------------------------------------------------------------------------------


def test_keys_are_changed_by_two_commands(run: Run) -> None:
    run("init", "oak", "--parties", HOSTS)
    ended = run("party", "rotate", "--home", "oak/party-1", "--since", "2099-01-01T00:00:00Z")
    assert (ended.code, ended.err) == (0, "")
    assert "oak/party-1/keys-2/announcement.toml: announces keys of 127.0.0.2 from 2099-01-01T00:00:00Z on" in ended.out
    before = market_of("oak/market.toml")
    assert [len(party.keys) for party in before.parties] == [1, 1, 1]  # nothing has changed yet
    for _ in range(2):
        adopted = run("party", "adopt", "oak/party-1/keys-2/announcement.toml", "--market", "oak/market.toml")
        assert (adopted.code, adopted.err) == (0, "")
        assert "party 1: 127.0.0.2, new keys 2099-01-01T00:00:00Z" in adopted.out
        assert "party 2: 127.0.0.3, new keys none" in adopted.out
    keys = market_of("oak/market.toml").parties[1].keys
    assert len(keys) == 2
    assert (keys[1].fingerprint or "?") in ended.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "tomorrow"], "--since: 'tomorrow': a moment such as 2026-12-01T00:00:00Z is expected"),
        (["--since", "2001-01-01T00:00:00Z"], "--since: 2001-01-01T00:00:00Z has passed"),
        (["--home", "none"], "none: no such directory"),
        (["--home", "oak/registrar"], "oak/registrar/party.toml: no such file"),
    ],
)
def test_rotations_that_are_refused(run: Run, arguments: list[str], message: str) -> None:
    run("init", "oak", "--parties", HOSTS)
    ended = run("party", "rotate", "--home", "oak/party-1", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not Path("oak/party-1/keys-2").exists()


def test_announcements_that_are_refused(run: Run) -> None:
    run("init", "oak", "--parties", HOSTS)
    run("init", "elm", "--parties", HOSTS)
    run("party", "rotate", "--home", "elm/party-1")
    before = Path("oak/market.toml").read_bytes()
    for file, message in (
        ("elm/party-1/keys-2/announcement.toml", "an announcement in market elm, not oak"),
        ("elm/party-1/introduction.toml", "there is no table [rotation]"),
        ("none.toml", "none.toml: no such file"),
    ):
        ended = run("party", "adopt", file, "--market", "oak/market.toml")
        assert (ended.code, ended.out) == (2, "")
        assert message in ended.err
    assert run("party", "adopt", "x.toml", "--market", "none.toml").code == 2
    assert Path("oak/market.toml").read_bytes() == before
