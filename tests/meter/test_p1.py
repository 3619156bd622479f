"""Telegrams from files and from a serial line: a pseudo-terminal, through pyserial (parties.meter.p1, metering)."""

import asyncio
import contextlib
import os
import tty

import pytest

from parties.files.problems import Problems
from parties.meter import p1
from parties.meter.metering import ReadFile, follow, read_file
from parties.meter.p1 import listen, read_telegrams
from parties.meter.registers import Registers, energies
from parties.meter.store import Store
from tests.meter.telegrams import DUTCH_DEVICE, belgian, dutch

NOON = 1_795_262_400


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "meter.db", "m")


# --- files ------------------------------------------------------------------------------------------------


def test_a_file_becomes_energies(tmp_path, store):
    path = tmp_path / "day.p1"
    path.write_bytes(b"".join(belgian(NOON + 10 * i, (i, 2 * i), (0, i)) for i in range(181)))
    problems = Problems()
    assert read_file(str(path), store, 900, problems) == ReadFile(181, 3, 0, ())
    assert problems.count == 0
    found = energies(store.boundaries(0), 900)
    assert {start - NOON: (energy.imported, energy.exported) for start, energy in found.items()} == {
        0: (270, 90),
        900: (270, 90),
    }
    assert read_file(str(path), store, 900, problems).new == 0, "the second time nothing is new"


def test_a_corrupt_telegram_is_an_error_with_its_line_and_nothing_is_kept(tmp_path, store):
    path = tmp_path / "day.p1"
    good = [dutch(NOON + 900 * i, (100 * i, 0), (0, 0)) for i in range(4)]
    bad = good[2].replace(b"000000.200", b"000000.300")
    path.write_bytes(b"".join([*good[:2], bad, good[3]]))
    problems = Problems()
    read_file(str(path), store, 900, problems)
    line = 1 + 2 * good[0].count(b"\n")
    assert problems.shown == [
        f"{path}:{line}: the checksum does not fit the telegram: some bytes of it are wrong; "
        "check the cable, or the file"
    ]
    assert store.boundaries(0) == []


def test_a_file_with_a_clock_ahead_says_so(tmp_path, store):
    """One telegram is a year ahead, and one is there twice."""
    moments = [NOON + 10 * i for i in range(91)]
    path = tmp_path / "day.p1"
    path.write_bytes(
        b"".join(dutch(at, (at - NOON, 0), (0, 0)) for at in moments[:10])
        + dutch(moments[9], (90, 0), (0, 0))
        + dutch(NOON + 365 * 86_400, (95, 0), (0, 0))
        + b"".join(dutch(at, (at - NOON, 0), (0, 0)) for at in moments[10:])
    )
    done = read_file(str(path), store, 900, Problems())
    assert (done.telegrams, done.left_out) == (93, 1)
    assert done.ran_back == ((NOON + 365 * 86_400, moments[10]),)
    assert energies(store.boundaries(NOON, NOON + 900), 900)[NOON].imported == 900


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (dutch(NOON, (0, 0), (0, 0))[:-20], "the file ends within a telegram"),
        (b"\x00" * 20_000, "without the end of a telegram"),
        (b"hello!\r\n", "parts are missing"),
    ],
)
def test_files_that_are_none(tmp_path, content, reason):
    path = tmp_path / "day.p1"
    path.write_bytes(content)
    problems = Problems()
    assert list(read_telegrams(str(path), problems)) == []
    assert reason in problems.shown[0]


def test_a_file_that_is_not_there(tmp_path):
    problems = Problems()
    assert list(read_telegrams(str(tmp_path / "none"), problems)) == []
    assert list(read_telegrams("a\0b", problems)) == []
    assert "No such file" in problems.shown[0]
    assert problems.count == 2


# --- a serial line ----------------------------------------------------------------------------------------


