"""What all tests of deploy/ and of its runbook stand on: the files, programs of the system, our own commands."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from parties.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DEPLOY, RUNBOOK = ROOT / "deploy", ROOT / "docs" / "running.md"
PROGRAM: Any = get_command(app)


def program(name: str) -> str:
    """A program of the system; the test is skipped where it is not installed, but not in CI, which installs it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        text = f"{name} is not installed"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    return found


def run(*command: str | Path) -> str:
    """Run a command that must succeed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def document(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))


def shell(document: str) -> list[list[str]]:
    """Every line of the `sh` blocks of a document, in words."""
    blocks = re.findall(r"^```sh\n(.*?)```", (ROOT / document).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def check_command(words: list[str]) -> None:
    """That the command exists, and takes these options."""
    command: Any = PROGRAM
    for word in words[1:]:
        if not hasattr(command, "commands"):
            break
        assert word in command.commands, words
        command = command.commands[word]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, words
