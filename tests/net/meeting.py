"""Parties of a network in one event loop, each with real sockets, a runtime and a heartbeat thread."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import uvloop

from parties.net import TOKEN_BYTES, Doors, Peering
from parties.net.network import PartyNetwork, connect

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def peerings(parties: int, **settings: Any) -> list[Peering]:
    doors = [Doors.bind() for _ in range(parties)]
    tokens: list[dict[int, bytes]] = [{} for _ in doors]
    for i in range(parties):
        for j in range(i):
            tokens[i][j] = tokens[j][i] = secrets.token_bytes(TOKEN_BYTES)
    addresses = [each.address for each in doors]
    return [Peering(i, addresses, tokens[i], doors[i], **settings) for i in range(parties)]


@asynccontextmanager
async def met(parties: int = 3, words_max: int = 2**16, **settings: Any) -> AsyncIterator[list[PartyNetwork]]:
    """Connected networks, the first round begun."""
    networks = await asyncio.gather(*map(connect, peerings(parties, **settings)))
    try:
        for network in networks:
            network.begin_round(words_max)
        yield networks
    finally:
        await asyncio.gather(*(network.close() for network in networks))


def run(test: Callable[[], Coroutine[Any, Any, None]], loop: str = "uvloop", seconds: float = 20) -> None:
    """Run a test in an event loop that complains about everything."""

    async def limited() -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        await asyncio.wait_for(test(), seconds)
        await asyncio.sleep(0)
        assert not complaints

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(limited())


def words(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, size, np.uint64)


def is_closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
