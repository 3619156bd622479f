"""With real worker processes, and as a process of its own. A handful: each takes seconds to come up."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from mpc_market.rules.model import Side
from parties.files.problems import Problems
from parties.service import computing
from parties.service.life import FINAL, State
from parties.service.process_workers import ProcessWorker, ProcessWorkers
from parties.setup.rotation import adopt_into, rotate
from tests.service.service_results import collected
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, Meter, Town

COMMAND = (sys.executable, "-m", "parties.cli.main", "party", "run", "--home")
ROOT = Path(__file__).resolve().parents[2]


class KeptWorkers(ProcessWorkers):
    """Keeps what it started; `strike` gets the process id of the first worker when it begins to compute."""

    def __init__(self, strike=None) -> None:
        self.started: list[ProcessWorker] = []
        self._strike = strike

    async def start(self, home, now) -> ProcessWorker:
        worker = await super().start(home, now)
        self.started.append(worker)
        if self._strike is not None and len(self.started) == 1:
            clear = worker.clear

            async def struck(*arguments):
                self._strike(worker._worker.pid)
                return await clear(*arguments)

            worker.clear = struck
        return worker


@pytest.mark.parametrize("strike", [None, signal.SIGKILL, signal.SIGSTOP], ids=["none", "killed", "stopped"])
@asynchronous
async def test_a_round_computed_by_processes(tmp_path, monkeypatch, strike):
    """One worker is killed, or stopped so that it stalls: the next attempt has the result, and none is left behind."""
    if strike is signal.SIGSTOP:
        monkeypatch.setattr(computing, "_attempt_seconds", lambda _: 6.0)
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    striking = KeptWorkers(None if strike is None else lambda pid: os.kill(pid, strike))
    town.workers = [KeptWorkers(), striking, KeptWorkers()]
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        anna, ben = town.meters
        sent = anna.submission(terms, 1, (Side.SELL, 5, 10))
        await town.submit(sent)
        await town.submit(ben.submission(terms, 1, (Side.BUY, 9, 6)))
        town.clock.move_to(town.gate)
        await town.until(*FINAL, seconds=90)
        assert (await collected(town, anna, sent, [(Side.SELL, 5, 10)], terms)).accepted == (6,)
        attempts = 1 if strike is None else 2
        for workers in town.workers:
            assert len(workers.started) == attempts
            for worker in workers.started:
                assert worker._worker._process.exit_status() is not None


@asynchronous
async def test_processes_know_each_other_by_their_new_certificates(tmp_path):
    """Party 1's keys have changed since the service was started: the MPC goes on over the new ones."""
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    town.workers = [KeptWorkers() for _ in range(3)]
    async with town.up():
        since, problems = START + PERIOD, Problems()
        announcement = rotate(town.home(1), since, town.clock.now_ms() // 1000)
        town.market = adopt_into(str(tmp_path / "market" / "market.toml"), [str(announcement)], problems)
        problems.check()
        for moment in (town.clock.now_ms(), 1000 * since):
            town.clock.move_to(moment)
            for service in town.services.values():
                await service.upkeep.look()
        start = START + 2 * PERIOD
        await town.until(State.COLLECTING, start=start, seconds=60)
        terms = await town.terms(start)
        anna, ben = town.meters
        sent = anna.submission(terms, 1, (Side.SELL, 5, 10))
        await town.submit(sent, start)
        await town.submit(ben.submission(terms, 1, (Side.BUY, 9, 6)), start)
        town.clock.move_to(1000 * start - 300_000)
        await town.until(*FINAL, start=start, seconds=90)
        assert (await collected(town, anna, sent, [(Side.SELL, 5, 10)], terms)).accepted == (6,)
        new = town.home(1).path / "keys-2"
        assert {worker._tls.identity.key.parent for worker in town.workers[1].started[-1:]} == {new}


def lines(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def serve(home: Path, log: Path) -> subprocess.Popen:
    with log.open("ab") as output:
        return subprocess.Popen([*COMMAND, str(home)], stdout=output, stderr=output, cwd=ROOT)


def wait_for(town: Town, process: subprocess.Popen) -> None:
    """Until the process answers on its private port."""
    host, port = town.home(0).listen.private
    for _ in range(600):
        assert process.poll() is None, "it has ended"
        try:
            if httpx.get(f"http://{host}:{port}/healthz", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError("it did not come up")


def wait_for_log(log: Path, process: subprocess.Popen, event: str, times: int) -> None:
    """Until the log has an event this many times: the private port answers before the service runs."""
    while log.read_text().count(f'"{event}"') < times:
        assert process.poll() is None, "it has ended"
        time.sleep(0.05)


def test_it_ends_when_it_is_told_to_and_comes_back_after_a_crash(tmp_path):
    town = Town(tmp_path / "market")
    home, log = tmp_path / "market" / "party-0", tmp_path / "log"
    crashed = serve(home, log)
    wait_for(town, crashed)
    wait_for_log(log, crashed, "service runs", 1)
    crashed.kill()
    crashed.wait()
    again = serve(home, log)
    try:
        wait_for(town, again)
        wait_for_log(log, again, "service runs", 2)
        again.send_signal(signal.SIGTERM)
        assert again.wait(20) == 0
    finally:
        again.kill()
        again.wait()
    events = [each["event"] for each in lines(log)]
    assert events.count("roll read") == 2
    assert events.count("service ends") == 1  # the first was killed
    assert {each["party"] for each in lines(log)} == {0}


def test_a_home_that_is_none_is_bad_input(tmp_path):
    ended = subprocess.run([*COMMAND, str(tmp_path / "nowhere")], capture_output=True, cwd=ROOT, check=False)
    assert ended.returncode == 2
    assert b"no such directory" in ended.stderr


def test_an_address_that_is_taken_is_said_in_one_line(tmp_path):
    town = Town(tmp_path / "market")
    with socket.create_server(town.home(0).listen.api):
        home = tmp_path / "market" / "party-0"
        ended = subprocess.run([*COMMAND, str(home)], capture_output=True, cwd=ROOT, check=False)
    assert ended.returncode == 1
    assert b"Traceback" not in ended.stderr
    assert b"in use" in ended.stderr


@asynchronous
async def test_a_stop_in_the_middle_of_a_computation_leaves_no_process(tmp_path):
    town = Town(tmp_path / "market", meters=[Meter("anna"), Meter("ben")])
    computing_now = asyncio.Event()
    town.workers = [
        KeptWorkers(),
        KeptWorkers(lambda pid: (os.kill(pid, signal.SIGSTOP), computing_now.set())),
        KeptWorkers(),
    ]
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        await town.submit(town.meters[0].submission(terms, 1, (Side.SELL, 5, 10)))
        town.clock.move_to(town.gate)
        async with asyncio.timeout(60):
            await computing_now.wait()
    for workers in town.workers:
        for worker in workers.started:
            assert worker._worker._process.exit_status() is not None
