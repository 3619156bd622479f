"""Threads for long vectors: one party may use several cores, since the field's kernels release the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

_LEAST = 1 << 16
"""A stretch shorter than this is not worth a thread."""


class Threads:
    """A fixed number of threads, 1 for none."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, "mpc-market") if count > 1 else None

    def __repr__(self) -> str:
        return f"Threads({self.count})"

    def stretches(self, size: int, unit: int) -> list[slice]:
        """Cut `0 … size` into as many stretches as are worth it, each but the last a multiple of `unit`."""
        count = max(1, min(self.count, size // _LEAST))
        length = -(-size // count // unit) * unit if count > 1 else size
        return [slice(start, min(start + length, size)) for start in range(0, size, length)] if size else []

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run all tasks and wait for them; the first error is raised."""
        if self._pool is None or len(tasks) < 2:
            for task in tasks:
                task()
            return
        for future in [self._pool.submit(task) for task in tasks]:
            future.result()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
