"""docs/setting-up.md, "A bill within minutes", followed literally: real processes, a month of a minute, two bills.

It takes six minutes, however much time it is given: a billing month cannot be hurried without changing the document.
It waits for most of them, so another part goes on meanwhile.
"""

import re
import secrets
import subprocess

from soak.part import Part, Play
from tests.following import ROOT, commands_of, follow

LONGEST_SECONDS = 600.0
_PORTS = range(20_000, 30_000)

_SECTION = "### A bill within minutes"
_MOMENT = r"\d+ [A-Z][a-z]{2} \d{4}, \d\d:\d\d UTC"
_TOKEN = re.compile(rf"({_MOMENT})|(\d+(?:\.\d+)?)|( +)|([^\d ]+)")
_OF_ESTIMATES = re.compile("stimated|Drawn, from the supplier|no tariff was published")
"""Lines that are there or not: it depends on the moment whether the parties ran before the meters watched."""


def shown_bill() -> str:
    """The seller's bill, as the document shows it."""
    section = (ROOT / "docs" / "setting-up.md").read_text("utf-8").partition(f"{_SECTION}\n")[2].partition("\n#")[0]
    shown = re.sub("^```sh$.*?^```$", "", section, flags=re.MULTILINE | re.DOTALL)
    return "".join(f"{line}\n" for line in re.findall(r"^ {4}(.+)$", shown, re.MULTILINE))


def shown_pattern() -> re.Pattern[str]:
    """The whole of it, of any moment."""
    lines = []
    for line in shown_bill().splitlines(keepends=True):
        optional = _OF_ESTIMATES.search(line) is not None
        varies = optional or line.startswith("Imported in sum")
        pattern = ""
        for moment, number, spaces, text in _TOKEN.findall(line):
            pattern += (moment and _MOMENT) or (spaces and " +") or re.escape(text)
            pattern += r"[\d.]+" if number and varies else re.escape(number)
        lines.append(f"(?:{pattern})?" if optional else pattern)
    return re.compile("^" + "".join(lines), re.MULTILINE)


def script() -> str:
    """The commands, with ports that are likely to be free."""
    port = secrets.choice(_PORTS)
    commands = commands_of("docs/setting-up.md", _SECTION)
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
    play.check(shown_pattern().search(done.output) is not None, f"the bill is not as shown\n{done.output}")
    for meter in ("m17", "m18"):
        page = play.directory / f"{meter}.html"
        shown = page.is_file() and "Amount due" in page.read_text("utf-8")
        play.check(shown, f"{page.name} is no statement")
        play.count("bills", int(shown))


PART = Part("documents", 290, run, beside="lines")
