"""`mpc-market party backup` and `restore`, and what they refuse; that a ledger in a file has no replicas."""

import asyncio
import os
import pwd
from pathlib import Path

import pytest

from parties.ledger import Ledger
from tests.cli.standin import Run
from tests.postgres import Cluster, postgres

__all__ = ["postgres"]


@pytest.fixture
def home(tmp_path: Path, run: Run) -> Path:
    """The home of party 1, whose ledger knows a round that is under way."""
    hosts = ",".join(f"127.0.0.{number}:8443" for number in (1, 2, 3))
    assert run("init", str(tmp_path / "market"), "--parties", hosts).code == 0
    path = tmp_path / "market" / "party-1"
    asyncio.run(begin(f"sqlite:///{path}/ledger.db"))
    return path


async def begin(url: str) -> None:
    ledger = await Ledger.open(url, 1)
    await ledger.create_round("market", 900, opens_ms=1000, gate_ms=2000, deadline_ms=3000, state="opening")
    await ledger.close()


async def fenced(url: str) -> list[bool]:
    ledger = await Ledger.open(url, 1)
    try:
        return [row.fenced for row in await ledger.unfinished_rounds()]
    finally:
        await ledger.close()


def test_there_and_back(tmp_path: Path, home: Path, run: Run) -> None:
    file = tmp_path / "backup.db"
    ended = run("party", "backup", "--home", str(home), str(file))
    assert (ended.code, ended.err) == (0, "")
    assert "the ledger of party 1" in ended.out
    assert file.stat().st_mode & 0o077 == 0
    (home / "ledger.db").unlink()
    ended = run("party", "restore", "--home", str(home), str(file))
    assert (ended.code, ended.err) == (0, "")
    assert "party 1 has its ledger back" in ended.out
    assert asyncio.run(fenced(f"sqlite:///{home}/ledger.db")) == [True]


def test_what_is_refused(tmp_path: Path, home: Path, run: Run) -> None:
    file = tmp_path / "backup.db"
    assert run("party", "backup", "--home", str(home), str(file)).code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    other = home.parent / "party-2"
    for arguments, code, message in (
        (["backup", "--home", str(home), str(file)], 1, "there is a file of this name already"),
        (["backup", "--home", str(home), str(tmp_path / "no" / "where")], 1, "cannot be opened or written"),
        (
            ["backup", "--home", str(other), str(tmp_path / "2.db")],
            1,
            f"{other}/ledger.db: there is no such file",
        ),
        (["backup", "--home", str(tmp_path / "nobody"), str(tmp_path / "2.db")], 2, "no such directory"),
        (["backup", "--home", str(home)], 2, "Missing argument"),
        (["restore", "--home", str(home), str(file)], 1, "move it away"),
        (["restore", "--home", str(other), str(file)], 1, "it is the ledger of party 1, not of party 2"),
        (["restore", "--home", str(other), str(tmp_path / "nothing.db")], 1, "no such file"),
        (["restore", "--home", str(other), str(home / "party.toml")], 1, "damaged or no ledger at all"),
    ):
        ended = run("party", *arguments)
        assert ended.code == code, arguments
        assert message in ended.err, arguments
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_without_any_backup(home: Path, run: Run) -> None:
    """An empty ledger that knows that it was not the first."""
    other, url = home.parent / "party-2", f"sqlite:///{home.parent}/party-2/ledger.db"
    ended = run("party", "restore", "--home", str(other))
    assert (ended.code, ended.err) == (0, "")

    async def next_round(opens_ms: int) -> bool:
        ledger = await Ledger.open(url, 2)
        row = await ledger.create_round(
            "market", opens_ms, opens_ms=opens_ms, gate_ms=1, deadline_ms=2, state="opening"
        )
        await ledger.close()
        return row.fenced

    assert asyncio.run(next_round(1000))
    assert not asyncio.run(next_round(2**50))


def test_on_a_server(home: Path, run: Run, postgres: Cluster) -> None:
    """Its own tools make the backup; what was restored by them is fenced by this command."""
    url = postgres.new_database()
    settings = home / "party.toml"
    settings.write_text(settings.read_text().replace("sqlite:///ledger.db", url))
    asyncio.run(begin(url))
    assert asyncio.run(fenced(url)) == [False]
    for arguments in (["backup", "--home", str(home), "file"], ["restore", "--home", str(home), "file"]):
        ended = run("party", *arguments)
        assert (ended.code, postgres.password in ended.err) == (2, False)
        assert "the server's own tools" in ended.err
    ended = run("party", "restore", "--home", str(home))
    assert (ended.code, ended.err) == (0, "")
    assert "1 rounds under way" in ended.out
    assert asyncio.run(fenced(url)) == [True]


def test_a_ledger_in_a_file_has_no_replicas(home: Path, run: Run) -> None:
    done = run("party", "run", "--intake", "--home", str(home))
    assert done.code == 2
    assert "replicas share a PostgreSQL database; party.toml has a file" in done.err


@pytest.mark.parametrize("option", [["--stand-by"], ["--workers", "2"]])
def test_a_replica_neither_stands_by_nor_computes(home: Path, run: Run, option: list[str]) -> None:
    done = run("party", "run", "--intake", *option, "--home", str(home))
    assert done.code == 2
    assert "leave --stand-by and --workers out" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user's")
@pytest.mark.parametrize("arguments", [["rotate"], ["restore"]])
def test_in_a_home_of_another_user_nothing_is_made(home: Path, run: Run, arguments: list[str]) -> None:
    """The party's own user could not read what root makes there: its service would end."""
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    before = sorted(home.rglob("*"))
    done = run("party", *arguments, "--home", str(home))
    assert done.code == 2
    assert f"{home}: it belongs to user nobody, who could not read what is made here: run this as sudo -u 'nobody'" in (
        done.err
    )
    assert sorted(home.rglob("*")) == before
