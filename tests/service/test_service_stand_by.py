"""Two processes of one party on one PostgreSQL server: one works, the other stands by, by the lock of the database.

Real processes, a real server, the real clock.
"""

import asyncio
import re
import signal
from pathlib import Path

import pytest

from benchmarks.street import Street, make_streets
from parties.launch.processes import Processes, Running
from parties.ledger import InUseError, Ledger
from tests.service.service_running import asynchronous

COLLECT = 15


def on_server(home: Path, url: str) -> None:
    """Let the party keep its ledger on a server."""
    file = home / "party.toml"
    file.write_text(re.sub(r'database = "[^"]*"', f'database = "{url}"', file.read_text()))


async def said(process: Running, words: str) -> None:
    async with asyncio.timeout(60):
        while words not in process.log.read_text():
            assert process.process.returncode is None, process.log.read_text()
            await asyncio.sleep(0.1)


async def open_round(street: Street) -> int:
    """The start of a period whose round is open for a while yet."""
    now = asyncio.get_running_loop().time
    end = now() + 90
    while now() < end:
        document = (await street.get(f"../{street.running.id}")).json()
        for start in document["rounds"]:
            left = start - COLLECT - document["now"] / 1000
            if left > COLLECT / 2 and await street.is_open(start):
                return start
        await asyncio.sleep(0.2)
    raise AssertionError("no round opens")


@asynchronous
async def test_who_stands_by_takes_over_from_a_killed_one_and_the_round_goes_on(tmp_path, postgres):
    url = await asyncio.to_thread(postgres.new_database)
    (street,) = make_streets(tmp_path, 3, 1, 3, COLLECT)
    homes = [str(tmp_path / "market" / f"party-{party}") for party in range(3)]
    on_server(Path(homes[0]), url)
    async with Processes(tmp_path / "logs") as processes:
        try:
            run = ["party", "run", "--stand-by", "--home"]
            first = await processes.start("first", [*run, homes[0]])
            await said(first, "service runs")
            second = await processes.start("second", [*run, homes[0]])
            for party in (1, 2):
                await processes.start(f"party-{party}", [*run, homes[party]])
            await said(second, "stands by")
            with pytest.raises(InUseError):
                await Ledger.open(url, 0, patience_s=0.1)
            start = await open_round(street)
            await street.learn(start)
            for number in range(3):
                await street.submit(number)
            assert "service runs" not in second.log.read_text()
            first.process.kill()
            await first.process.wait()
            await said(second, "service runs")
            await street.until_over(start)
            assert await street.check(start) == 3
            third = await processes.start("third", [*run, homes[0]])
            await said(third, "stands by")
            third.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(third.process.wait(), 20) == 0, "who stands by can be told to end"
        finally:
            await street.close()


CUT = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"


@asynchronous
async def test_one_that_has_lost_the_lock_ends(tmp_path, postgres):
    """Cut off from the server for so long that another one took over: it stores nothing more, and ends."""
    url = await asyncio.to_thread(postgres.new_database)
    make_streets(tmp_path, 3, 1, 1, COLLECT)
    home = tmp_path / "market" / "party-0"
    on_server(home, url)
    async with Processes(tmp_path / "logs") as processes:
        first = await processes.start("first", ["party", "run", "--home", str(home)])
        await said(first, "service runs")
        first.process.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(postgres.execute, CUT, url.rpartition("/")[2])
        successor = await Ledger.open(url, 0, patience_s=10)
        first.process.send_signal(signal.SIGCONT)
        assert await asyncio.wait_for(first.process.wait(), 60) == 1
        assert "another process has it open" in first.log.read_text()
        await successor.check()
        await successor.close()
