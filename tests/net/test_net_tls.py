"""Mutual TLS among the parties: each is known by its pinned certificate, and by the number that it is pinned for."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable

import numpy as np
import pytest

from mpc_market.errors import MarketError, PeerError, ProtocolError
from parties.net import TOKEN_BYTES, Doors, Peering, door
from parties.net.hello import HELLO_BYTES, Claim, Kind
from parties.net.network import PartyNetwork, connect
from parties.net.runtime import SEND_BUFFER_BYTES
from parties.tls import MutualTls, client_context, mutual_tls, server_context
from tests.net.meeting import LOOPS, certified, identity, met, peerings, run, words

STRANGER = 99
PORTS = {Kind.DATA: "port", Kind.PULSE: "pulse_port"}


async def they_still_work(networks: list[PartyNetwork]) -> None:
    for network in networks:
        network.begin_round(100)
        for peer in {0, 1, 2} - {network.party}:
            network.send(peer, 1, words(10, network.party))
    for network in networks:
        for peer in {0, 1, 2} - {network.party}:
            assert np.array_equal(await network.receive(peer, 1, 10), words(10, peer))
    assert not any(network.failed.done() for network in networks)
    await asyncio.gather(*(network.close() for network in networks))


@pytest.mark.parametrize("loop", LOOPS)
def test_messages_travel_inside_tls(loop: str) -> None:
    async def test() -> None:
        async with met(3, tls=certified(3)) as networks:
            for peer, exchanger in networks[0]._runtime.exchangers.items():
                shown = exchanger.transport.get_extra_info("ssl_object")
                assert shown.version() == "TLSv1.3"
                assert shown.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(identity(peer)[1])
            hearts = networks[0]._pulse.hearts.values()
            assert all(heart.transport.get_extra_info("ssl_object").version() == "TLSv1.3" for heart in hearts)
            for size in (1, 50_000):
                networks[0].send(1, size, words(size))
                networks[2].send(1, size, words(size, 2))
                await asyncio.gather(networks[0].flush(), networks[2].flush())
                assert np.array_equal(await networks[1].receive(0, size, size), words(size))
                assert np.array_equal(await networks[1].receive(2, size, size), words(size, 2))
            assert not any(network.failed.done() for network in networks)

    run(test, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_large_messages_and_back_pressure_inside_tls(loop: str) -> None:
    size = SEND_BUFFER_BYTES // 8
    sent = words(size)

    async def test() -> None:
        async with met(3, words_max=size, tls=certified(3)) as networks:
            flushed: list[int] = []

            async def send() -> None:
                for label in range(4):
                    networks[0].send(1, label, sent)
                    await networks[0].flush()
                    flushed.append(label)

            transport = networks[1]._runtime.exchangers[0].transport
            transport.pause_reading()
            sending = asyncio.create_task(send())
            await asyncio.sleep(0.5)
            assert len(flushed) < 4
            transport.resume_reading()
            for label in range(4):
                assert np.array_equal(await networks[1].receive(0, label, size), sent)
            await sending

    run(test, loop)


@pytest.mark.parametrize("parties", [5, 7])
def test_more_parties(parties: int) -> None:
    async def test() -> None:
        async with met(parties, tls=certified(parties)) as networks:
            await asyncio.gather(*(network.part() for network in networks))

    run(test)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("how", ["data", "pulse"])
def test_a_lost_peer_is_named_by_all(how: str, loop: str) -> None:
    async def test() -> None:
        async with met(tls=certified(3)) as networks:
            networks[2]._pulse.tell = lambda *_: None  # type: ignore[method-assign]  # a party that is dead says nothing of its peers
            for peer in (0, 1):
                if how == "data":
                    networks[2]._runtime.exchangers[peer].transport.abort()
                else:
                    networks[2]._pulse._loop.call_soon_threadsafe(networks[2]._pulse.hearts[peer].transport.abort)
            errors: list[MarketError] = await asyncio.gather(networks[0].failed, networks[1].failed)
            assert [str(error) for error in errors] == ["party 2: connection lost"] * 2

    run(test, loop)


# --- who is not let in ------------------------------------------------------------------------------------


async def visit(port: int, context: ssl.SSLContext | None, hello: bytes) -> bytes:
    """Say hello at a door in TLS (None: in the clear) and hear what comes back until it closes."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except OSError:
        return b""
    answer = b""
    with contextlib.suppress(OSError):
        writer.write(hello)
        answer = await reader.read()
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()
    return answer


Stranger = Callable[[Peering], tuple[ssl.SSLContext | None, dict[int, bytes]]]
"""Given the peering of party 1 (whose token with 2 is stolen, too): how to speak, and what to say as whom."""


def in_the_clear(_: Peering) -> tuple[ssl.SSLContext | None, dict[int, bytes]]:
    """Knows even the right token, and speaks plain TCP."""
    return None, {}


def without_certificate(_: Peering) -> tuple[ssl.SSLContext | None, dict[int, bytes]]:
    return client_context([identity(2)[1]]), {}


def with_its_own_certificate(_: Peering) -> tuple[ssl.SSLContext | None, dict[int, bytes]]:
    return client_context([identity(2)[1]], identity(STRANGER)[0]), {}


