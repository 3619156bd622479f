"""`mpc-market supplier`: keys, totals from real HTTPS, and wrong inputs."""

import asyncio
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.tariff import Tariff
from parties.client.api import Api, RefusedError
from parties.files.key_home import IDENTITY, SEALING
from parties.files.private import key_text
from parties.files.problems import Problems
from parties.files.running import Supplier
from parties.files.running_toml import read_suppliers, running_text
from parties.supplier.home import SupplierHome
from parties.supplier.sheets import publish_tariff
from tests.cli.standin import Ended, Run
from tests.supplier.online_parties import OnlineParties, running_of
from tests.wire.wire_round import SUPPLIER, WireRound, sealing_key, signing_key

PERIOD = "2026-09-21T14:15:00Z"


@pytest.fixture
def parties(tmp_path: Path) -> Iterator[OnlineParties]:
    online = OnlineParties(tmp_path, WireRound())
    with online.online():
        yield online


@pytest.fixture
def home(tmp_path: Path, run: Run) -> Path:
    """The home of the supplier of `WireRound`."""
    path = tmp_path / "green"
    assert run("supplier", "keygen", "--home", str(path), "--supplier", SUPPLIER).code == 0
    (path / IDENTITY).write_bytes(key_text(signing_key(SUPPLIER).seed()))
    (path / SEALING).write_bytes(key_text(sealing_key(SUPPLIER).secret()))
    return path


def totals(run: Run, home: Path, market: Path, *more: str, period: str = PERIOD) -> Ended:
    return run("supplier", "totals", "--home", str(home), "--market", str(market), "--period", period, *more)


def test_keygen_prints_what_the_registrar_needs(tmp_path: Path, run: Run) -> None:
    ended = run("supplier", "keygen", "--home", str(tmp_path / "home"), "--supplier", "Énergie 1")
    assert (ended.code, ended.err) == (0, "")
    (row,) = tomllib.loads(ended.out)["supplier"]
    assert row["id"] == "Énergie 1"
    identity = bytes.fromhex((tmp_path / "home" / IDENTITY).read_text())
    sealing = bytes.fromhex((tmp_path / "home" / SEALING).read_text())
    assert identity.hex() not in ended.out
    assert sealing.hex() not in ended.out
    # as the registrar reads it
    (tmp_path / "green.toml").write_text(ended.out)
    problems = Problems()
    (listed,) = read_suppliers(str(tmp_path / "green.toml"), problems)
    assert problems.count == 0
    assert listed == Supplier("Énergie 1", SigningKey(identity).public, SealingKey(sealing).public)


def test_totals_on_the_screen_and_in_files(tmp_path: Path, run: Run, home: Path, parties: OnlineParties) -> None:
    files = (tmp_path / "totals.csv", tmp_path / "totals.json")
    ended = totals(run, home, parties.market, "--csv", str(files[0]), "--json", str(files[1]))
    assert (ended.code, ended.err) == (0, "")
    for line in ("users            4", "bought           0.004 kWh", "sold             0.006 kWh"):
        assert line in ended.out.splitlines()
    assert "all 3 parties" in ended.out
    assert files[0].read_text().splitlines()[1].startswith(f"oak-street,{PERIOD},green,4,0.004,0.006,")
    assert json.loads(files[1].read_text())["sold"] == "0.006"
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 2


def test_no_file_is_written_where_there_are_no_totals(
    tmp_path: Path, run: Run, home: Path, parties: OnlineParties
) -> None:
    parties.totals = {}
    ended = totals(run, home, parties.market, "--csv", str(tmp_path / "totals.csv"))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"mpc-market: error: {PERIOD}: fewer than 2 of this supplier's users")
    assert not (tmp_path / "totals.csv").exists()


def test_a_party_that_is_down_ends_with_one(run: Run, home: Path, parties: OnlineParties) -> None:
    parties.stop(1)
    ended = totals(run, home, parties.market)
    assert ended.code == 1
    assert "party 1: " in ended.err


