"""A compute party of which one, by the number given on the command line, misbehaves: `rogue_party.py NUMBER DEED`.

The others clear the round honestly. `honest` is what all of them run.
"""

import asyncio
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from mpc_market.errors import ProtocolError
from mpc_market.rules.model import Market
from mpc_market.secure.book import BookShares
from mpc_market.secure.round import RoundShares, compute_round
from parties.compute.process import main
from parties.net.network import PartyNetwork

ROGUE, DEED = int(sys.argv[1]), sys.argv[2]
SECRET = "price 4711"


class Wrapped:
    """The network, with a hand on it."""

    def __init__(self, network: PartyNetwork) -> None:
        self._network = network

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


class SendsTooMuch(Wrapped):
    def send(self, peer: int, label: int, words: Any) -> None:
        size = words.size + (label > 100)
        self._network.send(peer, label, words.repeat(2)[:size])


def raw_frame(network: PartyNetwork, data: bytes) -> None:
    network._runtime.exchangers[0].transport.write(data)


async def wait() -> None:
    await asyncio.sleep(60)


async def spin() -> None:
    while True:
        time.sleep(0.01)  # noqa: ASYNC251


def do(deed: str, network: PartyNetwork) -> None:
    """Something that happens at once."""
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif deed == "crash":
        raise ValueError(SECRET)
    elif deed == "give up":
        raise ProtocolError("no permutation")
    elif deed == "garbage":
        raw_frame(network, b"\xff" * 100)
    elif deed == "pickle":
        raw_frame(network, pickle.dumps(os.system))


async def rogue_round(
    network: Any,
    order_ids: Sequence[str],
    book: BookShares,
    market: Market,
    seed: bytes | None,
    on_stage: Callable[[str], None],
) -> RoundShares:
    """The honest round, with one deed in the middle of it."""

    def stage(name: str) -> None:
        on_stage(name)
        if network.party == ROGUE and name == "sort":
            do(DEED, network)

    if DEED == "wait":
        on_stage("wait")
        await wait()
    if network.party == ROGUE and DEED == "spin":
        await spin()
    if network.party == ROGUE and DEED == "lengths":
        network = SendsTooMuch(network)
    outcome = await compute_round(network, order_ids, book, market, seed, stage)
    if network.party == ROGUE:
        if DEED == "lie" and outcome.accepted.size:
            outcome.accepted[0] ^= 1
        if DEED == "price":
            return RoundShares(1, outcome.accepted, outcome.seed, outcome.communication_rounds)
    return outcome


if __name__ == "__main__":
    main(rogue_round)
