"""Parties that die, stall or break the protocol, coordinators that are killed: the run ends within 10 s, the
culprit is named, and nothing is left behind. Real processes all through."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mpc_market.errors import MarketError, PeerError, ProtocolError
from mpc_market.rules.model import Market, Order, Side
from parties.local import LocalParties

HERE = Path(__file__).parent
ORDERS = [Order("a", Side.BUY, 20, 5), Order("b", Side.SELL, 10, 5), Order("c", Side.BUY, 10, 5)]
LIMIT = 10.0


def command(number: int, deed: str) -> list[str]:
    return [sys.executable, str(HERE / "rogue_party.py"), str(number), deed]


def failure(number: int, deed: str) -> MarketError:
    """How a clearing fails in which one party misbehaves; checks the time (that nothing is left: conftest)."""

    async def clear() -> tuple[MarketError, float]:
        async with LocalParties(command=command(number, deed)) as local:
            began = time.monotonic()
            try:
                await local.clear(ORDERS, Market())
            except MarketError as error:
                found = error, time.monotonic() - began
            else:
                raise AssertionError("it went well")
            with pytest.raises(ProtocolError, match="stopped after a failure"):
                await local.clear(ORDERS, Market())
            return found

    began = time.monotonic()
    error, seconds = asyncio.run(clear())
    assert seconds < LIMIT
    print(f"{deed}: {error} after {seconds:.2f} s; in all {time.monotonic() - began:.2f} s")
    return error


@pytest.mark.parametrize(
    ("number", "deed", "reason"),
    [
        (2, "kill", "its process was killed (signal 9, SIGKILL)"),
        (1, "stop", "no heartbeat for 5 s"),
        (0, "crash", "its process ended with exit status 1"),
        (0, "exit", "its process ended with exit status 5"),
        (2, "garbage", "malformed frame: no round has the label -1"),
        (1, "pickle", "malformed frame: no round has the label"),
        (1, "lengths", "sent a message of "),
    ],
)
def test_the_culprit_is_named(number: int, deed: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    error = failure(number, deed)
    assert type(error) is PeerError
    assert error.party == number
    assert error.reason.startswith(reason)
    assert "4711" not in capfd.readouterr().err  # the text of an exception may be secret


def test_an_error_of_the_engine_arrives_as_what_it_is() -> None:
    error = failure(1, "give up")
    assert type(error) is ProtocolError
    assert str(error) == "no permutation"


@pytest.mark.parametrize(
    ("deed", "reason"),
    [("lie", "the parties' results do not fit together"), ("price", "report different prices")],
)
def test_a_wrong_result_is_noticed(deed: str, reason: str) -> None:
    error = failure(1, deed)
    assert type(error) is ProtocolError
    assert reason in str(error)


def test_a_party_that_dies_between_rounds_is_named() -> None:
    async def test() -> None:
        async with LocalParties(command=command(0, "nothing")) as local:
            os.kill(local._processes[1].pid, signal.SIGKILL)
            await asyncio.sleep(0.5)
            with pytest.raises(PeerError, match="party 1: its process was killed"):
                await local.clear(ORDERS, Market())

    asyncio.run(test())


def test_a_party_that_dies_while_the_others_start_is_named() -> None:
    async def test() -> None:
        local = LocalParties(command=[sys.executable, "-c", "raise SystemExit(3)"])
        with pytest.raises(PeerError, match="its process ended with exit status 3"):
            await local.__aenter__()

    asyncio.run(test())


def test_what_on_stage_raises_comes_out() -> None:
    def on_stage(name: str) -> None:
        if name == "cut":
            raise ZeroDivisionError

    async def test() -> None:
        async with LocalParties(on_stage=on_stage, command=command(0, "nothing")) as local:
            with pytest.raises(ZeroDivisionError):
                await local.clear(ORDERS, Market())

    asyncio.run(test())


def test_a_clearing_that_is_cancelled_leaves_nothing() -> None:
    async def test() -> None:
        async with LocalParties(command=command(2, "wait")) as local:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(local.clear(ORDERS, Market()), 0.5)
            with pytest.raises(ProtocolError, match="stopped after a failure"):
                await local.clear(ORDERS, Market())

    asyncio.run(test())


def start_driver(deed: str, moment: str) -> tuple["subprocess.Popen[str]", list[psutil.Process]]:
    driver = subprocess.Popen(
        [sys.executable, str(HERE / "driver.py"), deed, moment],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert driver.stdout is not None
    pids = [int(pid) for pid in driver.stdout.readline().split()]
    assert len(pids) == 3
    return driver, [psutil.Process(pid) for pid in pids]


def end(driver: "subprocess.Popen[str]", processes: list[psutil.Process]) -> str:
    """Wait for everyone to be gone; returns what was said on standard error."""
    began = time.monotonic()
    try:
        _, gone_wrong = psutil.wait_procs(processes, timeout=5)
        assert not gone_wrong
        _, errors = driver.communicate(timeout=5)
        assert time.monotonic() - began < 5
        return errors
    finally:
        for each in [*processes, driver]:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                each.kill()
        driver.communicate()


@pytest.mark.parametrize("deed", ["wait", "spin"])
def test_parties_end_when_their_coordinator_is_killed(deed: str) -> None:
    driver, processes = start_driver(deed, "sort")
    driver.kill()
    assert end(driver, processes) == ""


@pytest.mark.parametrize("moment", ["spawned", "sort"])
def test_ctrl_c_ends_everything(moment: str) -> None:
    driver, processes = start_driver("wait", moment)
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
    errors = end(driver, processes)
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "compute party" not in errors
    assert driver.returncode != 0


def test_an_impatient_ctrl_c_too() -> None:
    driver, processes = start_driver("spin", "sort")
    for _ in range(5):
        os.killpg(driver.pid, signal.SIGINT)
        time.sleep(0.05)
    end(driver, processes)
