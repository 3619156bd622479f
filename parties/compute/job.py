"""A job in the worker of one party's service: what a clearing, a settlement and a closing have in common.

    job and arrays read ─▶ computed ─ verdicts told, leave to go on awaited ─▶ result handed back

The time limit covers everything from when the job has been read: a peer that is alive but computes nothing, or whose
service never says that the verdicts are stored, must not hold this party up for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from mpc_market.errors import MarketError, ProtocolError
from parties.compute.channel import Channel, Header
from parties.compute.engine import OnStage
from parties.compute.limit import time_limit
from parties.compute.messages import PROCEED, Effort, FoundVerdicts, kind
from parties.compute.raw import raw
from parties.compute.report import Report
from parties.net.network import PartyNetwork

if TYPE_CHECKING:
    from mpc_market.secure.types import OnVerdicts, Verdicts

PART_SECONDS = 10.0
"""How long a party that has its result stays for the others to get theirs."""


class Computed(Protocol):
    """What an engine gives."""

    @property
    def communication_rounds(self) -> int:
        """How many it took."""


_C = TypeVar("_C", bound=Computed)


async def run_job(
    channel: Channel,
    network: PartyNetwork,
    seconds: float,
    compute: Callable[[OnVerdicts, OnStage], Awaitable[_C]],
    result: Callable[[_C, Effort], tuple[Header, list[memoryview]]],
) -> None:
    """Run one job that has been read, and hand back its result. `result`: the message that does it, and the raw bytes
    behind it.

    Raises: PeerError naming the party that the others waited for when the time was up; what the engine raises.
    """
    report = Report(channel, network)

    async def on_verdicts(verdicts: Verdicts) -> None:
        await channel.send(FoundVerdicts(len(verdicts)).header(), raw(verdicts))
        if kind(await channel.receive()) != PROCEED:
            raise ProtocolError("another message than leave to proceed with the verdicts")

    async with time_limit(network, seconds):
        shares = await compute(on_verdicts, report.begin_stage)
    header, behind = result(shares, await report.effort(shares.communication_rounds))
    await channel.send(header, *behind)


async def leave(network: PartyNetwork) -> None:
    """Wait, after the last job, until all parties have their results, or long enough for it."""
    # The own result is out: whatever happens to the others now is theirs to report.
    with contextlib.suppress(MarketError, TimeoutError):
        async with asyncio.timeout(PART_SECONDS):
            await network.part()
