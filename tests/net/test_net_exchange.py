"""Messages between connected parties: as the `Network` protocol says, and within bounds."""

import asyncio
import os
import pickle
import socket

import numpy as np
import pytest

from mpc_market.errors import MarketError, PeerError, ProtocolError
from parties.net import Address, Doors, Peering, watch
from parties.net.exchanger import ROUNDS
from parties.net.network import connect
from parties.net.runtime import SEND_BUFFER_BYTES
from tests.net.meeting import LOOPS, is_closed, met, peerings, run, words


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("parties", [3, 5, 7])
def test_everyone_talks_to_everyone(parties: int, loop: str) -> None:
    async def test() -> None:
        async with met(parties) as networks:
            for network in networks:
                assert network.parties == parties
                assert network.threshold == (parties - 1) // 2
            await asyncio.gather(*(talk(network) for network in networks))

    async def talk(network) -> None:  # type: ignore[no-untyped-def]
        me = network.party
        peers = [peer for peer in range(parties) if peer != me]
        for peer in peers:
            for label in range(4):
                network.send(peer, label, words(1 + 3000 * label, 100 * me + label))
        await network.flush()
        for peer in peers:
            for label in (3, 0, 2, 1):
                got = await network.receive(peer, label, 1 + 3000 * label)
                assert np.array_equal(got, words(1 + 3000 * label, 100 * peer + label))

    run(test, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_large_messages_and_back_pressure(loop: str) -> None:
    size = SEND_BUFFER_BYTES // 8
    sent = words(size)

    async def test() -> None:
        async with met(3, words_max=size) as networks:
            flushed: list[int] = []

            async def send() -> None:
                for label in range(4):
                    networks[0].send(1, label, sent)
                    await networks[0].flush()
                    flushed.append(label)

            transport = networks[1]._runtime.exchangers[0].transport
            transport.pause_reading()
            sending = asyncio.create_task(send())
            await asyncio.sleep(0.2)
            assert len(flushed) < 4
            transport.resume_reading()
            for label in range(4):
                assert np.array_equal(await networks[1].receive(0, label, size), sent)
            await sending

    run(test, loop)


def test_a_message_may_be_awaited_before_or_after_it_comes() -> None:
    async def test() -> None:
        async with met() as networks:
            waiting = asyncio.create_task(networks[1].receive(0, 7, 10))
            await asyncio.sleep(0.02)
            networks[0].send(1, 7, words(10, 1))
            networks[0].send(1, 8, words(10, 2))
            assert np.array_equal(await waiting, words(10, 1))
            await asyncio.sleep(0.02)
            assert np.array_equal(await networks[1].receive(0, 8, 10), words(10, 2))

    run(test)


@pytest.mark.parametrize("first", ["receive", "send"])
@pytest.mark.parametrize("sent", [9, 11, 20_000])
def test_another_length_is_an_error(first: str, sent: int) -> None:
    async def test() -> None:
        async with met() as networks:
            waiting = asyncio.create_task(networks[1].receive(0, 7, 10)) if first == "receive" else None
            await asyncio.sleep(0.02)
            networks[0].send(1, 7, words(sent))
            await asyncio.sleep(0.02)
            with pytest.raises(PeerError, match=f"party 0: sent a message of {sent} words where 10 are due"):
                await (waiting or networks[1].receive(0, 7, 10))
            with pytest.raises(PeerError):
                networks[1].send(2, 1, words(1))

    run(test)


def test_a_length_is_also_checked_when_the_message_is_on_its_way() -> None:
    async def test() -> None:
        async with met() as networks:
            transport = networks[0]._runtime.exchangers[1].transport
            header = networks[0]._runtime.exchangers[1]._round.label(7).to_bytes(8, "little") + b"\3\0\0\0"
            transport.write(header + bytes(8))
            await asyncio.sleep(0.05)
            waiting = asyncio.create_task(networks[1].receive(0, 7, 2))
            await asyncio.sleep(0.02)
            transport.write(bytes(16))
            with pytest.raises(PeerError, match="party 0: sent a message of 3 words where 2 are due"):
                await waiting

    run(test)


def wire(label: int, size: int) -> bytes:
    return (label % 2**64).to_bytes(8, "little") + size.to_bytes(4, "little")


ROUND_1 = 1 << 48
MALFORMED = {
    "an ended round": (wire(5 << 48, 1), "no round has the label"),
    "a negative label": (wire(-1, 1), "no round has the label -1"),
    "a round to come": (wire(2 << 48, 1), "no round has the label"),
    "no words": (wire(ROUND_1, 0), "0 words where 1 to 65536 are possible"),
    "too many words": (wire(ROUND_1, 2**16 + 1), "65537 words where 1 to 65536 are possible"),
    "a huge message": (wire(ROUND_1, 2**32 - 1), "4294967295 words where 1 to 65536 are possible"),
    "a label twice": ((wire(ROUND_1 + 5, 1) + bytes(8)) * 2, "label 281474976710661 is used twice"),
    "a pickle": (pickle.dumps(os.system), "no round has the label"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_frame_names_the_culprit_at_every_party(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARSAY_SECONDS", 0.1)
    monkeypatch.setattr(watch, "EXPLAIN_SECONDS", 5.0)  # a notice is on its way, however busy the machine is
    frame, reason = MALFORMED[name]

    async def test() -> None:
        async with met() as networks:
            networks[2]._runtime.exchangers[0].transport.write(frame)
            at_0, at_1, at_2 = await asyncio.gather(*(network.failed for network in networks))
            assert type(at_0) is PeerError
            assert at_0.party == 2
            assert at_0.reason.startswith("malformed frame: ")
            assert reason in at_0.reason
            assert (at_1.party, at_1.witness, at_1.heard) == (2, 0, at_0.reason)  # type: ignore[attr-defined]
            assert (at_2.party, at_2.witness) == (0, 0)  # type: ignore[attr-defined]

    run(test)


def test_what_waits_unclaimed_is_bounded() -> None:
    async def test() -> None:
        async with met(words_max=1000) as networks:
            for label in range(3):
                networks[0].send(1, label, words(1000))
            error = await networks[1].failed
            assert str(error) == "party 0: sent over 16000 bytes that nobody waits for"

    run(test)


def test_whoever_waits_gets_the_error() -> None:
    async def test() -> None:
        async with met() as networks:
            waiting = [asyncio.create_task(networks[1].receive(peer, 7, 10)) for peer in (0, 2)]
            await asyncio.sleep(0.02)
            networks[0]._runtime.exchangers[1].transport.write(wire(ROUND_1 + 7, 11))
            for result in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(result, PeerError)
                assert result.party == 0

    run(test)


def test_rounds_are_kept_apart() -> None:
    async def test() -> None:
        async with met() as networks:
            networks[0].send(1, 1, words(5, 1))  # never claimed
            for network in networks:
                network.end_round()
            await asyncio.sleep(0.02)
            networks[0].begin_round(1000)
            networks[0].send(1, 1, words(6, 2))
            networks[0].send(1, 2, words(1000, 3))
            await asyncio.sleep(0.05)
            assert networks[1].traffic.messages_received == 1  # the next round is not read before it begins
            networks[1].begin_round(1000)
            assert np.array_equal(await networks[1].receive(0, 1, 6), words(6, 2))
            assert np.array_equal(await networks[1].receive(0, 2, 1000), words(1000, 3))
            # A message of the round before, late: dropped.
            networks[2].send(1, 9, words(2000))
            networks[2].begin_round(1000)
            networks[2].send(1, 9, words(4, 4))
            assert np.array_equal(await networks[1].receive(2, 9, 4), words(4, 4))
            assert not networks[1].failed.done()

    run(test)


def test_the_number_of_the_round_may_wrap() -> None:
    async def test() -> None:
        async with met() as networks:
            for network in networks:
                network._round.number = ROUNDS - 2
            for number in range(4):
                for network in networks[:2]:
                    network.begin_round(10)
                networks[0].send(1, 1, words(3, number))
                assert np.array_equal(await networks[1].receive(0, 1, 3), words(3, number))

    run(test)


@pytest.mark.parametrize("loop", LOOPS)
def test_small_messages_are_not_delayed(loop: str) -> None:
    async def test() -> None:
        async with met() as networks:
            for exchanger in networks[0]._runtime.exchangers.values():
                sock = exchanger.transport.get_extra_info("socket")
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(test, loop)


def test_traffic_is_counted() -> None:
    async def test() -> None:
        async with met() as networks:
            before = networks[0].traffic
            networks[0].send(1, 1, words(10))
            networks[0].send(2, 1, words(20_000))
            await networks[1].receive(0, 1, 10)
            await networks[2].receive(0, 1, 20_000)
            sent = networks[0].traffic - before
            assert (sent.messages_sent, sent.bytes_sent) == (2, 12 + 80 + 12 + 160_000)
            assert networks[1].traffic.bytes_received == 12 + 80
            assert networks[2].traffic.messages_received == 1

    run(test)


def test_nothing_listens_once_all_are_here_and_nothing_is_left_after() -> None:
    async def test() -> None:
        given = peerings(3)
        networks = await asyncio.gather(*map(connect, given))
        for peering in given:
            address = peering.addresses[peering.party]
            assert is_closed(address.port)
            assert is_closed(address.pulse_port)
        await asyncio.gather(*(network.close() for network in networks))

    run(test)


def test_a_peer_that_never_comes_is_named() -> None:
    async def test() -> None:
        given = peerings(3, connect_seconds=1.5)
        given[1].doors.close()
        results = await asyncio.gather(connect(given[0]), connect(given[2]), return_exceptions=True)
        for error in results:
            assert isinstance(error, PeerError)
            assert str(error).startswith("party 1: did not connect within 1.5 s")
        assert "1.5 s: Connection refused" in str(results[0])  # 0 calls 1, which calls 2

    run(test)


def test_nobody_parts_before_all_have_come_so_far() -> None:
    async def test() -> None:
        async with met() as networks:
            early = [asyncio.create_task(networks[i].part()) for i in (0, 1)]
            await asyncio.sleep(0.1)
            assert not any(task.done() for task in early)
            await networks[2].part()
            await asyncio.gather(*early)

    run(test)


def test_listening_on_a_range_of_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = taken.getsockname()[1]
        free = Doors.bind()
        first, second = free.address.port, free.address.pulse_port
        free.close()
        doors = Doors.bind("127.0.0.1", [used, first, used, first, second])
        assert doors.address == Address("127.0.0.1", first, second)
        with pytest.raises(ProtocolError, match=r"no two free ports to listen on at 127.0.0.1: Address already in use"):
            Doors.bind("127.0.0.1", [used, first])
        doors.close()
    with pytest.raises(ProtocolError, match=r"at 127\.0\.0\.1: no two ports"):
        Doors.bind("127.0.0.1", [])
    with pytest.raises(ProtocolError, match=r"at 192\.0\.2\.1: Cannot assign"):
        Doors.bind("192.0.2.1")


def test_a_party_that_gives_up_says_why() -> None:
    async def test() -> None:
        async with met() as networks:
            networks[1].give_up(ProtocolError("no permutation"))
            errors = await asyncio.gather(networks[0].failed, networks[2].failed)
            assert [str(error) for error in errors] == ["party 1: gave up: ProtocolError: no permutation"] * 2
            assert str(networks[1].failed.result()) == "no permutation"

    run(test)


@pytest.mark.parametrize("how", ["both", "data", "pulse"])
def test_a_lost_peer_is_named_by_all(how: str) -> None:
    async def test() -> None:
        async with met() as networks:
            networks[2]._pulse.tell = lambda *_: None  # type: ignore[method-assign]  # a party that is dead says nothing of its peers
            for peer in (0, 1):
                if how != "pulse":
                    networks[2]._runtime.exchangers[peer].transport.abort()
                if how != "data":
                    networks[2]._pulse._loop.call_soon_threadsafe(networks[2]._pulse.hearts[peer].transport.abort)
            errors: list[MarketError] = await asyncio.gather(networks[0].failed, networks[1].failed)
            assert [str(error) for error in errors] == ["party 2: connection lost"] * 2

    run(test)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"party": 3}, "there is no party 3 among 3"),
        ({"tokens": {}}, "party 0: there must be a token of 32 bytes for every peer"),
        (
            {"tokens": {1: bytes(32), 2: bytes(31)}},
            "party 0: there must be a token of 32 bytes for every peer",
        ),
        ({"addresses": []}, "0 compute parties: there must be 3, 5 or 7"),
    ],
)
def test_a_peering_must_fit_together(changes: dict[str, object], message: str) -> None:
    given = peerings(3)
    fields = {name: getattr(given[0], name) for name in ("party", "addresses", "tokens", "doors")}
    with pytest.raises(ProtocolError, match=message):
        Peering(**{**fields, **changes})  # type: ignore[arg-type]
    for peering in given:
        peering.doors.close()
    assert "tokens" not in repr(given[0])
