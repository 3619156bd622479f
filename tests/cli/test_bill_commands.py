"""`mpc-market meter bill` and `mpc-market supplier bills`: everything that is refused before a party is asked.

What they fetch from services: tests/service/settled_commands.py.
"""

from pathlib import Path

import pytest

from tests.cli.standin import Run

HOSTS = "127.0.0.1:8443,127.0.0.2:8443,127.0.0.3:8443"


@pytest.fixture
def market(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A market that is settled, one that only clears, a meter and a supplier."""
    monkeypatch.chdir(tmp_path)
    assert run("init", "oak", "--parties", HOSTS, "--billing", "month").code == 0
    text = Path("oak/market.toml").read_text()
    Path("clears.toml").write_text(text[: text.index("[settlement]")] + text[text.index("# signs the roll") :])
    assert run("supplier", "keygen", "--home", "green", "--supplier", "green").code == 0
    meter = ("--home", "m1", "--meter", "m1", "--market", "oak/market.toml", "--maximum", "10.000")
    assert run("meter", "keygen", *meter).code == 0
    return tmp_path


WRONG = {
    "no month": (("--month", "november"), "--month: 'november' is no month: such as 20"),
    "a 13th month": (("--month", "2026-13"), "--month: '2026-13' is no month"),
    "a day": (("--month", "2026-11-01"), "--month: '2026-11-01' is no month"),
    "before 1970": (("--month", "1969-11"), "--month: no billing month starts at 1969-11"),
    "an empty month": (("--month", ""), "--month: '' is no month"),
    "no market": (("--market", "none.toml"), "none.toml: no such file"),
    "a market that only clears": (
        ("--market", "clears.toml"),
        "clears.toml: this market only clears: a market that is",
    ),
    "no home": (("--home", "none"), "none: no such directory"),
    "another home": (("--home", "oak/registrar"), "no such file"),
    "no directory": (("--html", "none/bill.html"), "none/bill.html: there is no such directory"),
    "one file twice": (("--html", "same", "--csv", "same"), "--csv: is the same file as --html: give it another name"),
    "an unknown format": (("--pdf", "bill.pdf"), "No such option"),
}
COMMANDS = {"meter bill": "m1", "supplier bills": "green"}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", WRONG)
def test_wrong_inputs(market: Path, run: Run, command: str, name: str) -> None:
    given = {"--home": COMMANDS[command], "--market": "oak/market.toml", "--month": "2026-11"}
    options, message = WRONG[name]
    given |= dict(zip(options[::2], options[1::2], strict=True))
    ended = run(*command.split(), *(text for pair in given.items() for text in pair))
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not (market / "same").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_parties_that_are_down(market: Path, run: Run, command: str) -> None:
    """The month is named as it was given; no file is written."""
    files = ("--html", "bill.html", "--csv", "bill.csv", "--json", "bill.json")
    given = ("--home", COMMANDS[command], "--market", "oak/market.toml", "--month", "2026-10", *files)
    ended = run(*command.split(), *given)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("mpc-market: error: 2026-10: party 0: ")
    assert not list(market.glob("bill.*"))


@pytest.mark.parametrize("command", [*COMMANDS, "meter result", "meter history", "meter evidence"])
def test_help_gives_an_example(run: Run, command: str) -> None:
    text = " ".join(run(*command.split(), "--help").out.split())
    assert f"mpc-market {command} " in text
    assert "Exit code" in text
