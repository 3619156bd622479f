"""What docstrings, comments and documents cite is in the repository: files, sections, headings, threats, links."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.test_sizes import ROOTS, sources

ROOT = Path(__file__).resolve().parents[1]
PLACES = (".", "docs", "docs/design", "docs/decisions", "benchmarks")

_FILE = re.compile(r"[\w./-]*\w\.md\b")
_SOURCE = re.compile(r"\b(?:\w+/)+\w+\.py\b|\btest_\w+\.py\b")
_CITED = re.compile(r'([\w-]+\.md)`?,? (?:(§\d+(?:(?:–| and |, )§\d+)*)|"([^"]+)"|(T\d+)\b)')
_INDEXED = re.compile(r"(?:^|\s{3})\s*((?:[a-z]\w*, )*[a-z]\w*)\s{2,}(?=\S)")
"""Modules at the begin of a line of an index, or of its second column."""
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#([\w-]+))?\)")


@cache
def documents() -> list[Path]:
    """All documents; of the two README.md the repository's own comes first."""
    return [path for place in PLACES for path in sorted((ROOT / place).glob("*.md"))]


@cache
def names() -> set[str]:
    """All our Python files, each with a slash before it."""
    return {f"/{name}" for name, _ in sources()}


def texts() -> Iterator[tuple[str, str]]:
    """All our text by file, line ends and the marks of comments taken out."""
    settings = [ROOT / "pyproject.toml", ROOT / "Makefile", *(ROOT / "deploy").iterdir()]
    others = ((str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in (*documents(), *settings))
    for name, text in (*sources(), *others):
        if not Path(__file__).match(name):
            yield name, re.sub(r"\s*\n\s*#?\s*", " ", text)


def headings(text: str) -> list[str]:
    """The headings of a document outside of its code blocks."""
    return re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)


def missing(text: str) -> list[str]:
    """What a text cites that does not exist."""
    known, wrong = {path.name: path for path in reversed(documents())}, []
    wrong += [file for file in _FILE.findall(text) if file.rpartition("/")[2] not in known]
    wrong += [file for file in _SOURCE.findall(text) if not any(name.endswith(f"/{file}") for name in names())]
    for file, sections, heading, threat in _CITED.findall(text):
        if file not in known:
            continue  # said already
        there = known[file].read_text("utf-8")
        numbers = [int(number) for number in re.findall(r"\d+", sections)]
        wrong += [f"{file} §{n}" for n in numbers if not re.search(rf"^## {n}\. ", there, re.MULTILINE)]
        if heading and heading not in headings(there):
            wrong.append(f'{file} "{heading}"')
        if threat and f"| {threat} |" not in there:
            wrong.append(f"{file}, {threat}")
    return wrong


def test_whatever_is_cited_exists():
    assert {name: wrong for name, text in texts() if (wrong := missing(text))} == {}


def indexed(docstring: str) -> set[str]:
    """The modules that a package's docstring has in an index."""
    found = [names for line in docstring.splitlines() for names in _INDEXED.findall(line)]
    return {name for names in found for name in names.split(", ")}


def test_every_module_in_an_index_is_in_the_package():
    wrong, packages = {}, 0
    for path in (path for root in ROOTS for path in (ROOT / root).rglob("__init__.py")):
        named = indexed(ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "")
        packages += bool(named)
        wrong[path.parent.name] = named - {each.stem for each in path.parent.iterdir()}
    assert {package: names for package, names in wrong.items() if names} == {}
    assert packages >= 8


def test_an_index_has_one_column_or_two():
    assert indexed("Of it:\n\n    home, p1    its keys; of it        roll    who is enrolled") == {"home", "p1", "roll"}


def test_every_link_between_documents_leads_somewhere():
    wrong = []
    for path in documents():
        for target, anchor in _LINK.findall(path.read_text("utf-8")):
            there = path.parent / target
            if not there.exists() or (anchor and anchor not in map(anchor_of, headings(there.read_text("utf-8")))):
                wrong.append(f"{path.name}: {target}#{anchor}")
    assert wrong == []


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("(market.md §6)", []),
        ("(market.md §7)", ["market.md §7"]),
        ("market.md §3–§9", ["market.md §9"]),
        ("market.md §3 and §8", ["market.md §8"]),
        ('protocol.md "Input validity"', []),
        ('(protocol.md, "Validity")', ['protocol.md "Validity"']),
        ("parties.md, T12", []),
        ("parties.md, T13", ["parties.md, T13"]),
        ("docs/stile.md", ["docs/stile.md"]),
        ("stile.md §1", ["stile.md"]),
        ("tests/test_citations.py and test_up.py", []),
        ("tests/test_up.py", ["tests/test_up.py"]),
        ("test_down.py", ["test_down.py"]),
    ],
)
def test_what_does_not_exist_is_noticed(text: str, wrong: list[str]) -> None:
    assert missing(text) == wrong
