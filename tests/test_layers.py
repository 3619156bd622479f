"""Who may import whom: one explicit table over all modules, computed from their source.

    errors ← rules ← field ← secure;  network beside them;  everything ← parties

Rooms are the packages of `mpc_market` and `parties`. An import that the table does not list is a failure, be it at the
top of a module, inside a function or for type checking only; so is a room without an entry.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Room → what of ours it may import (a module, or a package with all that is in it), and which third parties.
# Its own modules, and the standard library within FORBIDDEN, go without saying.
TABLE: dict[str, tuple[set[str], set[str]]] = {
    "mpc_market": (set(), set()),
    "mpc_market.errors": (set(), set()),
    "mpc_market.rules": ({"mpc_market.errors"}, set()),
    "mpc_market.field": ({"mpc_market.errors"}, {"numpy", "numba", "cryptography"}),
    "mpc_market.network": ({"mpc_market.errors"}, {"numpy"}),
    # Of the rules only the model: the plaintext clearing is compared with the secure one by tests alone.
    # `money` and `groups` are about public numbers; like the model they belong to both twins.
    "mpc_market.secure": (
        {
            "mpc_market.errors",
            "mpc_market.rules.model",
            "mpc_market.rules.money",
            "mpc_market.rules.groups",
            "mpc_market.field",
            "mpc_market.network",
        },
        {"numpy", "cryptography", "nacl"},
    ),
    # Meters, suppliers and auditors use it as it is: no numpy, nothing of the engine.
    "mpc_market.wire": ({"mpc_market.errors", "mpc_market.rules.model", "mpc_market.rules.tariff"}, {"nacl"}),
    "parties": (set(), set()),
    "parties.clock": (set(), set()),
    # Of what it holds only `certificate` needs more than the standard library.
    "parties.tls": ({"mpc_market.errors"}, {"cryptography"}),
    "parties.net": ({"mpc_market.errors", "mpc_market.network", "parties.tls"}, {"numpy", "mpyc"}),
    "parties.compute": (
        {
            "mpc_market.errors",
            "mpc_market.rules.model",
            "mpc_market.rules.money",
            "mpc_market.network",
            "mpc_market.secure",
            "parties.net",
            "parties.tls",
        },
        {"numpy", "uvloop"},
    ),
    # The other end of the channel to a compute process: a service drives it without the engine, MPyC or NumPy.
    "parties.worker": (
        {
            "mpc_market.errors",
            "mpc_market.rules.model",
            "parties",
            "parties.compute.channel",
            "parties.compute.messages",
            "parties.compute.clearing_messages",
            "parties.compute.settlement_messages",
            "mpc_market.rules.money",
            "mpc_market.wire.codec",  # what a share word is
            "mpc_market.wire.errors",
            "parties.net",
        },
        set(),
    ),
    "parties.local": (
        {
            "mpc_market.errors",
            "mpc_market.rules.model",
            "mpc_market.field",
            "mpc_market.network",
            "mpc_market.secure",
            "parties.compute",
            "parties.net",
            "parties.tls",
            "parties.worker",
        },
        {"numpy"},
    ),
    "parties.files": (
        {
            "mpc_market",
            "mpc_market.errors",
            "mpc_market.rules.model",
            "mpc_market.rules.money",
            "mpc_market.wire",
            "parties.local",
            "parties.settling",
            "parties.tls",
        },
        set(),
    ),
    # Pure: what happens when, and who is shown what.
    "parties.settling": (
        {
            "mpc_market.errors",
            "mpc_market.rules.groups",
            "mpc_market.rules.model",
            "mpc_market.rules.settlement",
            "mpc_market.rules.tariff",
            "mpc_market.wire",
        },
        set(),
    ),
    "parties.ledger": ({"mpc_market.errors"}, {"sqlalchemy", "alembic", "asyncpg"}),
    "parties.registrar": (
        {"mpc_market.errors", "mpc_market.wire", "parties.files"},
        set(),
    ),
    "parties.setup": (
        {"mpc_market.errors", "mpc_market.wire", "parties.files", "parties.registrar", "parties.tls"},
        set(),
    ),
    # Speaking with the parties from outside, for the roles below.
    "parties.client": ({"mpc_market.errors", "mpc_market.wire", "parties.files", "parties.tls"}, {"httpx"}),
    "parties.meter": (
        {
            "mpc_market.errors",
            "mpc_market.rules.model",
            "mpc_market.wire",
            "parties.client",
            "parties.clock",
            "parties.files",
        },
        {"dsmr_parser", "serial"},
    ),
    # Both tell what is owed by the rule.
    "parties.supplier": (
        {
            "mpc_market.errors",
            "mpc_market.rules.money",
            "mpc_market.rules.settlement",
            "mpc_market.rules.tariff",
            "mpc_market.wire",
            "parties.client",
            "parties.files",
        },
        set(),
    ),
    "parties.grid": (
        {
            "mpc_market.errors",
            "mpc_market.rules.settlement",
            "mpc_market.rules.tariff",
            "mpc_market.wire",
            "parties.client",
            "parties.files",
        },
        set(),
    ),
    # Pure: what people are shown.
    "parties.statement": (
        {"mpc_market.errors", "mpc_market.rules", "mpc_market.wire", "parties.files", "parties.settling"},
        set(),
    ),
    "parties.audit": (
        {
            "mpc_market.errors",
            "mpc_market.rules.ticket",
            "mpc_market.wire",
            "parties.client",
            "parties.files",
        },
        set(),
    ),
    # Judges in the clear, by the rule and by signatures.
    "parties.arbiter": (
        {
            "mpc_market.errors",
            "mpc_market.rules.model",
            "mpc_market.rules.settlement",
            "mpc_market.rules.tariff",
            "mpc_market.wire",
            "parties.client",
            "parties.files",
            "parties.statement.texts",
        },
        set(),
    ),
    "parties.demo": (
        # The plaintext settlement too: the demo plays everybody, and shows only what agrees with the rule.
        {
            "mpc_market.errors",
            "mpc_market.network",
            "mpc_market.rules.model",
            "mpc_market.rules.settlement",
            "mpc_market.rules.tariff",
            "parties.files",
            "parties.local",
            "parties.settling",
            "parties.statement.texts",
            "parties.worker",
        },
        {"numpy", "pandas", "matplotlib", "demandlib", "pvlib", "rich"},
    ),
    # The engine stays in the worker's process: the service reaches neither secure/ nor numpy-heavy code of its own.
    "parties.service": (
        {
            "mpc_market",
            "mpc_market.errors",
            "mpc_market.rules.model",
            "mpc_market.wire",
            "parties.clock",
            "parties.compute.messages",
            "parties.compute.event_loop",
            "parties.files",
            "parties.ledger",
            "parties.net",
            "mpc_market.rules.groups",
            "mpc_market.rules.money",
            "mpc_market.rules.tariff",
            "parties.settling",
            "parties.tls",
            "parties.worker",
        },
        {"fastapi", "httpx", "prometheus_client", "pydantic", "starlette", "structlog", "uvicorn"},
    ),
    # Like an operator of everything; the processes themselves are started by their commands.
    "parties.launch": (
        {
            "mpc_market.errors",
            "mpc_market.rules.model",
            "mpc_market.wire",
            "parties.audit",
            "parties.client",
            "parties.files",
            "parties.meter",
            "parties.registrar",
            "parties.setup",
            "parties.supplier",
        },
        {"rich"},
    ),
    "parties.cli": (
        {
            "mpc_market",
            "mpc_market.errors",
            "mpc_market.rules.model",
            "mpc_market.secure.clearing",
            "mpc_market.wire",
            "parties.client",
            "parties.clock",
            "parties.demo",
            "parties.files",
            "parties.grid",
            "parties.ledger",
            "parties.local",
            "parties.meter",
            "parties.registrar",
            "parties.setup",
            "parties.statement",
            "parties.supplier",
            "parties.arbiter",
            "parties.audit",
            "parties.launch",
            "parties.service",
        },
        {"typer", "rich"},
    ),
}

ROOTS = ("mpc_market", "parties")
"""Listed in the table they mean the package's own `__init__`, and not everything in it."""

