"""Documents followed literally: the shell commands of a section, run one after the other in a new directory."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def commands_of(document: str, heading: str) -> str:
    """All `sh` blocks of a section, up to the next heading as high or higher. `heading`: its whole line."""
    section = (ROOT / document).read_text("utf-8").partition(f"{heading}\n")[2]
    section = re.split(rf"^#{{1,{heading.index(' ')}}} ", section, maxsplit=1, flags=re.MULTILINE)[0]
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    assert commands.count("mpc-market") > 5, f"{document} has no such section, or little to do in it"
    return commands


@dataclass(frozen=True)
class Followed:
    """What came of it; `output`: of all commands, errors too."""

    code: int
    output: str


def follow(commands: str, directory: Path, seconds: float) -> Followed:
    """Run them as a user would, the program on the path; whatever they have started is ended afterwards."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with (directory / "output").open("w") as said:  # not a pipe: parties go on, and would hold it open
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=directory,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            shell.wait(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):  # it has ended all of them itself
                os.killpg(shell.pid, signal.SIGTERM)
    return Followed(shell.returncode, (directory / "output").read_text("utf-8"))
