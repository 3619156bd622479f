"""README, "Run a market on three hosts", followed literally: three homes, three loopback addresses for the hosts."""

import re
import secrets
import sys
from pathlib import Path

import pytest

from tests.following import commands_of, follow


def script(port: int) -> str:
    """The shell commands of the section, the hosts put in."""
    commands = commands_of("README.md", "### Run a market on three hosts")
    assert commands.count("mpc-market") > 10
    for number, host in enumerate("abc", start=1):
        commands = commands.replace(f"{host}.example:8443", f"127.0.0.1{number}:{port}")
    return commands


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 must first be made an address of the machine")
def test_a_market_on_three_hosts(tmp_path: Path) -> None:
    done = follow(script(20_000 + secrets.randbelow(10_000)), tmp_path, 240)
    output = done.output
    logs = "".join(path.read_text()[-2000:] for path in tmp_path.glob("party-*/log"))
    assert done.code == 0, output + logs
    assert "2 of 2 accepted (receipts of all 3 parties)" in output
    assert "clearing price 0.1500 EUR/kWh (2 verified)" in output
    assert re.search(r" sell +0\.0835 +1\.250 +1\.250 +0\.1500 +verified", output), output
    assert "audit: everything that can be checked holds" in output
    for party in "abc":
        assert (tmp_path / f"party-{party}").stat().st_mode & 0o077 == 0
