"""`mpc-market audit`: fetched over real HTTPS, verified offline, exit codes, and wrong inputs."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mpc_market.rules.ticket import ticket
from mpc_market.wire.message import sign
from mpc_market.wire.receipt import receipt_for
from parties.audit.evidence import Evidence
from parties.audit.saved import chain_path
from parties.files.running_toml import running_text
from parties.tls.certificate import make_key_pair
from tests.audit.chains import Market, changed
from tests.audit.test_audit_settling import SettledMarket
from tests.cli.standin import Ended, Run
from tests.supplier.online_parties import OnlineParties, running_of
from tests.wire.wire_round import WireRound

ROOT = Path(__file__).parents[2]
PERIOD = "2026-09-21T14:15:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory as `audit fetch` leaves it, in `records`, beside `market.toml`."""
    (tmp_path / "records").mkdir()
    market = Market(tmp_path / "records").save()
    certificates = [make_key_pair(f"party {j}", ["127.0.0.1"]).certificate for j in range(3)]
    (tmp_path / "market.toml").write_text(running_text(running_of(market.rounds[0], certificates=certificates)))
    return tmp_path


def evidence_of(played: WireRound) -> Evidence:
    header = played.submissions[1].header
    receipts = tuple(sign(receipt_for(header, j, 1), key) for j, key in enumerate(played.signing))
    deliveries = tuple(sign(played.delivered()[1][j], key) for j, key in enumerate(played.signing))
    return Evidence(header, receipts, deliveries)


def verify(run: Run, folder: Path, *more: str) -> Ended:
    return run("audit", "verify", str(folder / "records"), "--market", str(folder / "market.toml"), *more)


def test_fetch_and_verify(tmp_path: Path, run: Run) -> None:
    market = Market(tmp_path / "unused")
    online = OnlineParties(tmp_path, market.rounds[0])
    online.chains = [market.chain(party) for party in range(3)]
    with online.online():
        options = ("--market", str(online.market), "--out", str(tmp_path / "records"))
        ended = run("audit", "fetch", *options)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.splitlines() == [f"party {j} (party {j}): 4 records, 4 of them new" for j in range(3)]
        online.stop(1)
        ended = run("audit", "fetch", *options)
        assert ended.code == 1
        assert "party 1 (party 1): 4 records, 0 of them new" in ended.out
        assert ended.err.startswith("mpc-market: not all: party 1: ")
    # nobody is online any more
    ended = verify(run, tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("audit: everything that can be checked holds\n")


def test_something_wrong_ends_with_one(folder: Path, run: Run) -> None:
    path = chain_path(folder / "records", 1)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"".join(line + b"\n" for line in [*lines[:3], changed(lines[3], verdicts=[3, 1, 0])]))
    ended = verify(run, folder)
    assert (ended.code, ended.err) == (1, "")
    assert "  - party-1.jsonl:4: no record: a record that is not in its canonical form" in ended.out
    assert ended.out.endswith("audit: 1 thing wrong\n")


def test_evidence_of_a_meter(folder: Path, run: Run) -> None:
    played = Market(folder / "records").save().rounds[0]
    evidence = evidence_of(played)
    (folder / "m1.json").write_text(evidence.encode())
    ended = verify(run, folder, "--evidence", str(folder / "m1.json"))
    assert ended.code == 0
    assert "it is in the set that all parties signed (Merkle path of party 0, party 1, party 2)" in ended.out
    assert ticket(played.randomness.ticket_seed, "meter-1/0").hex() in ended.out
    # the same, message by message; and a path that leads nowhere
    (folder / "header").write_bytes(evidence.header.encode())
    (folder / "receipt").write_bytes(evidence.receipts[0].encode())
    bad = replace(evidence.deliveries[2].message, index=3)
    (folder / "delivery").write_bytes(sign(bad, played.signing[2]).encode())
    files = [f"--{name}={folder / name}" for name in ("header", "receipt", "delivery")]
    ended = verify(run, folder, *files)
    assert ended.code == 1
    assert "party 2 has signed a path that does not lead to the Merkle root" in ended.out
    assert ended.out.endswith("audit: 1 proof of a party's fault\n")


def test_tickets(folder: Path, run: Run) -> None:
    played = Market(folder / "records").save().rounds[0]
    options = ("--market", str(folder / "market.toml"), "--period", PERIOD)
    ended = run("audit", "ticket", str(folder / "records"), "meter-0/0", "meter-1/0", *options)
    assert ended.code == 0
    seed = played.randomness.ticket_seed
    drawn = sorted(f"{ticket(seed, order).hex()}  {order}" for order in ("meter-0/0", "meter-1/0"))
    assert ended.out.splitlines() == [f"ticket seed {seed.hex()}", *drawn]
    for period, message in (
        ("2026-09-21T14:45:00Z", "the round is void, and no lots were drawn"),
        ("2026-09-22T14:45:00Z", "no record of this round that holds"),
    ):
        ended = run("audit", "ticket", str(folder / "records"), "m/0", *options[:2], "--period", period)
        assert ended.code == 1
        assert message in ended.err


