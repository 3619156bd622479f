"""A whole market of real processes, to which something can be done: parties started, killed and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from parties.files.party_home import read_home_settings
from parties.files.problems import Problems
from parties.launch.community import Community
from soak.hosts import Hosts
from soak.steered import CLOCK, SteeredClock

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 90.0
_STOP_SECONDS = 20.0


class LiveMarket:
    """The processes of a community. As a context manager it ends them all, workers included.

    `hosts`: on which each party is, by number, and the meters on the one after them; else all are here.
    """

    def __init__(self, community: Community, hosts: Hosts | None = None) -> None:
        self.community = community
        self.parties = len(community.running.parties)
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.logs = community.directory / "logs"
        self._hosts = hosts
        self.clock_file = community.directory / CLOCK
        SteeredClock(self.clock_file)
        self.logs.mkdir(exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for each in self.processes.values():
            with suppress(ProcessLookupError):  # its whole session: workers too, whatever state they are in
                os.killpg(each.pid, signal.SIGKILL)
            each.wait()

    def start(self, *parties: int, ahead: float = 0.0, before: Sequence[str] = (), module: str = "soak.party") -> None:
        """Start the services of some parties (all). `before`: a command that runs them; `module`: what a party is."""
        for party in parties or range(self.parties):
            home = self.community.party_home(party)
            command = [*before, sys.executable, "-m", module, str(home), "--clock", str(self.clock_file)]
            command += ["--ahead", str(ahead)]
            self.processes[party] = self._spawn(party, f"party-{party}", command)

    def kill(self, *parties: int) -> None:
        """kill -9, their workers' fate is their own business."""
        for party in parties:
            self.processes[party].kill()
            self.processes[party].wait()

    def stop(self, *parties: int) -> None:
        """Tell some parties (all that run) to end, and wait until they have."""
        ending = [self.processes[party] for party in parties or self.processes]
        for process in ending:
            process.terminate()
        for process in ending:
            process.wait(_STOP_SECONDS)

    def revive(self, *down: int) -> int:
        """Start again what has ended, but those; how many."""
        ended = [party for party, each in self.processes.items() if each.poll() is not None and party not in down]
        for party in ended:
            self.start(party)
        return len(ended)

    def until_ready(self, *parties: int) -> None:
        """Wait until they answer and see each other. Raises: TimeoutError."""
        until = time.monotonic() + READY_SECONDS
        for party in parties or range(self.parties):
            while not self.is_ready(party):
                if time.monotonic() > until:
                    raise TimeoutError(f"party {party} is not ready: {self.log(party)[-3:]}")
                time.sleep(0.1)

    def is_ready(self, party: int) -> bool:
        """Whether it says so on its private port."""
        return self.private(party, "readyz") is not None

    def private(self, party: int, path: str) -> str | None:
        """What a party answers on its private port, None if that is not 200."""
        problems = Problems()
        settings = read_home_settings(self.community.party_home(party), problems)
        assert settings is not None
        host, port = settings.listen.private
        try:
            with nullcontext() if self._hosts is None else self._hosts.inside(party):  # its loopback is not ours
                answer = httpx.get(f"http://{host}:{port}/{path}", trust_env=False, timeout=10)
        except httpx.HTTPError:
            return None
        return answer.text if answer.status_code == httpx.codes.OK else None

    def log(self, party: int) -> list[dict[str, object]]:
        """What a party has logged. Lines that are no JSON come from a Python that fails before it logs."""
        lines = (self.logs / f"party-{party}.log").read_text("utf-8", errors="replace").splitlines()
        return [json.loads(line) if line.startswith("{") else {"event": line} for line in lines]

    def _spawn(self, host: int, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as output:
            return subprocess.Popen(
                [*([] if self._hosts is None else self._hosts.command(host)), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                start_new_session=True,
            )
