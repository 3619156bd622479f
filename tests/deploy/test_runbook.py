"""The documents with commands: every command exists and takes these options; what the runbook says of a home holds."""

import os
import re
import shlex
import time

import pytest

from parties.files.party_home import read_party_homes
from parties.files.problems import Problems
from tests.deploy.deployed import PROGRAM, ROOT, RUNBOOK, check_command, shell
from tests.following import follow

DOCUMENTS = ("README.md", "docs/running.md", "docs/setting-up.md")


def commands(document: str) -> list[list[str]]:
    """Every `mpc-market` command in the code blocks of a document."""
    text = (ROOT / document).read_text("utf-8")
    indented = re.findall(r"^ {4}(?:\$ )?(mpc-market .*)", text, re.MULTILINE)
    found = []
    for line in [*shell(document), *(shlex.split(each, comments=True) for each in indented)]:
        words = line
        while "mpc-market" in words:
            words = words[words.index("mpc-market") :]
            if len(words) > 1 and words[1] in PROGRAM.commands:
                found.append(words[: words.index("mpc-market", 1) if "mpc-market" in words[1:] else None])
            words = words[1:]
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_the_documents_exists(document):
    found = commands(document)
    assert len(found) >= 12
    for words in found:
        check_command(words)


def test_a_command_that_does_not_exist_is_noticed():
    with pytest.raises(AssertionError):
        check_command(["mpc-market", "party", "restart"])
    with pytest.raises(AssertionError):
        check_command(["mpc-market", "party", "run", "--replicas", "2"])


HOST_HOME = "/var/lib/mpc-market"
AS_USER = ["sudo", "-u", "mpc-market"]


def test_what_is_done_in_a_home_is_done_as_the_user_of_the_service():
    """What root has made there, the service cannot read."""
    touching = [words for words in shell("docs/running.md") if any(word.startswith(HOST_HOME) for word in words)]
    own = [words for words in touching if words[0] not in ("docker", "useradd")]
    assert len(own) >= 10
    for words in own:
        installs = words[0] == "install" and words[words.index("-o") + 1] == "mpc-market"
        gives = words[:3] == ["chown", "-R", "mpc-market:mpc-market"]
        takes_out = words[0] == "cp" and not words[-1].startswith("/")
        assert words[:3] == AS_USER or installs or gives or takes_out, words
    for words in commands("docs/running.md"):
        if words[1:3] in (["party", "backup"], ["party", "restore"], ["party", "rotate"], ["party", "run"]):
            assert any(each[:3] == AS_USER and each[3:] == words for each in own), words


DOCKER = """#!/bin/sh
# docker compose run --rm [--entrypoint PROGRAM] SERVICE ARGUMENT…: done here, each service with a directory of its own
test "$1 $2" = "compose run" || exit 0
shift 3
program=mpc-market
if [ "$1" = --entrypoint ]; then program=$2; shift 2; fi
service=$1
shift
mkdir -p "$STAND_IN/$service" "$STAND_IN/handed-round"
places="s#/var/lib/mpc-market#$STAND_IN/$service#g; s#/handed-round#$STAND_IN/handed-round#g"
exec "$program" $(echo "$@" | sed "$places")
"""


def test_the_steps_of_the_compose_file_make_three_homes_and_a_market(tmp_path, monkeypatch):
    """Followed literally, with a stand-in for docker."""
    blocks = re.findall(r"^```sh\n(.*?)```", RUNBOOK.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (steps,) = [block for block in blocks if "docker compose build" in block]
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN", str(tmp_path))
    done = follow(steps, tmp_path, 120)
    assert done.code == 0, done.output
    problems = Problems()
    homes = [read_party_homes(tmp_path / f"party-{each}" / "home", int(time.time()), problems) for each in "abc"]
    problems.check()
    assert [home.number for (home,) in homes] == [0, 1, 2]
    assert {home.market.id for (home,) in homes} == {"oak-street"}
    assert not list((tmp_path / "handed-round").rglob("*.key"))
