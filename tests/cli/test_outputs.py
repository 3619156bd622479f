"""No command replaces a key, or anything else that it reads, by its output: refused before a party is asked; and every
output appears whole or not at all.
"""

import ast
import os
from pathlib import Path

import pytest

from tests.cli.standin import Run

ROOT = Path(__file__).parents[2]
MARKET = "oak/market.toml"
SETTLED = ("--market", MARKET, "--month", "2026-11")

COMMANDS = {
    "meter bill": ("m1", ("--month", "2026-11", "--market", MARKET), ("--html", "--csv", "--json")),
    "meter history": ("m1", (), ("--out",)),
    "meter evidence": ("m1", ("--period", "2026-11-21T12:00:00Z"), ("--out",)),
    "meter enrol-request": ("m1", (), ("--out",)),
    "meter dispute": ("m1", ("--period", "2026-11-21T12:00:00Z", "--arbiter", "bench.toml"), ("--out",)),
    "supplier totals": ("green", ("--market", MARKET, "--period", "2026-11-21T12:00:00Z"), ("--csv", "--json")),
    "supplier bills": ("green", SETTLED, ("--html", "--csv", "--json")),
    "grid totals": ("north", SETTLED, ("--csv", "--json")),
    "arbiter check": ("bench", ("--market", MARKET, "case"), ("--json",)),
    "registrar list": ("oak/registrar", (), ("--out",)),
}


@pytest.fixture
def homes(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of every role."""
    monkeypatch.chdir(tmp_path)
    hosts = ",".join(f"127.0.0.{j}:8443" for j in (1, 2, 3))
    for line in (
        f"init oak --parties {hosts} --billing month",
        "supplier keygen --home green --supplier green",
        "grid keygen --home north --dso north --area land",
        f"meter keygen --home m1 --meter m1 --market {MARKET} --maximum 10.000",
        "arbiter keygen --home bench --name bench --out bench.toml",
    ):
        assert run(*line.split()).code == 0
    return tmp_path


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_written_into_a_home_or_over_an_input(homes: Path, run: Run) -> None:
    for command, (home, more, options) in COMMANDS.items():
        (homes / home / "deeper").mkdir(exist_ok=True)
        (homes / "link").unlink(missing_ok=True)
        (homes / "link").symlink_to(next((homes / home).glob("*.key")).absolute())
        before = files(homes)
        lies = f"lies in {home}, which is only read: keys are never replaced"
        for option in options:
            for path, reason in (
                (f"{home}/deeper/new.csv", lies),
                ("link", lies),
                (MARKET, "is an input file"),
            ):
                ended = run(*command.split(), "--home", home, *more, option, path)
                assert (ended.code, ended.out) == (2, ""), (command, path)
                assert f"{option}: {path} {reason}" in ended.err, command
        assert files(homes) == before, command


def test_other_inputs(homes: Path, run: Run) -> None:
    arguments = ("meter", "dispute", "--home", "m1", "--period", "2026-11-21T12:00:00Z", "--arbiter", "bench.toml")
    before = files(homes)
    assert "--out: bench.toml is an input file" in run(*arguments, "--out", "bench.toml").err
    assert "lies in new" in run("arbiter", "keygen", "--home", "new", "--name", "x", "--out", "new/x.toml").err
    assert files(homes) == before


def test_a_request_to_be_enrolled_appears_whole_or_not_at_all(
    homes: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (homes / "m1.request").write_text("old")
    before = files(homes)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        ended = run("meter", "enrol-request", "--home", "m1", "--out", "m1.request")
    assert ended.code == 1
    assert "m1.request could not be written: No space left on device; no output was written" in ended.err
    assert files(homes) == before
    assert run("meter", "enrol-request", "--home", "m1", "--out", "m1.request").code == 0
    assert files(homes)[homes / "m1.request"] != b"old"


WRITERS = frozenset({"write_bytes", "write_text", "rename", "touch", "truncate"})


def writes(call: ast.Call) -> bool:
    """Whether it writes or replaces a file. (The `replace` of a text or a moment has two texts, or fields by name.)"""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in ("open", "fdopen"):
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        modes = (str(each.value) for each in given if isinstance(each, ast.Constant))
        return any(set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)
    return name in WRITERS or (name == "replace" and len(call.args) == 1 and not call.keywords)


def test_no_command_writes_an_output_by_itself() -> None:
    """All go through `files.output`; what else is opened for writing is where there is no standard output."""
    found = {
        (path.name, ast.unparse(node))
        for folder in ("cli", "demo", "statement")
        for path in (ROOT / "parties" / folder).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and writes(node)
    }
    assert found == {("main.py", "open(os.devnull, 'w')")}