def with_the_number_of_another(given: Peering) -> tuple[ssl.SSLContext | None, dict[int, bytes]]:
    """Party 1 has learned the token of 0 and 2, and comes first with its own, valid certificate."""
    assert given.tls is not None
    return given.tls.client, {}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "stranger", [in_the_clear, without_certificate, with_its_own_certificate, with_the_number_of_another]
)
def test_who_does_not_show_the_certificate_of_its_number_is_refused(stranger: Stranger, kind: Kind) -> None:
    async def test() -> None:
        given = peerings(3, certified(3))
        waiting = asyncio.create_task(connect(given[2]))
        await asyncio.sleep(0.05)
        context, _ = stranger(given[1])
        port = getattr(given[2].addresses[2], PORTS[kind])
        # The token is the right one, whoever says it.
        assert await visit(port, context, Claim(kind, 0, 2).hello(given[0].tokens[2])) == b""
        await they_still_work([*await asyncio.gather(connect(given[0]), connect(given[1]), waiting)])

    run(test)


@pytest.mark.parametrize("kind", Kind)
def test_the_right_certificate_and_token_are_let_in(kind: Kind) -> None:
    """What the test above does, with the certificate of the number: so it is the certificate that it fails on."""

    async def test() -> None:
        given = peerings(3, certified(3))
        tls, admitted = given[2].tls, []

        def admit(peer: int, transport: asyncio.Transport) -> None:
            admitted.append(peer)
            transport.close()

        entrance = door.Door(kind, 2, given[2].tokens_of_callers, admit, tls)
        entrance.open(given[2].doors.data)
        await asyncio.sleep(0.05)
        assert given[0].tls is not None
        hello = Claim(kind, 0, 2).hello(given[0].tokens[2])
        answer = await visit(given[2].addresses[2].port, given[0].tls.client, hello)
        assert Claim(kind, 2, 0).is_proved_by(answer, given[0].tokens[2])
        assert admitted == [0]
        entrance.close()
        for each in given:
            each.doors.close()

    run(test)


def test_a_certificate_of_its_own_does_not_make_a_party_another() -> None:
    """Two parties whose certificates have been mixed up in the market file of the third do not get in as each other."""

    async def test() -> None:
        tls: list[MutualTls] = certified(3)
        tls[2] = mutual_tls(identity(2)[0], {0: identity(1)[1], 1: identity(0)[1]})
        results = await asyncio.gather(*map(connect, peerings(3, tls, connect_seconds=1.5)), return_exceptions=True)
        assert [type(error) for error in results] == [PeerError] * 3
        for caller in (0, 1):
            assert "did not connect within 1.5 s: whoever answers there hangs up" in str(results[caller])

    run(test)


@pytest.mark.parametrize(
    ("answers_with", "says"),
    [
        (STRANGER, "shows a certificate that no party has"),
        (1, "shows the certificate of another party"),
        (None, "does not speak TLS as we do"),
    ],
)
def test_a_caller_speaks_with_the_party_of_that_number_only(answers_with: int | None, says: str) -> None:
    """Somebody answers at the address of party 2; nothing is said to him, not even hello."""

    async def test() -> None:
        given = peerings(3, certified(3), connect_seconds=1.5)
        heard = bytearray()

        async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                heard.extend(await reader.read(HELLO_BYTES))
                writer.write(bytes(HELLO_BYTES))
                await reader.read()
            writer.close()

        context = None if answers_with is None else server_context(identity(answers_with)[0], None)
        given[2].doors.close()
        address = given[2].addresses[2]
        servers = [
            await asyncio.start_server(impostor, "127.0.0.1", port, ssl=context)
            for port in (address.port, address.pulse_port)
        ]
        results = await asyncio.gather(connect(given[0]), connect(given[1]), return_exceptions=True)
        for server in servers:
            server.close()
        await asyncio.sleep(0.05)
        for error in results:
            assert isinstance(error, PeerError)
            assert error.party == 2
        assert says in str(results[0])
        token = given[0].tokens[2]
        assert Claim(Kind.DATA, 0, 2).hello(token)[-TOKEN_BYTES:] not in heard
        if answers_with is not None:
            assert not heard

    run(test)


def test_many_that_never_shake_hands_do_not_keep_the_parties_out() -> None:
    async def test() -> None:
        given = peerings(3, certified(3))
        first = asyncio.create_task(connect(given[2]))
        await asyncio.sleep(0.05)
        address = given[2].addresses[2]
        silent = [
            await asyncio.open_connection("127.0.0.1", port)
            for port in (address.port, address.pulse_port)
            for _ in range(3 * door.HALF_OPEN_MAX)
        ]
        await asyncio.sleep(0.2)
        reads = [asyncio.create_task(reader.read()) for reader, _ in silent]
        _, waiting = await asyncio.wait(reads, timeout=0.2)
        assert len(waiting) <= 2 * door.HALF_OPEN_MAX  # the oldest had to go, though they were still in their handshake
        await they_still_work([*await asyncio.gather(connect(given[0]), connect(given[1]), first)])
        for read in reads:
            with contextlib.suppress(ConnectionError):
                assert await read == b""
        for _, writer in silent:
            writer.close()

    run(test)


def test_every_peer_must_be_pinned() -> None:
    tls = mutual_tls(identity(0)[0], {1: identity(1)[1]})
    doors = Doors.bind()
    tokens = {1: bytes(TOKEN_BYTES), 2: bytes(TOKEN_BYTES)}
    with pytest.raises(ProtocolError, match="there must be a certificate of every peer"):
        Peering(0, [doors.address] * 3, tokens, doors, tls=tls)
    doors.close()
