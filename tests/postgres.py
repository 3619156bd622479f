"""A temporary PostgreSQL cluster: a real server on a free loopback port, gone when the tests are.

The binaries are found on PATH or where Debian keeps them. The server refuses to run as root: for root it runs as the
user `postgres`, or `nobody`. Where it is not installed the tests that need it are skipped, but not in CI
(environment variable CI), where they fail.
"""

import asyncio
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.ports import free_ports

_START_S = 60


def binaries() -> Path | None:
    """The directory of `initdb` and `postgres`, of the newest version where there are several."""
    for found in (shutil.which("initdb"), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))[::-1]):
        if found is not None and (Path(found).resolve().parent / "postgres").exists():
            return Path(found).resolve().parent
        if found is not None and (Path(found).parent / "postgres").exists():
            return Path(found).parent
    return None


def required() -> Path:
    """The binaries; skips the test where there are none, fails it in CI."""
    found = binaries()
    if found is None:
        text = "PostgreSQL is not installed (no initdb on PATH or in /usr/lib/postgresql/*/bin)"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    return found


def _unprivileged() -> str | None:
    """The user that the server runs as; None for this process's own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    pytest.fail("PostgreSQL refuses root, and there is neither a user postgres nor nobody")


@dataclass
class Cluster:
    """A server; `home` holds its data and its log."""

    binaries: Path
    home: Path
    user: str | None
    password: str = field(repr=False)
    options: tuple[str, ...] = ()
    port: int = 0
    _server: subprocess.Popen[bytes] | None = None
    _emptied: str | None = None

    def url(self, database: str = "postgres") -> str:
        """What a ledger is opened with."""
        return f"postgresql://tester:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, or start again on the same port, and wait until it answers."""
        self.port = self.port or free_ports(1)[0]
        command = [self.binaries / "postgres", "-D", self.home / "data", "-p", str(self.port), "-k", self.home]
        command += ["-h", "127.0.0.1", *self.options]
        with (self.home / "log").open("ab") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, **self._as_user())
        end = time.monotonic() + _START_S
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL does not start:\n{(self.home / 'log').read_text()[-2000:]}")
            time.sleep(0.1)

    def crash(self) -> None:
        """End it at once, with all that is only in memory: a loss of power, as far as a server can show it.

        It is also the fastest end: an orderly one would write everything to disk first.
        """
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(_START_S)
            self._server = None

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run one statement as the owner of the cluster."""

        async def run() -> list[Any]:
            connection = await asyncpg.connect(self.url(database))
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return asyncio.run(run())

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"ledger_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def emptied(self) -> str:
        """The URL of one database that is emptied with every call: much faster than a new one each time."""
        if self._emptied is None:
            self._emptied = self.new_database()
        name = self._emptied.rpartition("/")[2]
        self.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")
        self.execute("DROP SCHEMA public CASCADE", name)
        self.execute("CREATE SCHEMA public", name)
        return self._emptied

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except (OSError, asyncpg.PostgresError):
            return False
        return True

    def _as_user(self) -> dict[str, Any]:
        # Not in a directory that the other user may not enter.
        return {"cwd": self.home} | ({} if self.user is None else {"user": self.user, "extra_groups": []})

    def initialise(self) -> None:
        """Make the cluster: passwords are asked for, and what is committed is synchronised."""
        (self.home / "password").write_text(self.password)
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            for path in (self.home, self.home / "password"):
                os.chown(path, entry.pw_uid, entry.pw_gid)
        command = [self.binaries / "initdb", "-D", self.home / "data", "-U", "tester", "-E", "UTF8", "--locale=C"]
        command += ["--auth=scram-sha-256", f"--pwfile={self.home / 'password'}", "--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_user())
        if done.returncode != 0:
            raise RuntimeError(f"initdb fails:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")


@contextlib.contextmanager
def cluster(*options: str) -> Iterator[Cluster]:
    """A running cluster of its own; `options` are further arguments of the server, "-cfsync=off" say."""
    home = Path(tempfile.mkdtemp(prefix="market-postgres-"))
    made = Cluster(required(), home, _unprivileged(), secrets.token_hex(16), options)
    try:
        made.initialise()
        made.start()
        yield made
    finally:
        made.crash()
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One cluster for all tests that import this fixture."""
    with cluster() as running:
        yield running
