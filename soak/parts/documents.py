"""docs/setting-up.md, "A bill within minutes", followed literally: real processes, a month of a minute, two bills.

It takes six minutes, however much time it is given: a billing month cannot be hurried without changing the document.
It waits for most of them, so another part goes on meanwhile.
"""

import re
import secrets
import subprocess

from soak.part import Part, Play
from tests.following import commands_of, follow

LONGEST_SECONDS = 600.0
_PORTS = range(20_000, 30_000)

SHOWN = (
    r"Sold on the local market +2\.500 kWh +at +0\.1500 +-0\.37 EUR",
    r"Fed in beyond that, to the supplier +0\.300 kWh +at +0\.0500 +-0\.01 EUR",
    r"Amount due +-0\.31 EUR",
    r"verified: the amount due, computed on shares by all 3 parties, is the total of these lines",
)
"""What the document shows of the seller's bill."""


def script() -> str:
    """The commands, with ports that are likely to be free."""
    port = secrets.choice(_PORTS)
    commands = commands_of("docs/setting-up.md", "### A bill within minutes")
    return commands.replace(":8443", f":{port}").replace(":8445/", f":{port + 2}/")


def run(play: Play) -> None:
    """Follow it, and look for what it promises."""
    play.due["bills"] = 2
    try:
        done = follow(script(), play.directory, LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        play.check(False, (play.directory / "output").read_text("utf-8"))
        return
    play.check(done.code == 0, done.output)
    for line in SHOWN:
        play.check(re.search(line, done.output) is not None, f"not shown: {line}\n{done.output}")
    for meter in ("m17", "m18"):
        page = play.directory / f"{meter}.html"
        shown = page.is_file() and "Amount due" in page.read_text("utf-8")
        play.check(shown, f"{page.name} is no statement")
        play.count("bills", int(shown))


PART = Part("documents", 290, run, beside="lines")