@pytest.fixture
def line():
    """A serial line: what is written to the first end comes out of the device."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    try:
        yield ours, os.ttyname(theirs)
    finally:
        for end in (ours, theirs):
            with contextlib.suppress(OSError):
                os.close(end)


async def take(device: str, count: int, reports: list[str]) -> list[Registers]:
    found = []
    async for registers in listen(device, reports.append):
        found.append(registers)
        if len(found) == count:
            return found
    raise AssertionError("it listens for ever")


def hear(device: str, ours: int, data: bytes, count: int) -> tuple[list[Registers], list[str]]:
    reports: list[str] = []

    async def both():
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(take(device, count, reports))
        await asyncio.sleep(0.1)  # opening a device throws away what it has received before
        for at in range(0, len(data), 1000):
            await loop.run_in_executor(None, os.write, ours, data[at : at + 1000])
        return await asyncio.wait_for(task, 30)

    return asyncio.run(both()), reports


def test_telegrams_as_they_come(line):
    ours, device = line
    telegrams = [dutch(NOON + i, (i, 0), (0, 0)) for i in range(5)]
    found, reports = hear(device, ours, b"".join(telegrams), 5)
    assert found == [Registers(NOON + i, DUTCH_DEVICE, i, 0) for i in range(5)]
    assert reports == []


def test_who_comes_in_the_middle_waits_for_the_next_telegram(line):
    ours, device = line
    telegram = dutch(NOON, (7, 0), (0, 0))
    found, reports = hear(device, ours, telegram[300:] + telegram, 1)
    assert (found, reports) == ([Registers(NOON, DUTCH_DEVICE, 7, 0)], [])


def test_a_corrupt_telegram_is_reported_and_left_out(line):
    ours, device = line
    telegrams = [dutch(NOON + i, (7654, 0), (0, 0)) for i in range(3)]
    telegrams[1] = telegrams[1].replace(b"kWh", b"kWj", 1)
    found, reports = hear(device, ours, b"".join(telegrams), 2)
    assert [registers.at - NOON for registers in found] == [0, 2]
    assert len(reports) == 1
    assert "checksum" in reports[0]
    assert "7654" not in reports[0]


def test_a_device_that_is_not_there_is_tried_again(tmp_path, monkeypatch, line):
    ours, device = line
    monkeypatch.setattr(p1, "pause_seconds", lambda attempt: 0.01)
    link = tmp_path / "ttyUSB0"
    reports: list[str] = []

    async def both():
        task = asyncio.ensure_future(take(str(link), 1, reports))
        while len(reports) < 3:
            await asyncio.sleep(0.01)
        link.symlink_to(device)
        while not task.done():
            os.write(ours, dutch(NOON, (1, 0), (0, 0)))
            await asyncio.sleep(0.05)
        return task.result()

    assert asyncio.run(both()) == [Registers(NOON, DUTCH_DEVICE, 1, 0)]
    assert reports[0] == f"{link}: No such file or directory; it will be opened again"


def test_registers_at_the_ends_of_periods_are_kept(line, store):
    ours, device = line
    telegrams = b"".join(dutch(NOON + 10 * i, (i, 0), (0, 0)) for i in (10**6, *range(6)))
    reports: list[str] = []

    async def both():
        task = asyncio.ensure_future(follow(device, store, 20, reports.append))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(os.write, ours, telegrams)
        while len(store.boundaries(0)) < 4:
            await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(both())
    kept = [(boundary.at - NOON, boundary.registers.imported) for boundary in store.boundaries(0, NOON + 40)]
    assert kept == [(0, 0), (20, 2), (40, 4)], "although the first telegram was months ahead"
    ran_back = "ran back from 2027-03-17T05:46:40Z to 2026-11-21T12:00:00Z: it goes on from there"
    assert reports == [f"{device}: the clock of its telegrams {ran_back}"]


def test_a_device_that_is_not_there_is_reported_ever_more_rarely(tmp_path, monkeypatch):
    attempts = []

    async def sleep(seconds: float) -> None:
        attempts.append(seconds)
        if len(attempts) == 100:
            raise EOFError

    monkeypatch.setattr("parties.meter.p1.asyncio.sleep", sleep)
    reports: list[str] = []
    with pytest.raises(EOFError):
        asyncio.run(take(str(tmp_path / "nope"), 1, reports))
    assert len(reports) == 8  # after 0, 1, 2, 4, 8, 16, 32 and 64 attempts
    assert set(reports) == {f"{tmp_path}/nope: No such file or directory; it will be opened again"}