WRONG = {
    "no period": (("--period", "yesterday"), "--period: period 'yesterday' is not the UTC start"),
    "between periods": (("--period", "2026-09-21T14:16:00Z"), "no period starts there"),
    "local time": (("--period", "2026-09-21T14:15:00+02:00"), "is not the UTC start"),
    "no market": (("--market", "nowhere.toml"), "nowhere.toml: no such file"),
    "no home": (("--home", "nowhere"), "nowhere: no such directory"),
    "no directory": (("--csv", "nowhere/totals.csv"), "nowhere/totals.csv: there is no such directory"),
    "a directory": (("--json", "."), "it is a directory, not a file"),
    "one file twice": (("--csv", "same", "--json", "same"), "--json: is the same file as --csv"),
    "unknown option": (("--xml", "totals.xml"), "No such option"),
    "empty period": (("--period", ""), "is not the UTC start"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_inputs(tmp_path: Path, run: Run, home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    market = tmp_path / "market.toml"
    market.write_text(running_text(running_of(WireRound(), certificates=_certificates())))
    options, message = WRONG[name]
    given = ["--home", str(home), "--market", str(market), "--period", PERIOD]
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option in given:
            given[given.index(option) + 1] = value
        else:
            given += [option, value]
    ended = run("supplier", "totals", *given)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not (tmp_path / "same").exists()


def test_more_wrong_inputs(tmp_path: Path, run: Run, home: Path) -> None:
    market = tmp_path / "market.toml"
    market.write_text("[market]\n")
    ended = totals(run, home, market)
    assert ended.code == 2
    assert "id is missing in [market]" in ended.err
    for arguments in (("--supplier", "a/b"), ("--supplier", "")):
        ended = run("supplier", "keygen", "--home", str(tmp_path / "new"), *arguments)
        assert ended.code == 2
        assert "--supplier: the id of a supplier" in ended.err
    assert run("supplier", "keygen", "--home", str(home), "--supplier", "green").code == 1
    assert run("supplier", "keygen").code == 2


TARIFF = {
    "--number": "1",
    "--from": "2026-09-21T14:15:00Z",
    "--retail": "0.0012",
    "--feed-in": "0.0003",
    "--fee": "0.0001",
}
WRONG_TARIFFS = {
    "two options": (
        {"--from": "2026-09-21T14:16:00Z", "--feed-in": "0.5"},
        ["--from: period '2026-09-21T14:16:00Z': no period starts there", "--feed-in: price 0.5 is out of range"],
    ),
    "three more": (
        {"--until": "tomorrow", "--retail": "x", "--fee": "0,03"},
        ["--until: period 'tomorrow' is not", "--retail: price 'x' is not", "--fee: price '0,03' has a decimal comma"],
    ),
    "an end before it begins": (
        {"--until": "2026-09-21T14:00:00Z"},
        ["--until: 2026-09-21T14:00:00Z is not after --from, 2026-09-21T14:15:00Z"],
    ),
}


@pytest.mark.parametrize("name", WRONG_TARIFFS)
def test_wrong_tariffs(tmp_path: Path, run: Run, home: Path, name: str) -> None:
    market = tmp_path / "market.toml"
    market.write_text(running_text(running_of(WireRound(), certificates=_certificates())))
    options, messages = WRONG_TARIFFS[name]
    given = [text for pair in {**TARIFF, **options}.items() for text in pair]
    ended = run("supplier", "publish-tariff", "--home", str(home), "--market", str(market), *given)
    assert (ended.code, ended.out) == (2, "")
    told = ended.err.splitlines()
    assert len(told) == len(messages)
    for message, line in zip(messages, told, strict=True):
        assert line.startswith(message)


def test_a_party_that_is_down_is_named_with_its_address(tmp_path: Path, run: Run, home: Path) -> None:
    market = tmp_path / "market.toml"
    market.write_text(running_text(running_of(WireRound(), certificates=_certificates())))
    given = [text for pair in TARIFF.items() for text in pair]
    ended = run("supplier", "publish-tariff", "--home", str(home), "--market", str(market), *given)
    assert ended.code == 1
    assert "not taken: party 0: https://" in ended.err


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("tariff-number", "party 1: number 7 is taken: use a higher one"),
        ("tariff-late", "party 1: it must arrive before 2026-11-26T15:50:30Z, when its first period begins"),
        ("odd", "party 1: refused: odd (status 409)"),
    ],
)
def test_what_a_refused_tariff_is_told(problem: str, said: str) -> None:
    class Refusing:
        parties = 3

        async def post(self, party: int, *_: object) -> bytes:
            if party == 1:
                raise RefusedError(party, problem, 409, None)
            return b""

    tariff = Tariff("oak", "green", 7, 1_795_708_230, 1_795_708_260, 1, 1, 1)
    home = SupplierHome(Path("green"), "green", SigningKey.generate(), SealingKey.generate())
    assert asyncio.run(publish_tariff(cast(Api, Refusing()), home, tariff)) == {1: said}


def _certificates() -> list[str]:
    from parties.tls.certificate import make_key_pair  # noqa: PLC0415

    return [make_key_pair(f"party {j}", ["127.0.0.1"]).certificate for j in range(3)]
