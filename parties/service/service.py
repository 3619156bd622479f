"""The service of one compute party, put together: `running` is all of it, from the ledger to the last server."""

import asyncio
import contextlib
import math
import os
import socket
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from parties.clock import Clock, SystemClock
from parties.files.party_home import PartyHome
from parties.files.values import Address
from parties.ledger import PATIENCE_S, InUseError, Ledger, NotReadyError
from parties.service.control_api import ControlApi
from parties.service.forwarding import Forwarding
from parties.service.links import Links
from parties.service.lookup import States
from parties.service.node import Node
from parties.service.pool import Pool, places
from parties.service.private_api import PrivateApi
from parties.service.public_api import PublicApi
from parties.service.replica import Elsewhere, Mirror, Mirroring
from parties.service.round import cancel_all
from parties.service.rounds import Rounds
from parties.service.serving import serving
from parties.service.sites import Sites
from parties.service.upkeep import Upkeep
from parties.service.workers import Workers

_BACKLOG = 1024
_AGAIN_SECONDS = 1.0

_log = structlog.get_logger()


@dataclass
class Service:
    """A service that runs. `node`, `rounds`: of the market that `party.toml` names."""

    sites: Sites
    upkeep: Upkeep
    tasks: list["asyncio.Task[None]"]

    @property
    def node(self) -> Node:
        """See there."""
        return self.sites.first.node

    @property
    def rounds(self) -> States:
        """See there."""
        return self.sites.first.rounds

    async def fails(self) -> None:
        """Returns when a part of the service has ended that never should, and raises what ended it."""
        done, _ = await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


@contextlib.asynccontextmanager
async def running(
    homes: PartyHome | Sequence[PartyHome],
    workers: Workers,
    clock: Clock | None = None,
    *,
    at_once: int | None = None,
    stand_by: bool = False,
    intake: bool = False,
) -> AsyncIterator[Service]:
    """Run a party's service for the length of the block.

    `homes`: its home as each of its markets sees it. `at_once`: attempts that may compute at the same time. `stand_by`:
    as long as another process runs the party on this ledger, wait; nothing is listened on before the ledger is ours.
    `intake`: be a replica beside that other process (`replica`), once there is a ledger to share.
    At its end, rounds are left as they are: they are resumed by the next start. What was acknowledged is stored.
    Raises: LedgerError, TlsError, InvalidSettingsError; OSError for an address that cannot be listened on.
    """
    homes = [homes] if isinstance(homes, PartyHome) else homes
    home, clock = homes[0], clock or SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        pool = Pool(workers, places(at_once, home.party.mpc_ports, os.cpu_count() or 1))
        stack.push_async_callback(pool.close)
        ledger = await (_shared(home) if intake else _owned(home, stand_by=stand_by))
        stack.push_async_callback(ledger.close)
        doors = _Doors(home, stack, control=not intake)
        links = Links(home, clock.now_ms() // 1000)
        stack.push_async_callback(links.close)
        sites = Sites(homes, ledger, links, pool, clock, Mirror if intake else Rounds)
        upkeep = Upkeep(sites, driving=not intake)
        await upkeep.look()
        work = await (_attend(sites, upkeep, doors) if intake else _drive(sites, upkeep, doors))
        for site in sites:
            stack.callback(site.node.board.close)
        tasks = [asyncio.create_task(each) for each in work]
        stack.push_async_callback(cancel_all, tasks)
        _log.info("service runs", markets=sites.ids, api=home.party.api, at_once=0 if intake else pool.places)
        yield Service(sites, upkeep, tasks)
        _log.info("service ends")


async def _owned(home: PartyHome, *, stand_by: bool) -> Ledger:
    if stand_by:
        _log.info("stands by, or begins")
    return await Ledger.open(home.database, home.number, math.inf if stand_by else PATIENCE_S)


async def _shared(home: PartyHome) -> Ledger:
    """The ledger beside its owner, which may have to make it first."""
    said = False
    while True:
        try:
            return await Ledger.share(home.database, home.number)
        except (NotReadyError, InUseError) as error:
            if not said:
                _log.info("waits for the ledger", reason=str(error))
            said = True
        await asyncio.sleep(_AGAIN_SECONDS)


class _Doors:
    """The addresses of a party, listened on from the beginning; served later, for as long as `stack` lasts."""

    def __init__(self, home: PartyHome, stack: contextlib.AsyncExitStack, *, control: bool) -> None:
        self._stack = stack
        self._control = stack.enter_context(_listen(home.listen.control)) if control else None
        self._public, self._private = (
            stack.enter_context(_listen(each)) for each in (home.listen.api, home.listen.private)
        )

    async def open(self, sites: Sites, upkeep: Upkeep, forwarding: Forwarding) -> None:
        enter, links = self._stack.enter_async_context, sites.links
        if self._control is not None:
            await enter(serving(ControlApi(sites, forwarding).app(), self._control, links.control))
        await enter(serving(PublicApi(sites, forwarding).app(), self._public, links.public))
        await enter(serving(PrivateApi(sites, upkeep).app(), self._private, None))


async def _drive(sites: Sites, upkeep: Upkeep, doors: _Doors) -> list[Coroutine[Any, Any, None]]:
    """What the process does that drives the rounds."""
    forwarding = Forwarding(sites)
    await doors.open(sites, upkeep, forwarding)
    driven = [each for site in sites if isinstance(each := site.rounds, Rounds)]
    others = [forwarding.run(), Elsewhere(sites, forwarding).run(), upkeep.run()]
    return [*(each.run() for each in driven), *others]


async def _attend(sites: Sites, upkeep: Upkeep, doors: _Doors) -> list[Coroutine[Any, Any, None]]:
    """What a replica does."""
    mirroring = Mirroring(sites)
    await mirroring.look()
    await doors.open(sites, upkeep, Forwarding(sites))
    return [mirroring.run(), upkeep.run()]


def _listen(address: Address) -> socket.socket:
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)
