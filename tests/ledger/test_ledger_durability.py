"""Nothing that was acknowledged is lost: killed processes, crashed servers, full disks."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parties.ledger import Ledger, LedgerError, LedgerFullError, Storing
from tests.ledger.ledger_support import MARKET, PARTY, START, asynchronous, create, opened, submission
from tests.postgres import cluster

HERE = Path(__file__).parent


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`ledger_process.py`, killed at the end if it still runs."""
    path = os.pathsep.join((str(HERE), str(HERE.parents[1])))
    command = [sys.executable, HERE / "ledger_process.py", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    ) as running:
        try:
            yield running
        finally:
            running.kill()


async def held(url: str) -> dict[str, bool]:
    """The meters that are held, and whether with words and receipt."""
    async with opened(url) as ledger:
        rows = await ledger.submissions(MARKET, START)
        words = await ledger.submission_words(MARKET, START, [(row.meter, row.number) for row in rows])
        return {row.meter: row.receipt is not None and len(one) > 0 for row, one in zip(rows, words, strict=True)}


@pytest.mark.parametrize("acknowledged", [1, 200, 1000])
def test_a_killed_process_has_lost_nothing(url, acknowledged):
    with process(url, "0") as running:
        lines = [running.stdout.readline().strip() for _ in range(acknowledged)]
        running.send_signal(signal.SIGKILL)
        # What it had still said before it died counts as well; a line cut short was not said.
        lines += [line.strip() for line in running.stdout if line.endswith("\n")]
        assert running.wait() == -signal.SIGKILL
    found = asyncio.run(held(url))
    assert set(lines) <= set(found)
    assert len(set(lines)) == len(lines) >= acknowledged
    assert all(found.values())


def test_a_crashed_server_has_lost_nothing_and_service_goes_on():
    """PostgreSQL dies while it is written to, and comes back; the ledger that was open then is still of use."""

    @asynchronous
    async def scenario() -> None:
        async with opened(url) as ledger:
            await create(ledger)
            acknowledged = []

            async def client(first: int) -> str:
                for number in range(first, first + 10_000):
                    row = submission(f"m{number}")
                    try:
                        await ledger.store_submission(row)
                    except LedgerError as error:
                        return str(error)
                    acknowledged.append(row.meter)
                return "no error"

            clients = [asyncio.create_task(client(10_000 * i)) for i in range(20)]
            while len(acknowledged) < 500:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(server.crash)
            errors = await asyncio.gather(*clients)
            assert all(error.startswith(f"ledger 127.0.0.1/{name}: ") for error in errors), errors
            for attempt in (ledger.check(), ledger.unfinished_rounds()):
                with pytest.raises(LedgerError, match="no connection to the server"):
                    await attempt
            await asyncio.to_thread(server.start)
            found = {row.meter for row in await ledger.submissions(MARKET, START)}
            assert set(acknowledged) <= found
            assert (await ledger.store_submission(submission("later"))).storing is Storing.NEW

    with cluster() as server:
        url = server.new_database()
        name = url.rpartition("/")[2]
        scenario()


def test_a_disk_that_takes_no_more(tmp_path):
    """A limit on the size of files: writes fail as on a full disk, and go on when the limit is lifted."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with process(url, "0", str(600_000)) as running:
        acknowledged = []
        for line in running.stdout:
            if line.startswith("full: "):
                break
            acknowledged.append(line.strip())
        assert line.startswith("full: LedgerError: ledger ")
        assert "the disk failed, or a quota is used up (SQLITE_IOERR_WRITE)" in line
        assert len(acknowledged) > 100
        running.stdin.write("go on\n")
        running.stdin.flush()
        acknowledged += [later.strip() for later in running.stdout]
        assert running.wait() == 0
    assert acknowledged[-1] == "later9"
    assert set(acknowledged) <= set(asyncio.run(held(url)))


async def pages(ledger: Ledger, limit: int) -> None:
    """Let the connection that writes think that the disk has room for this many pages."""

    async def work(connection):
        await connection.exec_driver_sql(f"PRAGMA max_page_count={limit}")

    await ledger._database.write(work)


@asynchronous
async def test_a_full_file_is_called_full(tmp_path):
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        await create(ledger)
        await pages(ledger, 200)
        acknowledged, errors = set(), []
        while not errors:
            rows = [submission(f"m{len(acknowledged) + i}") for i in range(50)]
            answers = await asyncio.gather(*map(ledger.store_submission, rows), return_exceptions=True)
            errors = [answer for answer in answers if isinstance(answer, BaseException)]
            acknowledged |= {row.meter for row, answer in zip(rows, answers, strict=True) if answer not in errors}
        assert {type(error) for error in errors} == {LedgerFullError}
        assert "there is no space left: nothing was stored" in str(errors[0])
        assert "(SQLITE_FULL)" in str(errors[0])
        # The failed connection is replaced by one without the limit: as if there were space again.
        rows = [submission(f"later{i}") for i in range(200)]
        answers = await asyncio.gather(*map(ledger.store_submission, rows))
        assert {answer.storing for answer in answers} == {Storing.NEW}
        held = {row.meter for row in await ledger.submissions(MARKET, START)}
        assert held == acknowledged | {row.meter for row in rows}


@asynchronous
async def test_in_a_full_ledger_every_row_of_a_batch_is_refused(tmp_path):
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        await create(ledger)
        await pages(ledger, 80)
        rows = [submission(f"m{number}", words=bytes(5000)) for number in range(100)]
        answers = await asyncio.gather(*map(ledger.store_submission, rows), return_exceptions=True)
        assert {type(answer) for answer in answers} == {LedgerFullError}
        assert len({id(answer) for answer in answers}) == 100
        assert await ledger.submissions(MARKET, START) == []


@asynchronous
async def test_every_commit_is_synchronised(tmp_path):
    path = tmp_path / "ledger.db"
    async with opened(f"sqlite:///{path}") as ledger:
        asked = {}

        async def work(connection):
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "secure_delete"):
                asked[pragma] = (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar()

        await ledger._database.write(work)
        assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


@asynchronous
async def test_a_ledger_has_one_process(url):
    async with opened(url) as ledger:
        await create(ledger)
        with pytest.raises(LedgerError, match="another process has it open"):
            await Ledger.open(url, PARTY, patience_s=0.2)
        await ledger.check()
    async with opened(url):
        pass


@asynchronous
async def test_a_successor_waits_for_its_predecessor_to_go(url):
    first = await Ledger.open(url, PARTY)
    second = asyncio.create_task(Ledger.open(url, PARTY))
    await asyncio.sleep(0.3)
    assert not second.done()
    await first.close()
    await (await second).close()
