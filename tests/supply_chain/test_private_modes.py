"""Whatever the umask: what commands make is private, directories 0700 and files 0600, before anything is in them."""

import ast
import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from parties.cli.main import app
from parties.files.party_home import read_party_home
from parties.files.problems import Problems
from parties.ledger import Ledger
from parties.meter.home import open_home
from parties.meter.store import Store

ROOT = Path(__file__).resolve().parents[2]

COMMANDS: dict[str, tuple[str, ...]] = {
    "init": ("market", "--parties", "127.0.0.1:8443,127.0.0.2:8443,127.0.0.3:8443", "--supplier", "green.toml"),
    "party keygen": ("--home", "party", "--address", "a.example:8443"),
    "party rotate": ("--home", "market/party-1"),
    "supplier keygen": ("--home", "supplier", "--supplier", "green"),
    "grid keygen": ("--home", "grid", "--tso", "grid"),
    "arbiter keygen": ("--home", "arbiter", "--name", "ombudsman", "--out", "ombudsman.toml"),
    "registrar keygen": ("--home", "registrar"),
    "meter keygen": ("--home", "meter", "--meter", "m1", "--market", "market/market.toml", "--maximum", "10"),
}
"""Every command that makes keys, with the arguments of one call."""

SEQUENCE = (
    "supplier keygen",
    "init",
    "party keygen",
    "party rotate",
    "registrar keygen",
    "meter keygen",
    "grid keygen",
    "arbiter keygen",
)

OUTPUTS: dict[str, tuple[str, ...]] = {
    "meter history": ("--home", "meter", "--out", "history.csv"),
    "registrar list": ("--home", "market/registrar", "--out", "meters.csv"),
}
"""Of those that write what they show. What takes a market that runs: tests/service/settled_commands.py and
test_disputes.py, tests/cli/test_meter_process.py and test_clear.py."""

PUBLIC = {"market", "market.toml", "roll.bin", "introduction.toml", "announcement.toml", "ombudsman.toml"}
"""What is made to be handed around, and the directory of it: anyone may read it, its owner alone may write."""


def run(command: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "parties.cli.main", *command.split(), *{**COMMANDS, **OUTPUTS}[command]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        umask=0,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if command == "supplier keygen":
        (folder / "green.toml").write_text(done.stdout)


def open_to_others(folder: Path) -> list[str]:
    """What below `folder` anyone but its owner can get at: read if it is private, write if it is public."""
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in sorted(folder.rglob("*"))}
    return [
        f"{path.relative_to(folder)} {mode:04o}"
        for path, mode in modes.items()
        if mode & (0o022 if path.name in PUBLIC else 0o077)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all commands have made, under a umask that takes nothing away."""
    folder = tmp_path_factory.mktemp("made")
    for command in (*SEQUENCE, *OUTPUTS):
        run(command, folder)
    (folder / "green.toml").unlink()
    return folder


def test_what_commands_make_is_private(made: Path) -> None:
    keys = 3 * 2 + 2 + 2 + 2 + 1 + 2 + 2 + 2  # parties, another, next ones; supplier, registrar, meter, grid, arbiter
    assert len(list(made.rglob("*.key"))) >= keys
    assert {"history.csv", "meters.csv"} <= {path.name for path in made.iterdir()}
    assert open_to_others(made) == []


def test_storage_is_private(made: Path) -> None:
    """Shares, keys of rounds and orders are in the storage of parties and meters."""
    before = os.umask(0)
    try:
        problems = Problems()
        home = read_party_home(made / "market" / "party-0", 1_800_000_000, problems)
        problems.check()
        assert home is not None

        async def open_and_close() -> None:
            ledger = await Ledger.open(home.database, home.number)
            beside.extend(open_to_others(made))  # what SQLite keeps beside it, too
            await ledger.close()

        beside: list[str] = []
        asyncio.run(open_and_close())
        Store(open_home(made / "meter").store, "m1")
        assert beside + open_to_others(made) == []
        assert list(made.glob("**/*.db"))
    finally:
        os.umask(before)


def test_no_command_that_makes_keys_is_forgotten() -> None:
    group = typer.main.get_command(app)
    names = {
        f"{name} {sub}" if sub else name
        for name, command in group.commands.items()
        for sub in (getattr(command, "commands", None) or {"": None})
    }
    assert {name for name in names if name.split()[-1] in ("keygen", "rotate", "init")} == set(COMMANDS)
    assert set(SEQUENCE) == set(COMMANDS)


def test_what_is_written_for_everybody_is_known() -> None:
    """A market file, an arbiter's public keys, a request to be enrolled, the demo's pictures: all else that commands
    write is for whoever has asked for it.
    """
    found = []
    for path in sorted((ROOT / "parties").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and any(keyword.arg == "public" for keyword in node.keywords):
                found.append(f"{path.parent.name}/{path.name}: {ast.unparse(node.func)}")
    known = ("cli/arbiter", "cli/meter", "demo/output", "setup/creating", "setup/rotation")
    assert found == [f"{path}.py: write_files" for path in known]


def test_a_file_that_others_can_read_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "signing.key").touch(0o640)
    (tmp_path / "signing.key").chmod(0o640)
    (tmp_path / "market.toml").touch()
    (tmp_path / "market.toml").chmod(0o664)
    (tmp_path / "roll.bin").touch()
    (tmp_path / "roll.bin").chmod(0o644)
    assert open_to_others(tmp_path) == ["market.toml 0664", "signing.key 0640"]
