"""Places to compute: never more than there are, the nearest deadline next, none lost whatever is cancelled."""

import asyncio

import pytest

from mpc_market.errors import InvalidSettingsError
from parties.service.pool import Pool, places
from parties.service.workers import AttemptError
from tests.service.service_running import asynchronous


class Process:
    ended = False

    async def end(self) -> None:
        self.ended = True


class Starts:
    """Starts processes, slowly; keeps them."""

    def __init__(self) -> None:
        self.started: list[Process] = []
        self.fail = False

    async def __call__(self) -> Process:
        await asyncio.sleep(0.01)
        if self.fail:
            raise AttemptError("no process")
        self.started.append(Process())
        return self.started[-1]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@asynchronous
async def test_the_nearest_deadline_is_next_and_the_first_of_equal_ones():
    pool, said, go = Pool(None, 1), [], asyncio.Event()

    async def compute(name: str, deadline: int) -> None:
        async with pool.place(deadline):
            said.append(name)
            await go.wait()

    tasks = []
    for name, deadline in [("running", 9), ("late", 8), ("early", 3), ("also early", 3), ("latest", 10)]:
        tasks.append(asyncio.create_task(compute(name, deadline)))
        await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*tasks)
    assert said == ["running", "early", "also early", "late", "latest"]
    assert pool.waiting == 0


@asynchronous
async def test_a_place_is_not_lost_with_who_waits_for_it_or_has_just_been_given_it():
    pool = Pool(None, 1)

    async def compute() -> None:
        async with pool.place(1):
            await asyncio.Event().wait()

    first, waits, given = (asyncio.create_task(compute()) for _ in range(3))
    await settle()
    waits.cancel()
    first.cancel()
    await asyncio.sleep(0)  # the place has been given to the third, which is cancelled before it knows
    given.cancel()
    await asyncio.gather(first, waits, given, return_exceptions=True)
    async with asyncio.timeout(5), pool.place(1):
        assert pool.waiting == 0


@asynchronous
async def test_no_more_processes_are_started_ahead_than_there_are_places():
    pool, start = Pool(None, 2), Starts()
    for _ in range(5):
        pool.expect(start)
    await asyncio.sleep(0.05)
    assert len(start.started) == 2
    taken = await pool.worker(start)
    pool.expect_no_more()
    await asyncio.sleep(0.05)
    assert len(start.started) == 3, "the next one is started when one is taken"
    for _ in range(4):
        pool.expect_no_more()
    await pool.close()
    assert [each.ended for each in start.started if each is not taken] == [True, True]
    assert not taken.ended


@asynchronous
async def test_a_process_that_nobody_waits_for_any_more_is_ended():
    pool, start = Pool(None, 1), Starts()
    pool.expect(start)
    waiting = asyncio.create_task(pool.worker(start))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    pool.expect_no_more()
    await asyncio.sleep(0.05)
    await pool.close()
    assert all(each.ended for each in start.started)


@asynchronous
async def test_a_process_that_cannot_be_started_is_the_attempts_failure():
    pool, start = Pool(None, 1), Starts()
    start.fail = True
    pool.expect(start)
    with pytest.raises(AttemptError):
        await pool.worker(start)
    pool.expect_no_more()
    await pool.close()


def test_places_follow_cores_and_ports():
    assert places(None, range(100, 140), 2) == 2
    assert places(None, range(100, 140), 64) == 10
    assert places(None, range(100, 102), 8) == 1
    assert places(10, range(100, 140), 2) == 10
    with pytest.raises(InvalidSettingsError, match="1 to 10 are possible with 40 mpc_ports"):
        places(11, range(100, 140), 2)
