"""Compute parties one of which misbehaves: `rogue_party.py NUMBER DEED`, NUMBER its number.

In place of the engine they run a round in the clear that is cheap to start: everyone sends its shares to everyone
in several communication rounds, and delivers nothing accepted. Everything around it is the real thing.
"""

import asyncio
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from mpc_market.errors import ProtocolError
from mpc_market.rules.model import Market
from parties.compute.engine import BookArrays, Engine
from parties.compute.process import main

ROGUE, DEED = int(sys.argv[1]), sys.argv[2]
SECRET = "price 4711"


@dataclass
class Shares:
    price: int | None
    accepted: np.ndarray
    seed: bytes
    communication_rounds: int


async def exchange(network: Any, label: int, words: np.ndarray, extra: int = 0) -> None:
    peers = [peer for peer in range(network.parties) if peer != network.party]
    for peer in peers:
        network.send(peer, label, np.resize(words, words.size + extra))
    await network.flush()
    for peer in peers:
        await network.receive(peer, label, words.size)


def do(network: Any) -> None:
    """The deed."""
    to_0 = network._runtime.exchangers.get(0)
    if DEED == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif DEED == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif DEED == "crash":
        raise ValueError(SECRET)
    elif DEED == "give up":
        raise ProtocolError("no permutation")
    elif DEED == "garbage":
        to_0.transport.write(b"\xff" * 100)
    elif DEED == "pickle":
        to_0.transport.write(pickle.dumps(os.system))
    elif DEED == "exit":
        sys.exit(5)
    elif DEED == "spin":
        while True:
            time.sleep(0.01)


async def rogue_round(
    network: Any,
    order_ids: Sequence[str],
    book: BookArrays,
    market: Market,
    seed: bytes | None,
    on_stage: Callable[[str], None],
    method: str,
) -> Any:
    """A round in the clear, with a deed of one party in the middle of it."""
    rogue = network.party == ROGUE
    for label, array in enumerate(book):
        on_stage(("sort", "cut", "deliver")[label])
        await exchange(network, label, array.reshape(-1), extra=int(rogue and DEED == "lengths"))
        if rogue and label == 0:
            do(network)
        if DEED == "wait":
            await asyncio.sleep(60)
    accepted = np.zeros(len(order_ids), np.uint64)
    accepted[0] += rogue and DEED == "lie"
    return Shares(1 if rogue and DEED == "price" else None, accepted, seed or bytes(32), 3)


if __name__ == "__main__":
    main(Engine(rogue_round))
