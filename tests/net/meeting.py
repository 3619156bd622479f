"""Parties of a network in one event loop, each with real sockets, a runtime and a heartbeat thread."""

import asyncio
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from parties.net import TOKEN_BYTES, Doors, Peering
from parties.net.network import PartyNetwork, connect
from parties.tls import Identity, MutualTls, mutual_tls
from parties.tls.certificate import make_key_pair

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


_FOLDER = tempfile.TemporaryDirectory()


@cache
def identity(number: int) -> tuple[Identity, str]:
    """The files of a party, or of a stranger, and the text of the certificate."""
    folder = Path(_FOLDER.name, str(number))
    folder.mkdir()
    made = make_key_pair(f"party {number}", ["127.0.0.1"])
    return made.write(folder), made.certificate


def certified(parties: int) -> list[MutualTls]:
    """What the parties need to speak TLS with each other."""
    return [mutual_tls(identity(i)[0], {j: identity(j)[1] for j in range(parties) if j != i}) for i in range(parties)]


def peerings(parties: int, tls: Sequence[MutualTls | None] | None = None, **settings: Any) -> list[Peering]:
    doors = [Doors.bind() for _ in range(parties)]
    tokens: list[dict[int, bytes]] = [{} for _ in doors]
    for i in range(parties):
        for j in range(i):
            tokens[i][j] = tokens[j][i] = secrets.token_bytes(TOKEN_BYTES)
    addresses = [each.address for each in doors]
    tls = tls or [None] * parties
    return [Peering(i, addresses, tokens[i], doors[i], tls=tls[i], **settings) for i in range(parties)]


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
