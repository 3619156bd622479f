"""`mpc-market arbiter` and `meter dispute`: keys, judging offline, exit codes, and wrong inputs."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from parties.arbiter.case import write_case
from parties.files.disputes import arbiter_text
from parties.files.private import key_text, make_directory, write_new
from parties.files.running_toml import running_text
from parties.meter.home import create_home
from parties.tls.certificate import make_key_pair
from tests.arbiter.test_arbiter_judging import ARBITER, PARTIES, Disputed
from tests.cli.standin import Run
from tests.supplier.online_parties import running_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A market file, the arbiter's home, a case as `fetch` leaves it, and the home of a meter."""
    monkeypatch.chdir(tmp_path)
    disputed = Disputed()
    certificates = [make_key_pair(f"party {j}", ["127.0.0.1"]).certificate for j in range(PARTIES)]
    Path("market.toml").write_text(running_text(running_of(disputed.played, certificates=certificates)))
    make_directory(Path("arbiter"))
    write_new(Path("arbiter/identity.key"), key_text(ARBITER.identity.seed()))
    write_new(Path("arbiter/sealing.key"), key_text(ARBITER.sealing.secret()))
    write_new(Path("arbiter/arbiter.toml"), arbiter_text(ARBITER.public).encode())
    Path("ombudsman.toml").write_text(arbiter_text(ARBITER.public))
    write_case(Path("case"), disputed.case())
    create_home(Path("m1"), "meter-1", "market.toml", "1")
    return tmp_path


def test_keys_are_made_once(folder: Path, run: Run) -> None:
    arguments = ("arbiter", "keygen", "--home", "new", "--name", "the bench", "--out", "bench.toml")
    ended = run(*arguments)
    assert (ended.code, ended.err) == (0, "")
    assert stat.S_IMODE(Path("new").stat().st_mode) == 0o700
    assert Path("bench.toml").read_text() == Path("new/arbiter.toml").read_text()
    assert run(*arguments).code == 1


def test_a_case_is_judged_offline(folder: Path, run: Run) -> None:
    arguments = ("arbiter", "check", "case", "--home", "arbiter", "--market", "market.toml", "--json", "verdict.json")
    ended = run(*arguments)
    assert (ended.code, ended.err) == (0, "")
    assert Path("verdict.json").stat().st_mode & 0o777 == 0o600
    told = ended.out.splitlines()
    assert told[1] == "verdict: nothing wrong is found; 3 of 4 questions are decided"
    assert told[2:5] == [
        "clearing of 2026-09-21T14:15:00Z in oak-street: the user says truly what it ordered",
        '    "the user lies about the order" is DISPROVED',
        "    because the header of submission 1 opens to exactly the order that the user says",
    ]
    assert "    as the user has signed: " in ended.out
    assert "    by the user's signature on the header" in ended.out
    assert "oak-street@" not in ended.out
    written = json.loads(Path("verdict.json").read_text())
    assert (written["decisions"][0]["period"], written["decisions"][0]["stage"]) == ("2026-09-21T14:15:00Z", "clearing")
    assert set(written["decisions"][0]["values"]["signed"][0]) == {"side", "quantity", "price"}
    decided = {decision["question"]: decision["decided"] for decision in written["decisions"]}
    assert decided == {
        "user_lies": "disproved", "omitted": "disproved", "accepted": "proved", "recorded": "not proved"
    }  # fmt: skip
    # somebody has shown something that does not hold
    case = Disputed().case()
    ((period, answers),) = case.answers.items()
    forged = replace(answers[1], disclosure=answers[1].disclosure[:-1] + b"?")
    write_case(Path("case"), replace(case, answers={period: answers | {1: forged}}))
    ended = run(*arguments)
    assert ended.code == 1
    assert "verdict: WRONG: something that was shown or signed does not hold" in ended.out
    assert "\nWRONG:\n" in ended.out


def test_a_dispute_about_a_period_of_which_the_home_knows_nothing(folder: Path, run: Run) -> None:
    arguments = ("--arbiter", "ombudsman.toml", "--out", "x.json", "--period", "2026-09-21T14:15:00Z")
    ended = run("meter", "dispute", "--home", "m1", *arguments)
    assert ended.code == 1  # nobody is there
    assert "2026-09-21T14:15:00Z: this home has signed no order and no reading for that period" in ended.err


def test_a_round_that_nobody_knows_is_not_judged(folder: Path, run: Run) -> None:
    case = Disputed().case()
    dispute = replace(case.dispute, submissions=())
    write_case(Path("case"), replace(case, dispute=dispute, answers={}, records={}))
    ended = run("arbiter", "check", "case", "--home", "arbiter", "--market", "market.toml")
    assert (ended.code, ended.out) == (1, "")
    assert "no such round: no party knows one of 2026-09-21T14:15:00Z, so there is nothing to judge" in ended.err


FETCH = ("arbiter", "fetch", "case/dispute.json", "--home", "arbiter", "--market", "market.toml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("arbiter", "check", "nowhere", "--home", "arbiter", "--market", "market.toml"), "dispute.json: cannot"),
        (("arbiter", "check", "case", "--home", "nowhere", "--market", "market.toml"), "nowhere: no such directory"),
        (("arbiter", "check", "case", "--home", "arbiter", "--market", "x.toml"), "x.toml: no such file"),
        (("arbiter", "fetch", "market.toml", "--home", "arbiter", "--market", "market.toml", "--out", "x"),
         "market.toml: it is no evidence as"),
        ((*FETCH, "--out", "arbiter"), "--out: arbiter is or lies in arbiter, the home of somebody's keys"),
        ((*FETCH, "--out", "arbiter/x"), "--out: arbiter/x is or lies in arbiter, "),
        ((*FETCH, "--out", "m1/x/x"), "--out: m1/x/x is or lies in "),
        ((*FETCH, "--out", "market.toml"), "--out: market.toml is a file: name a directory"),
        (("arbiter", "keygen", "--home", "x", "--name", "", "--out", "y.toml"), "--name: "),
        (("arbiter", "check", "case", "--home", "m1", "--market", "market.toml"), "is this the home of an arbiter?"),
        (("arbiter", "keygen", "--home", "x", "--name", "a/b", "--out", "y.toml"), "the id of a dispute's arbiter"),
        (("meter", "dispute", "--home", "m1", "--arbiter", "ombudsman.toml", "--out", "x"), "name what is contested"),
        (("meter", "dispute", "--home", "m1", "--arbiter", "market.toml", "--out", "x"), "market.toml:"),
        (("meter", "dispute", "--home", "m1", "--arbiter", "ombudsman.toml", "--out", "x", "--period", "noon"),
         "period 'noon'"),
        (("meter", "dispute", "--home", "m1", "--arbiter", "ombudsman.toml", "--out", "x", "--month", "2026-09"),
         "only clears: it has no bills"),
        (("meter", "dispute", "--home", "m1", "--arbiter", "ombudsman.toml", "--out", "case/dispute.json", "--period",
          "2026-09-21T14:15:00Z"), "it holds a dispute that asks for something else"),
    ],
)  # fmt: skip
def test_wrong_inputs(folder: Path, run: Run, arguments: tuple[str, ...], message: str) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not any(Path(each).exists() for each in ("x", "arbiter/x", "m1/x"))
