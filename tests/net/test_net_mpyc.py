"""MPyC is touched in one place, imported without its side effects, and never gets to unpickle anything."""

import ast
import asyncio
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import parties
from tests.net.meeting import met, run

ROOT = Path(parties.__file__).parent.parent

PROBE = """
import asyncio, json, logging, os, sys, warnings
warnings.simplefilter("error")
before = list(sys.argv), dict(os.environ), type(asyncio.get_event_loop_policy()).__name__
from parties.net import mpyc_guard
after = list(sys.argv), dict(os.environ), type(asyncio.get_event_loop_policy()).__name__
import mpyc.runtime
print(json.dumps({
    "same": before == after,
    "handlers": len(logging.getLogger().handlers),
    "level": logging.getLogger().level,
    "runtime": hasattr(mpyc.runtime, "mpc"),
    "numpy": mpyc.runtime.np is not None,
}))
"""


def test_importing_it_changes_nothing() -> None:
    hostile = {
        "MPYC_NONUMPY": "1",
        "MPYC_NOUVLOOP": "nonsense",
        "MPYC_MIX32_64BIT": "1",
        "MPYC_MAXWORKERS": "8",
    }
    finished = subprocess.run(
        [sys.executable, "-c", PROBE, "-M", "3", "--HELP", "-T", "7", "--log-level", "debug"],
        env={**os.environ, **hostile, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert finished.stderr == ""
    found = json.loads(finished.stdout)
    assert found == {"same": True, "handlers": 0, "level": 30, "runtime": False, "numpy": True}


def test_only_the_guard_imports_it() -> None:
    found = set()
    for package in ("mpc_market", "parties"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                else:
                    continue
                if any(name.split(".")[0] == "mpyc" for name in names):
                    found.add(path.relative_to(ROOT).as_posix())
    assert found == {"parties/net/mpyc_guard.py"}


def test_nothing_here_knows_pickle() -> None:
    for package in ("net", "compute", "local"):
        for path in (ROOT / "parties" / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                    assert not {"pickle", "marshal", "shelve", "multiprocessing"} & set(names), path


@pytest.fixture
def no_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("something was unpickled")

    monkeypatch.setattr(pickle, "loads", fail)
    monkeypatch.setattr(pickle, "load", fail)
    monkeypatch.setattr(pickle, "Unpickler", fail)


@pytest.mark.usefixtures("no_pickle")
def test_a_pickle_from_a_peer_is_words() -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("touch /tmp/bomb",)

    bomb = pickle.dumps(Bomb())
    as_words = np.frombuffer(bomb + bytes(-len(bomb) % 8), np.uint64)

    async def test() -> None:
        async with met() as networks:
            networks[0].send(1, 1, as_words)
            assert (await networks[1].receive(0, 1, as_words.size)).tobytes() == as_words.tobytes()
            # The same without a frame of ours: the connection ends, and that is all.
            networks[0]._runtime.exchangers[2].transport.write(bomb)
            assert "malformed frame" in str(await networks[2].failed)

    run(test)


@pytest.mark.usefixtures("no_pickle")
def test_what_unpickles_in_mpyc_is_closed() -> None:
    async def test() -> None:
        async with met() as networks:
            runtime = networks[0]._runtime
            assert (runtime.pid, len(runtime.parties), runtime.threshold) == (0, 3, 1)
            assert runtime.options.no_prss
            with pytest.raises(NotImplementedError, match="unpickles what peers send"):
                runtime.transfer([1])
            with pytest.raises(NotImplementedError, match="unpickles what peers send"):
                await runtime.shutdown()
            with pytest.raises(NotImplementedError, match="unpickles what peers send"):
                runtime._receive_message(1)
            with pytest.raises(NotImplementedError, match="unpickles what peers send"):
                runtime._send_message(1, b"")
            with pytest.raises(NotImplementedError):
                runtime.parties[1].protocol.data_received(b"")
            assert asyncio.get_running_loop().get_exception_handler().__module__ != "mpyc.asyncoro"

    run(test)
