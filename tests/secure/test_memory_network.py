"""The in-memory twin of the network, which the tests of the engine rely on."""

import asyncio

import numpy as np
import pytest

from mpc_market.errors import PeerError
from mpc_market.network import memory_networks


def words(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint64)


def test_messages_are_told_apart_by_sender_and_label():
    async def main():
        a, b, c = memory_networks(3)
        receiving = asyncio.ensure_future(c.receive(0, 7, 1))
        await asyncio.sleep(0)
        a.send(2, 8, words(80, 81))
        b.send(2, 7, words(17))
        a.send(2, 7, words(70))
        assert (await receiving).tolist() == [70]
        assert (await c.receive(0, 8, 2)).tolist() == [80, 81]
        assert (await c.receive(1, 7, 1)).tolist() == [17]
        assert a.sent == [(2, 8, 2), (2, 7, 1)]
        assert [network.party for network in (a, b, c)] == [0, 1, 2]
        assert {network.parties for network in (a, b, c)} == {3}

    asyncio.run(main())


@pytest.mark.parametrize("size", [1, 3])
def test_another_length_is_an_error_that_names_the_sender(size):
    async def main():
        networks = memory_networks(3)
        networks[1].send(0, 5, words(1, 2))
        await networks[0].receive(1, 5, size)

    with pytest.raises(PeerError, match=f"party 1: sent 2 words where {size} were due"):
        asyncio.run(main())


@pytest.mark.parametrize(("peer", "label", "message"), [(0, 1, ()), (0, -1, (1,)), (0, 2**63, (1,)), (1, 1, (1,))])
def test_what_no_protocol_may_send(peer, label, message):
    async def main():
        memory_networks(3)[1].send(peer, label, words(*message))

    with pytest.raises(ValueError, match="a message of"):
        asyncio.run(main())


def test_a_label_is_used_once():
    async def main():
        networks = memory_networks(3)
        networks[1].send(0, 5, words(1))
        networks[1].send(0, 5, words(2))

    with pytest.raises(asyncio.InvalidStateError):
        asyncio.run(main())


def test_what_is_sent_is_a_copy_of_its_own():
    async def main():
        networks = memory_networks(2)
        message = words(1)
        networks[0].send(1, 1, message)
        message[0] = 9
        assert (await networks[1].receive(0, 1, 1)).tolist() == [1]

    asyncio.run(main())
