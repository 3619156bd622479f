"""What a compute party does: connect with its peers, then clear one round after the other."""

import asyncio
import contextlib
import resource
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from mpc_market.errors import MarketError, ProtocolError
from mpc_market.network import Network, Vector
from mpc_market.rules.model import Market
from parties.compute.channel import Channel, ChannelClosedError, raw
from parties.compute.messages import (
    CONNECTED,
    PREPARE,
    Connect,
    Listening,
    Prepare,
    Prepared,
    RoundInput,
    RoundResult,
    Stage,
    failure_header,
    kind,
)
from parties.net import Doors, Peering
from parties.net.network import PartyNetwork, connect

if TYPE_CHECKING:
    from mpc_market.secure.round import RoundShares

BookArrays = tuple[Vector, Vector, Vector]
"""One party's shares of the sides (n,), the price bits (bits, n) and the quantity bits (bits, n)."""

ComputeRound = Callable[
    [Network, Sequence[str], BookArrays, Market, bytes | None, Callable[[str], None], str], Awaitable["RoundShares"]
]
"""What clears a round: the engine, which this module does not import; `__main__` puts it here, tests others."""

PrepareRound = Callable[[Network, int, Market, str], Awaitable[ComputeRound]]
"""What prepares a round before its orders are there, and gives what then clears it."""

_WORDS_PER_ORDER = 256
_WORDS_LEAST = 2**20
"""The largest message of a round is taken to have so many words for every order, and never less than this:
generous to the engine, but a bound on the memory that a peer can make this party set aside."""


async def serve(sock: socket.socket, compute_round: ComputeRound, prepare_round: PrepareRound) -> None:
    """Run one compute party until it is cancelled: see `_until_cancelled`."""
    channel = Channel(sock)
    doors = Doors.bind()
    await channel.send(Listening(doors.address).header())
    told = Connect.read(await channel.receive())
    try:
        network = await connect(Peering(told.party, told.addresses, told.tokens, doors))
    except MarketError as error:
        await _report(channel, error)
    try:
        rounds = asyncio.create_task(_clear_rounds(channel, network, compute_round, prepare_round))
        # A peer may fail at any time, also while nothing is computed: that is reported at once.
        either: set[asyncio.Future[Any]] = {rounds, network.failed}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if network.failed.done():
            await _report(channel, network.failed.result())
        await rounds
    finally:
        await network.close()


async def _report(channel: Channel, error: MarketError) -> NoReturn:
    """Tell the coordinator, and stay until it hangs up: so peers hear why before this party is gone."""
    with contextlib.suppress(ChannelClosedError):
        await channel.send(failure_header(error))
    await _until_cancelled()


async def _until_cancelled() -> NoReturn:
    """Wait for what happens, once, when the coordinator has hung up: so that closing is not cut short."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def _clear_rounds(
    channel: Channel, network: PartyNetwork, compute_round: ComputeRound, prepare_round: PrepareRound
) -> None:
    try:
        await channel.send({"kind": CONNECTED})
        while True:
            header = await channel.receive()
            clear_it = compute_round
            if kind(header) == PREPARE:
                to_prepare = Prepare.read(header)
                network.begin_round(_largest_message(to_prepare.orders))
                clear_it = await _prepare(channel, network, prepare_round, to_prepare)
                given = RoundInput.read(await channel.receive())
            else:
                given = RoundInput.read(header)
                network.begin_round(_largest_message(given.orders))
            await _clear_round(channel, network, clear_it, given)
            network.end_round()
    except ChannelClosedError:
        await _until_cancelled()
    except MarketError as error:
        network.give_up(error)


def _largest_message(orders: int) -> int:
    return max(_WORDS_LEAST, _WORDS_PER_ORDER * orders)


async def _prepare(
    channel: Channel, network: PartyNetwork, prepare_round: PrepareRound, given: Prepare
) -> ComputeRound:
    before, cpu = network.traffic, time.process_time()
    prepared = await prepare_round(network, given.orders, given.market, given.method)
    done = Prepared((network.traffic - before).bytes_sent, time.process_time() - cpu)
    await channel.send(done.header())
    return prepared


async def _clear_round(channel: Channel, network: PartyNetwork, compute_round: ComputeRound, given: RoundInput) -> None:
    order_ids = await _read_ids(channel, given)
    book = await _read_book(channel, given)
    stages = _Stages(channel)
    before, cpu = network.traffic, time.process_time()
    outcome = await compute_round(network, order_ids, book, given.market, given.seed, stages.begin, given.method)
    result = RoundResult(
        outcome.price,
        outcome.seed,
        outcome.communication_rounds,
        (network.traffic - before).bytes_sent,
        time.process_time() - cpu,
        _peak_memory(),
        await stages.end(),
    )
    await channel.send(result.header(), raw(outcome.accepted))


async def _read_ids(channel: Channel, given: RoundInput) -> list[str]:
    """The order ids, in the sequence of the book."""
    lengths = np.empty(given.orders, np.uint32)
    await channel.read_into(raw(lengths))
    text = await channel.read(given.ids_bytes)
    ends = np.cumsum(lengths, dtype=np.int64).tolist()
    if (ends[-1] if ends else 0) != given.ids_bytes:
        raise ProtocolError("malformed message: lengths of the order ids")
    try:
        return [text[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]
    except UnicodeDecodeError:
        raise ProtocolError("malformed message: an order id is not UTF-8") from None


async def _read_book(channel: Channel, given: RoundInput) -> BookArrays:
    """This party's shares, read block by block straight into their places."""
    side = np.empty(given.orders, np.uint64)
    price_bits = np.empty((given.market.price_bits, given.orders), np.uint64)
    quantity_bits = np.empty((given.market.quantity_bits, given.orders), np.uint64)
    for block in given.blocks():
        for row in (side, *price_bits, *quantity_bits):
            await channel.read_into(raw(row[block]))
    return side, price_bits, quantity_bits


class _Stages:
    """Tells the coordinator which stage begins, and keeps how long each took."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._tasks: list[asyncio.Task[None]] = []
        self._began: list[tuple[str, float]] = []

    def begin(self, name: str) -> None:
        """A stage begins, and the one before is over."""
        self._began.append((name, time.perf_counter()))
        self._tasks.append(asyncio.create_task(self._tell(name)))

    async def _tell(self, name: str) -> None:
        with contextlib.suppress(ChannelClosedError):  # whoever else uses the channel ends the round
            await self._channel.send(Stage(name).header())

    async def end(self) -> dict[str, float]:
        """The last stage is over; seconds by name of stage."""
        self._began.append(("", time.perf_counter()))
        await asyncio.gather(*self._tasks)
        seconds: dict[str, float] = {}
        for (name, begin), (_, end) in pairwise(self._began):
            seconds[name] = seconds.get(name, 0.0) + end - begin
        return seconds


def _peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes."""
    # On Linux `getrusage` starts from what the coordinator had when it started this process.
    with contextlib.suppress(FileNotFoundError), Path("/proc/self/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
