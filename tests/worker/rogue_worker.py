"""A worker that misbehaves, or an honest one beside it: `rogue_worker.py NUMBER DEED`, NUMBER that of the rogue.

In place of the engine they run a round in the clear that is cheap to start, in the way of a reshare: each sends to the
next and waits for the one before. Everything around it is the real thing.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from mpc_market.errors import ProtocolError
from parties.compute import clearing
from parties.compute.clearing_messages import ClearingDone, ClearingJob
from parties.compute.engine import Engine, SubmissionArrays
from parties.compute.process import main

ROGUE, DEED = int(sys.argv[1]), sys.argv[2]
SECRET = "price 4711"


@dataclass
class Shares:
    price: int | None
    verdicts: np.ndarray
    valid: np.ndarray
    users: np.ndarray
    communication_rounds: int
    accepted: np.ndarray
    traded: np.ndarray
    bought: np.ndarray
    sold: np.ndarray


async def pass_on(network: Any, label: int) -> None:
    """One communication round."""
    network.send((network.party + 1) % network.parties, label, np.ones(5, np.uint64))
    await network.flush()
    await network.receive((network.party - 1) % network.parties, label, 5)


async def do(network: Any) -> None:
    """The deed."""
    if DEED == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif DEED == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif DEED == "spin":
        while True:
            time.sleep(0.01)
    elif DEED == "idle":
        await asyncio.sleep(600)
    elif DEED == "crash":
        raise ValueError(SECRET)
    elif DEED == "give up":
        raise ProtocolError("no permutation")
    elif DEED == "garbage to peers":
        for exchanger in network._runtime.exchangers.values():
            exchanger.transport.write(b"\xff" * 100)
        await asyncio.sleep(600)


async def compute(
    network: Any, arrays: SubmissionArrays, given: ClearingJob, on_verdicts: Any, on_stage: Callable[[str], None]
) -> Any:
    """A round in the clear, with a deed of one party in the middle of it."""
    on_stage("validity")
    await pass_on(network, 1)
    if network.party == ROGUE:
        await do(network)
    await pass_on(network, 2)
    verdicts = arrays.verdicts
    if verdicts is None:
        verdicts = np.zeros(given.submissions, np.uint8)
        await on_verdicts(verdicts)
    for label in range(3, 3 + network.parties):  # so that everyone waits for everyone in the end
        await pass_on(network, label)
    if network.party == ROGUE and DEED == "late":
        await asyncio.sleep(3)
    if network.party == ROGUE and DEED == "contradict":
        verdicts = 1 - verdicts
    zeros = np.zeros(given.supplier_count, np.uint64)
    valid = np.arange(given.submissions)
    accepted = np.zeros((given.submissions, given.orders_each), np.uint64)
    traded = np.zeros((given.submissions, 2), np.uint64)
    return Shares(4711 if DEED == "price" else None, verdicts, valid, zeros, 3, accepted, traded, zeros, zeros)


async def prepare(network: Any, *_: object) -> Engine:
    """Prepare, in the same way."""
    if network.party == ROGUE and DEED == "prepare nothing":
        await asyncio.sleep(600)
    for label in range(10, 10 + network.parties):
        await pass_on(network, label)
    return Engine(compute_clearing=compute)


class TooLarge(ClearingDone):
    def header(self) -> dict[str, Any]:
        return super().header() | {"valid": 2**40}


if __name__ == "__main__":
    if DEED == "too large":
        clearing.ClearingDone = TooLarge  # type: ignore[misc]
    main(Engine(compute_clearing=compute, prepare_round=prepare))
