"""The service of one compute party, put together: `running` is all of it, from the ledger to the last server."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog

from parties.files.party_home import PartyHome
from parties.files.values import Address
from parties.ledger import Ledger
from parties.service.board import Board
from parties.service.clock import Clock, SystemClock
from parties.service.control_api import ControlApi
from parties.service.forwarding import Forwarding
from parties.service.intake import Intake
from parties.service.links import Links
from parties.service.metrics import Metrics
from parties.service.node import Node
from parties.service.private_api import PrivateApi
from parties.service.public_api import PublicApi
from parties.service.rolls import Rolls
from parties.service.round import cancel_all
from parties.service.rounds import Rounds
from parties.service.serving import serving
from parties.service.upkeep import Upkeep
from parties.service.workers import Workers

_BACKLOG = 1024

_log = structlog.get_logger()


@dataclass
class Service:
    """A service that runs."""

    node: Node
    rounds: Rounds
    upkeep: Upkeep
    tasks: list["asyncio.Task[None]"]

    async def fails(self) -> None:
        """Returns when a part of the service has ended that never should, and raises what ended it."""
        done, _ = await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


@contextlib.asynccontextmanager
async def running(home: PartyHome, workers: Workers, clock: Clock | None = None) -> AsyncIterator[Service]:
    """Run a party's service for the length of the block.

    At its end, rounds are left as they are: they are resumed by the next start. What was acknowledged is stored.
    Raises: LedgerError, TlsError, InvalidSettingsError; OSError for an address that cannot be listened on.
    """
    clock = clock or SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        listeners = [
            stack.enter_context(_listen(address))
            for address in (home.listen.control, home.listen.api, home.listen.private)
        ]
        ledger = await Ledger.open(home.database, home.number)
        stack.push_async_callback(ledger.close)
        links = Links(home, clock.now_ms() // 1000)
        stack.push_async_callback(links.close)
        node = _node(home, ledger, links, workers, clock)
        rounds, forwarding, upkeep = Rounds(node), Forwarding(node), Upkeep(node)
        await upkeep.look()
        control, public, private = listeners
        await stack.enter_async_context(serving(ControlApi(node, rounds, forwarding).app(), control, links.control))
        await stack.enter_async_context(serving(PublicApi(node, rounds, forwarding).app(), public, links.public))
        await stack.enter_async_context(serving(PrivateApi(node, rounds, upkeep).app(), private, None))
        stack.callback(node.board.close)
        tasks = [asyncio.create_task(each.run()) for each in (rounds, forwarding, upkeep)]
        stack.push_async_callback(cancel_all, tasks)
        _log.info("service runs", market=node.market.id, api=home.party.api)
        yield Service(node, rounds, upkeep, tasks)
        _log.info("service ends")


def _node(home: PartyHome, ledger: Ledger, links: Links, workers: Workers, clock: Clock) -> Node:
    market, metrics = home.market.id, Metrics()
    return Node(
        home=home,
        ledger=ledger,
        clock=clock,
        board=Board(ledger, market, home.number),
        intake=Intake(home.number, ledger, clock, metrics),
        rolls=Rolls(ledger, market, home.market.registrar),
        links=links,
        workers=workers,
        metrics=metrics,
    )


def _listen(address: Address) -> socket.socket:
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)
