"""Strangers at the door while the parties still meet: none may crash, stall or skew the run."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from parties.net import Peering, door
from parties.net.hello import HELLO_BYTES, Claim, Kind
from parties.net.network import PartyNetwork, connect
from tests.net.meeting import peerings, run, words

Stranger = Callable[[list[Peering], int], Awaitable[None]]


async def say(port: int, data: bytes) -> bytes:
    """Say something at a door and hear what comes back until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        answer = await reader.read()
    writer.close()
    return answer


async def garbage(_: list[Peering], port: int) -> None:
    assert await say(port, secrets.token_bytes(5000)) == b""


async def http(_: list[Peering], port: int) -> None:
    assert await say(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curious\r\n\r\n") == b""


async def gone_at_once(_: list[Peering], port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def wrong_token(_: list[Peering], port: int) -> None:
    for sender in range(256):
        for kind in Kind:
            assert await say(port, Claim(kind, sender, 2).hello(secrets.token_bytes(32))) == b""


async def token_of_another_pair(given: list[Peering], port: int) -> None:
    # Party 1 knows its token with 2, and pretends to be party 0.
    for kind in Kind:
        assert await say(port, Claim(kind, 0, 2).hello(given[1].tokens[2])) == b""


async def reflected(given: list[Peering], port: int) -> None:
    # What party 2 would answer party 0.
    for kind in Kind:
        assert await say(port, Claim(kind, 2, 0).hello(given[2].tokens[0])) == b""


STRANGERS = [garbage, http, gone_at_once, wrong_token, token_of_another_pair, reflected]


async def they_still_work(networks: list[PartyNetwork]) -> None:
    for network in networks:
        network.begin_round(100)
    for network in networks:
        for peer in {0, 1, 2} - {network.party}:
            network.send(peer, 1, words(10, network.party))
    for network in networks:
        for peer in {0, 1, 2} - {network.party}:
            assert np.array_equal(await network.receive(peer, 1, 10), words(10, peer))
    assert not any(network.failed.done() for network in networks)


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("port", ["port", "pulse_port"])
def test_a_stranger_is_closed_without_an_answer(stranger: Stranger, port: str) -> None:
    async def test() -> None:
        given = peerings(3)
        first = asyncio.create_task(connect(given[2]))
        await asyncio.sleep(0.05)
        await stranger(given, getattr(given[2].addresses[2], port))
        networks = [*await asyncio.gather(connect(given[0]), connect(given[1]), first)]
        await they_still_work(networks)
        await asyncio.gather(*(network.close() for network in networks))

    run(test)


@pytest.mark.parametrize("kind", Kind)
def test_a_number_that_is_here_already_is_refused(kind: Kind) -> None:
    async def test() -> None:
        given = peerings(3)
        late = asyncio.create_task(connect(given[2]))
        early = asyncio.create_task(connect(given[0]))
        await asyncio.sleep(0.2)  # 0 waits for 1, and has gone no further
        middle = asyncio.create_task(connect(given[1]))
        networks = [*await asyncio.gather(early, middle, late)]
        await they_still_work(networks)
        await asyncio.gather(*(network.close() for network in networks))

        tokens = {0: bytes(32), 1: bytes(32)}
        admitted: list[int] = []
        entrance = door.Door(kind, 2, tokens, lambda peer, _: admitted.append(peer))

        class Transport:
            def __init__(self) -> None:
                self.answer = b""

            def write(self, data: bytes) -> None:
                self.answer += data

        visits = [Transport(), Transport()]
        hello = Claim(kind, 0, 2).hello(tokens[0])
        assert [entrance.judge(hello, transport) for transport in visits] == [True, False]  # type: ignore[arg-type]
        assert admitted == [0]
        assert visits[0].answer == Claim(kind, 2, 0).hello(tokens[0])
        assert not visits[1].answer

    run(test)


def test_many_that_say_nothing_neither_stall_the_run_nor_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "HELLO_SECONDS", 0.5)

    async def test() -> None:
        given = peerings(3)
        first = asyncio.create_task(connect(given[2]))
        await asyncio.sleep(0.05)
        address = given[2].addresses[2]
        silent = [
            await asyncio.open_connection("127.0.0.1", port)
            for port in (address.port, address.pulse_port)
            for _ in range(3 * door.HALF_OPEN_MAX)
        ]
        await asyncio.sleep(0.1)
        began = time.monotonic()
        reads = [asyncio.create_task(reader.read()) for reader, _ in silent]
        done, waiting = await asyncio.wait(reads, timeout=0.05)
        assert len(waiting) <= 2 * door.HALF_OPEN_MAX  # the oldest had to go
        assert len(done) >= 4 * door.HALF_OPEN_MAX
        for read in reads:
            with contextlib.suppress(ConnectionError):
                assert await read == b""
        assert time.monotonic() - began < 5  # and the others when their time was over
        networks = [*await asyncio.gather(connect(given[0]), connect(given[1]), first)]
        await they_still_work(networks)
        await asyncio.gather(*(network.close() for network in networks))
        for _, writer in silent:
            writer.close()

    run(test)


def test_parties_get_in_past_a_crowd_that_says_nothing() -> None:
    async def test() -> None:
        given = peerings(3)
        first = asyncio.create_task(connect(given[2]))
        await asyncio.sleep(0.05)
        address = given[2].addresses[2]
        silent: list[asyncio.StreamWriter] = []

        async def crowd() -> None:
            while True:
                for port in (address.port, address.pulse_port):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(Claim(Kind.DATA, 0, 2).hello(bytes(32))[: HELLO_BYTES - 1])
                    silent.append(writer)

        crowding = asyncio.create_task(crowd())
        await asyncio.sleep(0.2)
        networks = [*await asyncio.gather(connect(given[0]), connect(given[1]), first)]
        crowding.cancel()
        await asyncio.gather(crowding, return_exceptions=True)
        await they_still_work(networks)
        await asyncio.gather(*(network.close() for network in networks))
        for writer in silent:
            writer.close()

    run(test)


def test_a_caller_believes_no_door_that_does_not_know_the_token() -> None:
    async def test() -> None:
        given = peerings(3, connect_seconds=1.5)
        heard: list[bytes] = []

        async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readexactly(HELLO_BYTES))
            writer.write(heard[-1])  # sends back what it got
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()

        given[2].doors.close()
        servers = [
            await asyncio.start_server(impostor, "127.0.0.1", port)
            for port in (given[2].addresses[2].port, given[2].addresses[2].pulse_port)
        ]
        results = await asyncio.gather(connect(given[0]), connect(given[1]), return_exceptions=True)
        refusal = "whoever answers there does not know the token"
        assert [str(error) for error in results] == [f"party 2: did not connect within 1.5 s: {refusal}"] * 2
        assert heard
        assert not any(given[0].tokens[2] in frame for frame in heard)
        for server in servers:
            server.close()
        await asyncio.sleep(0.05)

    run(test)
