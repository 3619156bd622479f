"""Workers that die, stall or lie, services that change their mind: every service gets a clear error that names the one
to blame as far as it can know, and no process is left (conftest). Real processes, TLS on loopback."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from mpc_market.errors import HearsayError, PeerError, ProtocolError
from mpc_market.rules.model import Market, Side
from parties.worker import ClearingResult, OnVerdicts, Worker, WorkerError
from tests.secure.meters import honest
from tests.worker.services import LOOPS, accept, errors, inputs, run, run_all, tls_files, told, workers

MARKET = Market(3, 4)
SENT = [honest("a", [(Side.BUY, 3, 5)], 9, MARKET, 3), honest("b", [(Side.SELL, 2, 5)], 9, MARKET, 3)]
ROGUE = str(Path(__file__).with_name("rogue_worker.py"))


def rogues(number: int, deed: str, parties: int = 3) -> list[list[str]]:
    return [[sys.executable, ROGUE, str(number), deed]] * parties


def attempt(
    folder: Path, number: int, deed: str, seconds: float = 30, on_verdicts: Sequence[OnVerdicts] | None = None
) -> list[ClearingResult | BaseException]:
    """What the three services get when one worker does something; checks the time."""
    found: list[ClearingResult | BaseException] = []

    async def test() -> None:
        async with workers(folder, commands=rogues(number, deed)) as started:
            found.extend(await run_all(started, inputs(SENT, MARKET), on_verdicts, seconds))
        assert all(psutil.pid_exists(worker.pid) is False for worker in started)

    began = time.monotonic()
    run(test)
    print(f"{deed}: {found} after {time.monotonic() - began:.1f} s")
    return found


def test_without_a_deed_all_is_well(tmp_path: Path) -> None:
    assert all(isinstance(result, ClearingResult) for result in attempt(tmp_path, 0, "nothing"))


@pytest.mark.parametrize(
    ("number", "deed", "own", "peers"),
    [
        (2, "kill", "the worker: its process was killed (signal 9, SIGKILL)", "connection lost"),
        (0, "crash", "the worker: its process ended with exit status 1", "connection lost"),
        (1, "give up", "no permutation", "gave up: ProtocolError: no permutation"),
        (
            2,
            "garbage to peers",
            "malformed frame: no round has the label -1",
            "malformed frame: no round has the label -1",
        ),
    ],
)
def test_the_culprit_is_named(
    tmp_path: Path, number: int, deed: str, own: str, peers: str, capfd: pytest.CaptureFixture[str]
) -> None:
    results = attempt(tmp_path, number, deed)
    for party, result in enumerate(results):
        if party != number:
            assert isinstance(result, PeerError)
            assert result.party == number
            assert result.reason.startswith(peers)
        else:
            assert isinstance(result, ProtocolError)
            assert own in str(result)
    said = capfd.readouterr().err.splitlines()
    assert (deed == "crash") == bool(said)
    for line in said:  # into the service's log, where the text of an exception may not be: it may be secret
        assert "4711" not in line
        assert json.loads(line)["error"] == "ValueError"


def test_a_stopped_worker_is_noticed_by_its_peers_and_by_its_service(tmp_path: Path) -> None:
    """By the peers from its silence, by its own service when the time is up."""
    results = attempt(tmp_path, 1, "stop", seconds=8)
    assert errors(results) == [
        "PeerError: party 1: no heartbeat for 5 s",
        "WorkerError: the worker has not answered within 13 s",
        "PeerError: party 1: no heartbeat for 5 s",
    ]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_worker_that_lives_but_does_not_compute_is_named(tmp_path: Path, number: int) -> None:
    """One waits for it, and the third for that one: both name the one that stands still."""
    results = attempt(tmp_path, number, "spin", seconds=3)
    for party, result in enumerate(results):
        if party == number:
            assert type(result) is WorkerError
            assert str(result) == "the worker has not answered within 8 s"
        else:
            assert isinstance(result, PeerError)
            assert result.party == number
            assert "is alive but behind: the round was not done within 3 s" in str(result)


def test_a_worker_that_waits_for_nothing_knows_that_it_is_behind(tmp_path: Path) -> None:
    results = attempt(tmp_path, 2, "idle", seconds=3)
    assert isinstance(results[2], ProtocolError)
    # Its peers may have given up a moment earlier, and have told it why.
    assert "this party that is behind" in str(results[2]) or "gave up because of party 2" in str(results[2])
    assert [result.party for result in results[:2] if isinstance(result, PeerError)] == [2, 2]


def test_a_service_that_never_lets_its_worker_proceed_is_named(tmp_path: Path) -> None:
    cancelled: list[int] = []

    async def never(_: bytes) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(1)

    results = attempt(tmp_path, 0, "nothing", 3, [accept, never, accept])
    for party in (0, 2):
        assert isinstance(results[party], PeerError)
        assert results[party].party == 1  # type: ignore[union-attr]
    assert isinstance(results[1], ProtocolError)
    assert cancelled == [1]  # when the attempt had failed


def test_what_the_service_says_to_the_verdicts_comes_out(tmp_path: Path) -> None:
    """The parties disagree: one service ends the attempt, the workers of the others hear of it."""

    class DisagreementError(Exception):
        pass

    async def refuse(_: bytes) -> None:
        raise DisagreementError

    async def test() -> None:
        async with workers(tmp_path, commands=rogues(0, "nothing")) as started:
            given = inputs(SENT, MARKET)

            async def first() -> None:
                async with started[0]:
                    await started[0].clear(given[0], refuse, 30)

            others = asyncio.gather(
                *(started[party].clear(given[party], accept, 30) for party in (1, 2)), return_exceptions=True
            )
            with pytest.raises(DisagreementError):
                await first()
            with pytest.raises(WorkerError, match="given up"):
                await started[0].clear(given[0], accept, 30)
            for error in await others:
                assert isinstance(error, PeerError)
                assert error.party == 0

    run(test)


def test_nobody_leaves_before_the_last_one_has_its_result(tmp_path: Path) -> None:
    """Parties 0 and 1 have theirs seconds before 2, and their services have nothing more to do with their workers."""

    async def alone(one: Worker, party: int) -> ClearingResult:
        async with one:
            return await one.clear(inputs(SENT, MARKET)[party], accept, 30)

    async def test() -> None:
        async with workers(tmp_path, commands=rogues(2, "late")) as started:
            await asyncio.gather(*(alone(one, party) for party, one in enumerate(started)))

    run(test)


@pytest.mark.parametrize("deed", ["contradict", "too large", "price"])
def test_a_result_that_cannot_be_is_refused(tmp_path: Path, deed: str) -> None:
    """`too large` would make the service set aside 8 TiB."""
    results = attempt(tmp_path, 0, deed)
    assert type(results[0]) is WorkerError
    assert "malformed message" in str(results[0])
    assert "4711" not in str(results[0])


# --- between the calls ------------------------------------------------------------------------------------


def test_a_peer_that_dies_between_preparing_and_computing_is_noticed_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with workers(tmp_path, commands=rogues(0, "nothing")) as started:
            await asyncio.gather(*(each.prepare(10, MARKET, "sort", 10) for each in started))
            os.kill(started[1].pid, signal.SIGKILL)
            done = await asyncio.wait_for(asyncio.gather(*(each.failed for each in started)), 5)
            assert errors(done) == [
                "PeerError: party 1: connection lost",
                "WorkerError: the worker: its process was killed (signal 9, SIGKILL)",
                "PeerError: party 1: connection lost",
            ]
            assert errors(await run_all(started, inputs(SENT, MARKET))) == errors(done)

    run(test)


def test_a_worker_that_does_not_prepare_is_named(tmp_path: Path) -> None:
    async def test() -> None:
        async with workers(tmp_path, commands=rogues(1, "prepare nothing")) as started:
            results = await asyncio.gather(
                *(each.prepare(10, MARKET, "sort", 2) for each in started), return_exceptions=True
            )
            assert [result.party for result in (results[0], results[2]) if isinstance(result, PeerError)] == [1, 1]
            assert isinstance(results[1], ProtocolError)

    run(test)


@pytest.mark.parametrize("when", ["start", "connect", "run", "verdicts"])
def test_an_attempt_that_is_cancelled_leaves_nothing(tmp_path: Path, when: str) -> None:
    async def one() -> None:
        if when == "start":
            await Worker.start()
            return
        async with await Worker.start(rogues(0, "nothing")[0]) as alone:
            address = await alone.listen("127.0.0.1", range(0))
            peers = [address] * 3
            await alone.connect(told(peers, tls_files(tmp_path, 3), 60.0)[0])

    async def test() -> None:
        if when in ("start", "connect"):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(one(), 0.1 if when == "start" else 2)
            return
        async with workers(tmp_path, commands=rogues(2, "idle" if when == "run" else "nothing")) as started:
            never: OnVerdicts = lambda _: asyncio.sleep(60)  # noqa: E731
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(run_all(started, inputs(SENT, MARKET), [never] * 3), 1.5)

    run(test)


@pytest.mark.parametrize("loop", LOOPS)
def test_killing_in_the_middle_of_a_call(tmp_path: Path, loop: str) -> None:
    async def test() -> None:
        async with workers(tmp_path, commands=rogues(2, "idle")) as started:
            running = asyncio.create_task(started[0].clear(inputs(SENT, MARKET)[0], accept, 30))
            await asyncio.sleep(0.3)
            await asyncio.gather(started[0].kill(), started[0].kill())
            with pytest.raises(WorkerError, match="has been ended"):
                await running
            assert not psutil.pid_exists(started[0].pid)

    run(test, loop=loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_worker_that_reads_nothing_is_killed(tmp_path: Path, loop: str) -> None:
    """The service is stuck in sending: stopped processes must not hold it."""

    async def test() -> None:
        async with workers(tmp_path, commands=rogues(2, "nothing")) as started:
            for each in started:
                os.kill(each.pid, signal.SIGSTOP)
            large = Market(20, 24)
            sent = [honest(f"meter {i}", [(Side.BUY, 3, 5)] * 50, 9, large, 3) for i in range(50)]
            results = await run_all(started, inputs(sent, large, 50), seconds=0.5)
            assert errors(results) == ["WorkerError: the worker has not answered within 5.5 s"] * 3

    run(test, loop=loop)


# --- listening and connecting -----------------------------------------------------------------------------


def test_listening_in_a_range_of_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = taken.getsockname()[1]

        async def test() -> None:
            async with await Worker.start(rogues(0, "nothing")[0]) as first:
                with pytest.raises(ProtocolError, match=r"no two free ports to listen on at 127\.0\.0\.1: Address al"):
                    await first.listen("127.0.0.1", range(used, used + 1))
                with pytest.raises(ProtocolError, match="no two free ports"):  # the attempt is over
                    await first.listen("127.0.0.1", range(0))
            async with await Worker.start(rogues(0, "nothing")[0]) as second:
                address = await second.listen("127.0.0.1", range(used, min(used + 100, 2**16)))
                assert used < address.port < address.pulse_port < used + 100

        run(test)


def test_a_peer_with_another_certificate_is_not_believed(tmp_path: Path) -> None:
    """Party 2 has lost its key, made a new certificate, and told nobody."""

    async def test() -> None:
        (tmp_path / "old").mkdir()
        (tmp_path / "new").mkdir()
        tls = tls_files(tmp_path / "old", 3)
        tls[2] = tls_files(tmp_path / "new", 3)[2]
        started = await asyncio.gather(*(Worker.start(each) for each in rogues(0, "nothing")))
        try:
            addresses = await asyncio.gather(*(each.listen("127.0.0.1", range(0)) for each in started))
            connects = told(addresses, tls, 2.0)
            results = await asyncio.gather(
                *(each.connect(one) for each, one in zip(started, connects, strict=True)), return_exceptions=True
            )
            for result in results[:2]:
                assert isinstance(result, PeerError)
                assert result.party == 2
            assert any("shows a certificate that no party has" in str(result) for result in results[:2])
            assert isinstance(results[2], PeerError)
        finally:
            await asyncio.gather(*(each.kill() for each in started))

    run(test)


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def test() -> None:
        tls = tls_files(tmp_path, 3)
        tls[0].identity.key.unlink()
        async with await Worker.start(rogues(0, "nothing")[0]) as alone:
            address = await alone.listen("127.0.0.1", range(0))
            with pytest.raises(ProtocolError, match=r"TlsError: cannot use .*tls\.crt with .*tls\.key: No such file"):
                await alone.connect(told([address] * 3, tls)[0])

    run(test)


def test_hearsay_is_told_from_evidence(tmp_path: Path) -> None:
    """An error that comes from the worker keeps its class: hearsay stays hearsay."""
    results = attempt(tmp_path, 1, "give up")
    assert all(type(results[party]) is HearsayError for party in (0, 2))
