"""Rooms that are too full: a module over 400 lines, a function over 40."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOTS = ("mpc_market", "parties")

MODULE_LINES, FUNCTION_LINES = 400, 40

LONG_MODULES: dict[str, str] = {"tests/test_layers.py": "the table of all rooms, and the one test that reads it"}
"""File → why it is one idea (where the idea is one, it is left)."""

LONG_FUNCTIONS: dict[str, str] = {}
"""File:function → the same. A function is measured without its docstring."""


def sources() -> Iterator[tuple[str, str]]:
    """All our Python files, tests included, by their path in the repository."""
    for folder in (*ROOTS, "benchmarks", "soak", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def long_functions(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            if lines > FUNCTION_LINES:
                yield node.name, lines


def test_no_module_is_too_long():
    found = {name: len(source.splitlines()) for name, source in sources()}
    assert {name: lines for name, lines in found.items() if lines > MODULE_LINES and name not in LONG_MODULES} == {}
    assert all(found.get(name, 0) > MODULE_LINES for name in LONG_MODULES), "an exception that is none"


def test_no_function_is_too_long():
    found = {f"{name}:{function}": n for name, source in sources() for function, n in long_functions(source)}
    assert {name: lines for name, lines in found.items() if name not in LONG_FUNCTIONS} == {}
    assert set(LONG_FUNCTIONS) <= set(found), "an exception that is none"


def test_a_long_function_is_noticed():
    body = "\n".join(f"    x = {i}" for i in range(40))
    assert list(long_functions(f'def f():\n    """One.\n\n    Two.\n    """\n{body}\n')) == [("f", 41)]
    assert list(long_functions(f"class C:\n  async def g(self):\n{body}\n")) == [("g", 41)]
    assert list(long_functions(f"def f():\n{body[: body.rindex(chr(10))]}\n")) == []