def test_verifying_opens_no_connection(folder: Path) -> None:
    """In a process of its own that ends at the first socket, be it for a name or a connection."""
    market = Market(folder / "records").save()
    (folder / "m1.json").write_text(evidence_of(market.rounds[0]).encode())
    code = (
        "import os, sys\n"
        "sys.addaudithook(lambda event, _: os._exit(77) if event.startswith('socket.') else None)\n"
        "from parties.cli.main import main\n"
        "main()\n"
    )
    arguments = ["audit", "verify", "records", "--market", "market.toml", "--evidence", "m1.json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    # the hook does see sockets
    fetch = ["audit", "fetch", "--market", "market.toml", "--out", "records"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *fetch], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert ended.returncode == 77


def test_verifying_imports_nothing_heavy(folder: Path) -> None:
    code = (
        "import sys\n"
        "import parties.audit.verifying, parties.audit.orders, parties.audit.wording, parties.audit.evidence_files\n"
        "print({'numpy', 'mpyc', 'httpx', 'cryptography', 'fastapi', 'sqlalchemy'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert (ended.stdout, ended.stderr) == (b"set()\n", b"")


def test_a_market_that_is_settled_has_four_chains_of_each_party(tmp_path: Path, run: Run) -> None:
    market = SettledMarket(tmp_path)
    certificates = [make_key_pair(f"party {j}", ["127.0.0.1"]).certificate for j in range(3)]
    shown = replace(running_of(WireRound(), certificates=certificates), service=market.running.service)
    (tmp_path / "market.toml").write_text(running_text(shown))
    arguments = ("audit", "verify", str(tmp_path), "--market", str(tmp_path / "market.toml"))
    ended = run(*arguments)
    assert (ended.code, ended.err) == (0, "")
    names = [line for line in ended.out.splitlines() if line.startswith("market ")]
    assert names == [f"market oak-street{stage}, 3 parties" for stage in ("", ":settlement", ":correction", ":closing")]
    closing = chain_path(tmp_path / "closing", 1)
    closing.write_bytes(b"".join(closing.read_bytes().splitlines(keepends=True)[1:]))
    ended = run(*arguments)
    assert ended.code == 1
    assert "party-1.jsonl:1: record 1 where record 0 is to follow" in ended.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "nowhere", "--market", "market.toml"), "nowhere: there is no party-0.jsonl"),
        (("verify", ".", "--market", "market.toml"), "there is no party-0.jsonl"),
        (("verify", "records", "--market", "nowhere.toml"), "nowhere.toml: no such file"),
        (("verify", "records", "--market", "small.toml"), "small.toml:1: id is missing in [market]"),
        (("verify", "records"), "Missing option '--market'"),
        (("verify", "records", "--market", "market.toml", "--evidence", "nowhere"), "nowhere: cannot be read"),
        (
            ("verify", "records", "--market", "market.toml", "--evidence", "market.toml"),
            "market.toml: not what a meter",
        ),
        (("verify", "records", "--market", "market.toml", "--receipt", "market.toml"), "not what a meter shows of one"),
        (("verify", "records", "--market", "market.toml", "--header", "."), ".: cannot be read: Is a directory"),
        (("verify", "records", "--market", "market.toml", "--evidence", "elm.json"), "it is of market elm"),
        (("fetch", "--market", "nowhere.toml", "--out", "x"), "nowhere.toml: no such file"),
        (("fetch", "--market", "market.toml"), "Missing option '--out'"),
        (("fetch", "--market", "market.toml", "--out", "home"), "--out: home is or lies in home, the home of somebody"),
        (("fetch", "--market", "market.toml", "--out", "home/x/y"), "--out: home/x/y is or lies in "),
        (("fetch", "--market", "market.toml", "--out", "link"), "--out: link is or lies in "),
        (("fetch", "--market", "market.toml", "--out", "small.toml"), "--out: small.toml is a file: name a directory"),
        (("ticket", "records", "m/0", "--market", "market.toml", "--period", "noon"), "--period: period 'noon'"),
        (
            ("ticket", "records", "m17", "m/0", "--market", "market.toml", "--period", PERIOD),
            "ORDER_ID: 'm17' is",
        ),
        (("ticket", "records", "m/01", "--market", "market.toml", "--period", PERIOD), "'m/01' is the id of no order"),
        (("ticket", "records", "--market", "market.toml", "--period", PERIOD), "Missing argument 'ORDER_ID...'"),
        (("ticket", "x", "m/0", "--market", "market.toml", "--period", PERIOD), "x: there is no party-0.jsonl"),
    ],
)
def test_wrong_inputs(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(folder)
    Path("small.toml").write_text("[market]\n")
    Path("home/deep").mkdir(parents=True)
    Path("home/signing.key").write_text("")
    Path("link").symlink_to("home/deep")
    Path("elm.json").write_text(evidence_of(WireRound(market="elm")).encode())
    ended = run("audit", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_directory_that_cannot_be_made(folder: Path, run: Run) -> None:
    (folder / "taken").write_text("")
    ended = run("audit", "fetch", "--market", str(folder / "market.toml"), "--out", str(folder / "taken/in"))
    assert ended.code == 1
    assert "Not a directory" in ended.err