# Nothing that comes from outside may be unpickled, and whatever is drawn is drawn from `secrets` or a keystream.
FORBIDDEN = {
    "mpc_market": {
        # code execution, and randomness that is none
        "pickle", "marshal", "shelve", "dill", "cloudpickle", "random", "numpy.random", "importlib",
        # the library has no sockets, files, clocks or processes, and prints nothing
        "socket", "ssl", "os", "io", "pathlib", "tempfile", "shutil", "subprocess", "multiprocessing", "signal",
        "time", "datetime", "logging", "sys",
    },
    "parties": {"pickle", "marshal", "shelve", "dill", "cloudpickle", "random", "importlib.import_module"},
}  # fmt: skip

THIN = ("client", "meter", "supplier", "grid", "registrar", "arbiter", "audit")
"""Rooms of the roles without MPC: neither the engine nor mpyc nor numpy, not even by way of others."""

Import = tuple[str, int]
"""A dotted name and its line; `from a.b import c` is `a.b.c`."""


# --- reading the source -----------------------------------------------------------------------------------


def modules() -> dict[str, Path]:
    """All modules of both packages by dotted name; a package's name is that of its `__init__`."""
    found = {}
    for package in ROOTS:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def imports(source: str) -> Iterator[Import]:
    """Every import of a module, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("np.random", "numpy.random"):
            yield "numpy.random", node.lineno
        elif isinstance(node, ast.Name) and node.id == "__import__":
            yield "importlib.import_module", node.lineno


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def listed(name: str, entry: str, known: dict[str, Path]) -> bool:
    """Whether an entry of the table allows an import."""
    if entry in ROOTS:
        return name == entry or (name.rpartition(".")[0] == entry and name not in known)
    return within(name, entry)


def violations(module: str, source: str) -> list[str]:
    """What a module imports against the table."""
    room, known = room_of(module), modules()
    if room not in TABLE:
        return [f"{module}: its room {room} is not in the table"]
    ours, third_parties = TABLE[room]
    wrong = []
    for name, line in imports(source):
        top = name.split(".")[0]
        if top in ROOTS:
            own = within(name, room) and room not in ROOTS
            allowed = own or any(listed(name, entry, known) for entry in ours)
        else:
            allowed = top in sys.stdlib_module_names or top in third_parties
            allowed = allowed and not any(within(name, bad) for bad in FORBIDDEN[room.split(".")[0]])
        if not allowed:
            wrong.append(f"{module}, line {line}: imports {name}")
    return wrong


def reached(module: str) -> set[str]:
    """Everything that a module imports directly or by way of our other modules, as dotted names."""
    known, seen, waiting = modules(), set(), [module]
    while waiting:
        current = waiting.pop()
        for name, _ in imports(known[current].read_text(encoding="utf-8")):
            target = name if name in known else name.rpartition(".")[0]
            if target in known and target not in seen:
                waiting.append(target)
            seen.add(target if target in known else name)
    return seen


# --- the tests --------------------------------------------------------------------------------------------


def test_every_import_is_in_the_table():
    found = [wrong for module, path in modules().items() for wrong in violations(module, path.read_text("utf-8"))]
    assert found == []


def test_every_entry_of_the_table_exists():
    assert {room_of(module) for module in modules()} >= set(TABLE)
    for room, (ours, _) in TABLE.items():
        for entry in ours:
            assert entry in modules(), f"{room} may import {entry}, which does not exist"


def test_the_table_has_no_cycle():
    """A room never imports a room that may import it."""

    def rooms_below(room: str, path: tuple[str, ...] = ()) -> None:
        assert room not in path, f"{room} in a circle: {' → '.join(path)}"
        for entry in TABLE[room][0]:
            if room_of(entry) != room:
                rooms_below(room_of(entry), (*path, room))

    for room in TABLE:
        rooms_below(room)


def test_mpyc_is_imported_in_one_place():
    users = {module for module, path in modules().items() for name, _ in imports(path.read_text("utf-8"))
             if within(name, "mpyc")}  # fmt: skip
    assert users == {"parties.net.mpyc_guard"}


def test_the_rules_reach_nothing_but_the_standard_library():
    """The specification must be readable, and runnable, without any of the machinery."""
    for module in modules():
        if room_of(module) in ("mpc_market.rules", "mpc_market.errors"):
            tops = {name.split(".")[0] for name in reached(module)}
            assert tops <= {"mpc_market", *sys.stdlib_module_names}


def test_the_engine_reaches_no_party_and_no_plaintext_rule():
    for module in modules():
        if room_of(module) == "mpc_market.secure":
            for name in reached(module):
                assert not within(name, "parties")
                assert not any(within(name, f"mpc_market.rules.{twin}") for twin in ("clearing", "settlement"))


def test_thin_rooms_reach_neither_engine_nor_numpy():
    """Neither do messages; `reached` is tested on rooms that do reach them."""
    assert set(THIN) <= {room.removeprefix("parties.") for room in map(room_of, modules())}
    for module in modules():
        if module.startswith("parties.") and module.split(".")[1] in THIN:
            for name in reached(module):
                assert not any(within(name, heavy) for heavy in ("mpc_market.secure", "mpyc", "numpy"))
        if room_of(module) == "mpc_market.wire":
            for name in reached(module):
                assert not any(within(name, heavy) for heavy in ("mpc_market.field", "mpc_market.secure", "numpy"))
    assert "numpy" in reached("mpc_market.secure.round")
    assert "mpyc.runtime.Runtime" in reached("parties.compute.__main__")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("mpc_market.rules.clearing", "import numpy"),
        ("mpc_market.rules.clearing", "from mpc_market.secure.sort import sort"),
        ("mpc_market.rules.clearing", "from mpc_market import network"),
        ("mpc_market.field.shamir", "from mpc_market.secure import keys"),
        ("mpc_market.secure.sort", "from mpc_market.rules.clearing import clear"),
        ("mpc_market.secure.sort", "from mpc_market.rules import clearing"),
        ("mpc_market.secure.sort", "from mpc_market.rules.ticket import ticket"),
        ("mpc_market.secure.sort", "def f():\n    import parties.net"),
        ("mpc_market.secure.sort", "if TYPE_CHECKING:\n    from parties.net import network"),
        ("mpc_market.secure.sort", "from mpyc.runtime import mpc"),
        ("mpc_market.wire.sharing", "import numpy as np"),
        ("mpc_market.wire.sharing", "from mpc_market.field import shamir"),
        ("mpc_market.wire.record", "from mpc_market.rules.clearing import clear"),
        ("mpc_market.wire.record", "import datetime"),
        ("mpc_market.secure.sort", "import random"),
        ("mpc_market.secure.sort", "from numpy import random"),
        ("mpc_market.secure.sort", "import numpy as np\nnp.random.default_rng()"),
        ("mpc_market.secure.sort", "import pickle"),
        ("mpc_market.secure.sort", "__import__('pickle')"),
        ("mpc_market.secure.sort", "import importlib"),
        ("mpc_market.secure.sort", "import time"),
        ("parties.compute.service", "import mpyc.asyncoro"),
        ("parties.compute.service", "from parties.local import LocalParties"),
        ("parties.compute.service", "from pickle import loads"),
        ("parties.net.link", "from mpc_market.secure.session import Session"),
        ("parties.arbiter.judging", "from mpc_market.secure import settlement"),
        ("parties.files.orders", "import pandas"),
    ],
)
def test_a_violation_is_noticed(module, source):
    assert len(violations(module, source)) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("mpc_market.secure.sort", "import numpy as np\nfrom mpc_market.rules.model import Market"),
        ("mpc_market.secure.sort", "from mpc_market.secure import rationing"),
        ("parties.compute.service", "from mpc_market import errors"),
        ("parties.cli.main", "from mpc_market import __version__"),
        ("parties.demo.households", "np.random.default_rng(1)"),
    ],
)
def test_what_is_allowed_is_no_violation(module, source):
    assert violations(module, source) == []
