"""Processes that a test leaves behind."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


def compute_processes() -> set[psutil.Process]:
    """The compute-party processes below this one, and children of its own that have ended unnoticed.

    Only those: a database server of other tests forks whenever it likes, and a process pool keeps its tracker.
    """
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            ended = process.status() == psutil.STATUS_ZOMBIE and process.ppid() == os.getpid()
            if ended or "parties.compute" in process.cmdline():
                found.add(process)
        except psutil.NoSuchProcess:  # a zombie without a command line is one of them too
            continue
    return found


@contextmanager
def none_left() -> Iterator[None]:
    """Checks that the block leaves none that were not there before."""
    before = compute_processes()
    yield
    left = compute_processes() - before
    assert not left
