"""No command replaces a key, or anything else that it reads, by its output: refused before a party is asked."""

from pathlib import Path

import pytest

from tests.cli.standin import Run

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
