"""README, "Run a market on three hosts", followed literally: three homes, three loopback addresses for the hosts."""

import os
import re
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"


def script(section: str, port: int) -> str:
    """The shell commands of a section, one after the other."""
    text = README.read_text("utf-8").partition(f"### {section}\n")[2].partition("\n## ")[0]
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert commands.count("mpc-market") > 10
    for number, host in enumerate("abc", start=1):
        commands = commands.replace(f"{host}.example:8443", f"127.0.0.1{number}:{port}")
    return commands


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 must first be made an address of the machine")
def test_a_market_on_three_hosts(tmp_path: Path) -> None:
    commands = script("Run a market on three hosts", 20_000 + secrets.randbelow(10_000))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with (tmp_path / "output").open("w") as said:  # not a pipe: the parties go on, and would hold it open
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            shell.wait(240)
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
    output = (tmp_path / "output").read_text()
    logs = "".join(path.read_text()[-2000:] for path in tmp_path.glob("party-*/log"))
    assert shell.returncode == 0, output + logs
    assert "2 of 2 accepted (receipts of all 3 parties)" in output
    assert "clearing price 0.1500 EUR/kWh (2 verified)" in output
    assert re.search(r" sell +0\.0835 +1\.250 +1\.250 +0\.1500 +verified", output), output
    assert "audit: everything that can be checked holds" in output
    for party in "abc":
        assert (tmp_path / f"party-{party}").stat().st_mode & 0o077 == 0
