"""`mpc-market party run`: the service as a process, until it is told to end (SIGTERM, Ctrl-C) or cannot go on."""

import asyncio
import contextlib
import resource
import signal
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import structlog

from mpc_market.errors import InputError, MarketError
from parties.compute.event_loop import new_event_loop
from parties.files.party_home import read_party_homes
from parties.files.problems import Problems
from parties.service.life import State
from parties.service.logs import set_up_logs
from parties.service.lookup import States
from parties.service.process_workers import ProcessWorkers
from parties.service.service import Service, running

FINISH_SECONDS = 10.0
"""A computation that is under way when the service is told to end may take this long to come to its end."""

_log = structlog.get_logger()


class ServiceError(MarketError):
    """The service cannot go on."""


def run(path: Path, at_once: int | None = None, *, stand_by: bool = False, intake: bool = False) -> None:
    """Run the party whose home is at `path`. `at_once`: attempts that may compute at the same time. `stand_by`:
    wait as long as another process runs it on the same database. `intake`: be a replica of that process.

    Raises: InputError if the home cannot be used; LedgerError, TlsError, OSError if the service cannot start.
    """
    problems = Problems()
    homes = read_party_homes(path, int(time.time()), problems)
    problems.check()
    assert homes, "no home, and no reason why not"
    if intake and not homes[0].database.startswith("postgresql:"):
        raise InputError(
            ("--intake: replicas share a PostgreSQL database; party.toml has a file, which serves one process",)
        )
    set_up_logs(homes[0].number)
    _allow_many_connections()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(
            _until_told_to_end(running(homes, ProcessWorkers(), at_once=at_once, stand_by=stand_by, intake=intake))
        )


async def _until_told_to_end(service_runs: AbstractAsyncContextManager[Service]) -> None:
    told, up = asyncio.Event(), asyncio.Event()
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None
    loop.set_exception_handler(_log_without_text)

    def end() -> None:
        told.set()
        if not up.is_set():  # it stands by, perhaps for days
            this.cancel()

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, end)
    try:
        async with service_runs as service:
            up.set()
            await _until(told, service)
    except asyncio.CancelledError:
        if up.is_set() or not told.is_set():
            raise


async def _until(told: asyncio.Event, service: Service) -> None:
    """Returns when the service is told to end. Raises: MarketError if it cannot go on."""
    ending = asyncio.create_task(told.wait())
    failing = asyncio.create_task(service.fails())
    try:
        await asyncio.wait({ending, failing}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            raise _failure(failing.exception())
        await _finish([site.rounds for site in service.sites])
    finally:
        ending.cancel()
        failing.cancel()


def _failure(error: BaseException | None) -> MarketError:
    """What ended the service, as an error that can be shown: the text of one that nobody foresaw cannot."""
    if isinstance(error, MarketError):
        return error
    _log.error("service fails", exc_info=error)
    return ServiceError(f"the service has failed: {type(error).__name__}; the log says where")


def _log_without_text(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What an event loop complains about: its own words, which task, kind and place of the error, not its text."""
    task, error = context.get("task") or context.get("future"), context.get("exception")
    name = getattr(task.get_coro(), "__qualname__", None) if isinstance(task, asyncio.Task) else None
    _log.error("event loop complains", message=context.get("message"), task=name, exc_info=error)


async def _finish(rounds: Sequence[States]) -> None:
    """Let computations that are under way come to their end: to stop now would cost all parties another attempt."""
    until = time.monotonic() + FINISH_SECONDS
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FINISH_SECONDS):
            while any(each.counts[State.COMPUTING] for each in rounds):
                await asyncio.sleep(0.1)
    _log.info("told to end", waited=round(FINISH_SECONDS - max(until - time.monotonic(), 0), 1))


def _allow_many_connections() -> None:
    """As many open files as this process may have: every meter that waits for a result is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
