"""What a compute party's process does: connect with its peers, then compute one round or job after the other.

Every one begins with fresh keys and its own labels (`secure.attempt`, `PartyNetwork.begin_round`): what one
has drawn or sent is of no use in another.
"""

import asyncio
import contextlib
import socket
import time
from typing import Any, NoReturn

from mpc_market.errors import MarketError, ProtocolError
from parties.compute.channel import Channel, ChannelClosedError
from parties.compute.clearing import run_clearing
from parties.compute.clearing_messages import CLEAR, ClearingJob
from parties.compute.engine import Engine
from parties.compute.job import leave
from parties.compute.limit import time_limit
from parties.compute.local_round import clear_round
from parties.compute.messages import (
    CONNECTED,
    PREPARE,
    READY,
    ROUND,
    Connect,
    Listen,
    Listening,
    Prepare,
    Prepared,
    RoundInput,
    failure_header,
    kind,
)
from parties.compute.settlement import run_closing, run_settlement
from parties.compute.settlement_messages import CLOSE, SETTLE, ClosingJob, SettlementJob
from parties.net import Doors, Peering
from parties.net.network import PartyNetwork, connect
from parties.tls import mutual_tls

_WORDS_PER_ORDER = 256
_WORDS_PER_BIT = 64
"""An amount is rounded by a comparison for each bit of its cents: this many times the words of a comparison."""
_WORDS_LEAST = 2**20
"""The largest message of a round is taken to have this many words for every order, and never less than this:
generous to the engine, but a bound on the memory that a peer can make this party set aside."""


async def serve(sock: socket.socket, engine: Engine) -> None:
    """Run one compute party until a job for which it does not stay is done, or until it is cancelled."""
    channel = Channel(sock)
    await channel.send({"kind": READY})
    try:
        network = await _meet(channel)
    except ChannelClosedError:
        raise
    except MarketError as error:
        await _report(channel, error)
    try:
        rounds = asyncio.create_task(_run_rounds(channel, network, engine))
        # A peer may fail at any time, also while nothing is computed: that is reported at once.
        either: set[asyncio.Future[Any]] = {rounds, network.failed}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not rounds.done() or not rounds.result():
            await _report(channel, network.failed.result())
    finally:
        await network.close()


async def _meet(channel: Channel) -> PartyNetwork:
    """Listen, and connect with all peers."""
    asked = Listen.read(await channel.receive())
    doors = Doors.bind(asked.host, asked.ports)
    await channel.send(Listening(doors.address).header())
    told = Connect.read(await channel.receive())
    tls = None if told.tls is None else mutual_tls(told.tls.identity, told.tls.peers)
    return await connect(Peering(told.party, told.addresses, told.tokens, doors, told.seconds, tls=tls))


async def _report(channel: Channel, error: MarketError) -> NoReturn:
    """Tell the coordinator, and stay until it hangs up: so peers hear why before this party is gone."""
    with contextlib.suppress(ChannelClosedError):
        await channel.send(failure_header(error))
    await _until_cancelled()


async def _until_cancelled() -> NoReturn:
    """Wait for what happens, once, when the coordinator has hung up: so that closing is not cut short."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def _run_rounds(channel: Channel, network: PartyNetwork, engine: Engine) -> bool:
    """Whether all is done; if not, the network has failed."""
    try:
        await channel.send({"kind": CONNECTED})
        while True:
            if await _run_round(channel, network, engine):
                await leave(network)
                return True
            network.end_round()
    except ChannelClosedError:
        await _until_cancelled()
    except MarketError as error:
        network.give_up(error)
        return False


async def _run_round(channel: Channel, network: PartyNetwork, engine: Engine) -> bool:
    """Run one round; whether it was the last one."""
    header = await channel.receive()
    network.begin_round(_WORDS_LEAST)
    if kind(header) == PREPARE:
        engine = await _prepare(channel, network, engine, Prepare.read(header))
        header = await channel.receive()
    if kind(header) == ROUND and engine.compute_round is not None:
        given = RoundInput.read(header)
        _allow(network, given.orders)
        await clear_round(channel, network, engine.compute_round, given)
        return False
    if kind(header) == CLEAR and engine.compute_clearing is not None:
        agreed = ClearingJob.read(header)
        _allow(network, agreed.orders)
        await run_clearing(channel, network, engine.compute_clearing, agreed)
        return True
    if kind(header) == SETTLE and engine.compute_settlement is not None:
        rows = SettlementJob.read(header)
        _allow(network, rows.rows)
        await run_settlement(channel, network, engine.compute_settlement, rows)
        return not rows.stays
    if kind(header) == CLOSE and engine.compute_closing is not None:
        month = ClosingJob.read(header)
        _allow(network, _WORDS_PER_BIT * (month.accounts + month.lines + month.totals))
        await run_closing(channel, network, engine.compute_closing, month)
        return not month.stays
    raise ProtocolError(f"a message of another kind than was due: {kind(header)!r}")


def _allow(network: PartyNetwork, orders: int) -> None:
    network.allow(_WORDS_PER_ORDER * orders)


async def _prepare(channel: Channel, network: PartyNetwork, engine: Engine, given: Prepare) -> Engine:
    before, cpu = network.traffic, time.process_time()
    _allow(network, given.orders)
    if engine.prepare_round is not None:
        async with time_limit(network, given.seconds):
            engine = await engine.prepare_round(network, given.orders, given.market, given.method)
    done = Prepared((network.traffic - before).bytes_sent, time.process_time() - cpu)
    await channel.send(done.header())
    return engine
