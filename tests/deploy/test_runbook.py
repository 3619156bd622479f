"""The documents with commands: every command exists and takes these options."""

import re
import shlex

import pytest

from tests.deploy.deployed import PROGRAM, ROOT, check_command, shell

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
