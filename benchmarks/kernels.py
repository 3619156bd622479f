"""What do the field's kernels cost per element, with one and with two threads, in one process?

    python -m benchmarks.kernels

Measured through the code that a clearing runs, at party 0 of 3, whose peers are silent: what is sent vanishes, what
is received is zeros.
"""

import asyncio
import os
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial

import numpy as np

from benchmarks import calibration
from benchmarks.record import Record, Row
from mpc_market.field import kernels
from mpc_market.field.keystream import KEY_BYTES, Keystream
from mpc_market.field.mersenne import BLOCK, GF, Vector
from mpc_market.secure.keys import Holders, Keys
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares
from mpc_market.secure.shuffle import Shuffle
from mpc_market.secure.threads import Threads

NAME = "kernels"
QUESTION = "What do the field's kernels cost per element, with one and with two threads, in one process?"
ELEMENTS = 2**20
REPETITIONS = 9
THREADS = (1, 2)


class SilentNetwork:
    """Party 0's end of a network that takes no time."""

    party, parties = 0, 3

    def __init__(self, words_max: int) -> None:
        self._zeros = np.zeros(words_max, np.uint64)

    def send(self, peer: int, label: int, words: Vector) -> None:
        """It vanishes."""

    async def receive(self, peer: int, label: int, size: int) -> Vector:  # noqa: ARG002
        """Zeros: shares as good as any to whoever measures time."""
        return self._zeros[:size]

    async def flush(self) -> None:
        """Nothing is queued."""


def _session(n: int, threads: Threads) -> Session:
    """A session with fresh keys for one repetition."""
    shared: dict[Holders, bytes] = {pair: secrets.token_bytes(32) for pair in ((0, 1), (0, 2))}
    return Session(SilentNetwork(4 * n), Keys(0, 3, shared), threads)


def _uniform(n: int) -> Vector:
    return Keystream(secrets.token_bytes(KEY_BYTES)).words(n)


def _multiply(n: int, threads: Threads) -> Callable[[], float]:
    a, b, out = _uniform(n), _uniform(n), np.empty(n, np.uint64)
    p, e = np.uint64(GF.modulus), np.uint64(GF.exponent)
    parts = threads.stretches(n, BLOCK)
    tasks = [partial(kernels.multiply, a[part], b[part], out[part], p, e) for part in parts]
    return lambda: _timed(lambda: threads.run(tasks))


def _keystream(n: int, threads: Threads) -> Callable[[], float]:
    def draw() -> None:
        stream = Keystream(secrets.token_bytes(KEY_BYTES))
        counts = [part.stop - part.start for part in threads.stretches(n, BLOCK)]
        threads.run(
            [partial(_in_blocks, part, count) for part, count in zip(stream.split(counts), counts, strict=True)]
        )

    return lambda: _timed(draw)


def _in_blocks(stream: Keystream, count: int) -> None:
    for start in range(0, count, BLOCK):
        stream.words(min(BLOCK, count - start))


def _reshare(n: int, threads: Threads) -> Callable[[], float]:
    a, b = Shares(_uniform(n), GF), Shares(_uniform(n), GF)
    return lambda: _timed_async(_session(n, threads), lambda session: session.reshare(a * b))


def _permutation(n: int, threads: Threads) -> Callable[[], float]:
    def once() -> float:
        session = _session(n, threads)
        return _timed(lambda: Shuffle(session, n, "drawn")) / 2  # party 0 is in two of the three sets of holders

    return once


def _shuffle(n: int, threads: Threads) -> Callable[[], float]:
    table = Shares(_uniform(2 * n).reshape(n, 2), GF)

    def once() -> float:
        session = _session(n, threads)
        shuffle = Shuffle(session, n, "measured")
        return _timed_async(session, lambda _: shuffle.shuffle(session, table)) / 6  # three passes over two columns

    return once


KERNELS: dict[str, tuple[str, Callable[[int, Threads], Callable[[], float]]]] = {
    "multiply": ("product of two field elements", _multiply),
    "keystream": ("field element drawn from AES-CTR", _keystream),
    "reshare": ("product, dealt, sent and put together again", _reshare),
    "permutation": ("row of one secret permutation drawn", _permutation),
    "shuffle": ("element moved in one pass of a shuffle, mean over the three passes", _shuffle),
}
"""What one element is, and what prepares a measurement of n of them."""


def measure(kernel: str, threads: int, elements: int = ELEMENTS, repetitions: int = REPETITIONS) -> Row:
    """The median time per element, after one run that is not counted."""
    meaning, prepare = KERNELS[kernel]
    pool = Threads(threads)
    try:
        once = prepare(elements, pool)
        once()
        seconds = [once() for _ in range(repetitions)]
    finally:
        pool.close()
    return {
        "kernel": kernel,
        "element": meaning,
        "threads": threads,
        "elements": elements,
        "ns_per_element": round(statistics.median(seconds) / elements * 1e9, 3),
        "fastest_ns": round(min(seconds) / elements * 1e9, 3),
    }


def main(*, resume: bool = False) -> None:
    """Measure everything and write `results/kernels.json`."""
    record = Record(NAME, QUESTION, resume=resume)
    record.measure("calibration", calibration.measure)
    for kernel in KERNELS:
        for threads in THREADS:
            if threads <= (os.cpu_count() or 1):
                record.measure(f"{kernel}, {threads} threads", partial(measure, kernel, threads))
    record.finish()


def _timed(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def _timed_async(session: Session, work: Callable[[Session], Awaitable[object]]) -> float:
    async def timed() -> float:
        before = time.perf_counter()
        await work(session)
        return time.perf_counter() - before

    return asyncio.run(timed())


if __name__ == "__main__":
    main()
