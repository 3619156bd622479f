"""The service of one compute party, put together: `running` is all of it, from the ledger to the last server."""

import asyncio
import contextlib
import math
import os
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import structlog

from parties.files.party_home import PartyHome
from parties.files.values import Address
from parties.ledger import PATIENCE_S, Ledger
from parties.service.clock import Clock, SystemClock
from parties.service.control_api import ControlApi
from parties.service.forwarding import Forwarding
from parties.service.links import Links
from parties.service.node import Node
from parties.service.pool import Pool, places
from parties.service.private_api import PrivateApi
from parties.service.public_api import PublicApi
from parties.service.round import cancel_all
from parties.service.rounds import Rounds
from parties.service.serving import serving
from parties.service.sites import Sites
from parties.service.upkeep import Upkeep
from parties.service.workers import Workers

_BACKLOG = 1024

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
    def rounds(self) -> Rounds:
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
) -> AsyncIterator[Service]:
    """Run a party's service for the length of the block.

    `homes`: its home as each of its markets sees it. `at_once`: attempts that may compute at the same time. `stand_by`:
    as long as another process runs the party on this ledger, wait; nothing is listened on before the ledger is ours.
    At its end, rounds are left as they are: they are resumed by the next start. What was acknowledged is stored.
    Raises: LedgerError, TlsError, InvalidSettingsError; OSError for an address that cannot be listened on.
    """
    homes = [homes] if isinstance(homes, PartyHome) else homes
    home, clock = homes[0], clock or SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        pool = Pool(workers, places(at_once, home.party.mpc_ports, os.cpu_count() or 1))
        stack.push_async_callback(pool.close)
        if stand_by:
            _log.info("stands by, or begins")
        ledger = await Ledger.open(home.database, home.number, math.inf if stand_by else PATIENCE_S)
        stack.push_async_callback(ledger.close)
        listeners = [
            stack.enter_context(_listen(address))
            for address in (home.listen.control, home.listen.api, home.listen.private)
        ]
        links = Links(home, clock.now_ms() // 1000)
        stack.push_async_callback(links.close)
        sites = Sites(homes, ledger, links, pool, clock)
        forwarding, upkeep = Forwarding(sites), Upkeep(sites)
        await upkeep.look()
        control, public, private = listeners
        await stack.enter_async_context(serving(ControlApi(sites, forwarding).app(), control, links.control))
        await stack.enter_async_context(serving(PublicApi(sites, forwarding).app(), public, links.public))
        await stack.enter_async_context(serving(PrivateApi(sites, upkeep).app(), private, None))
        for site in sites:
            stack.callback(site.node.board.close)
        tasks = [asyncio.create_task(site.rounds.run()) for site in sites]
        tasks += [asyncio.create_task(each.run()) for each in (forwarding, upkeep)]
        stack.push_async_callback(cancel_all, tasks)
        _log.info("service runs", markets=sites.ids, api=home.party.api, at_once=pool.places)
        yield Service(sites, upkeep, tasks)
        _log.info("service ends")


def _listen(address: Address) -> socket.socket:
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)
