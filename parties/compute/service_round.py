"""A round of a running market in the worker of one party's service: reading it, computing it, handing back the result.

The time limit covers everything from when the round has been read: a peer that is alive but computes nothing, or whose
service never says that the verdicts are stored, must not hold this party up for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import numpy as np

from mpc_market.errors import MarketError, ProtocolError
from parties.compute.channel import Channel
from parties.compute.engine import ComputeServiceRound, SubmissionArrays
from parties.compute.limit import time_limit
from parties.compute.messages import kind
from parties.compute.raw import raw, read_array, read_texts
from parties.compute.report import Report
from parties.compute.service_messages import PROCEED, FoundVerdicts, ServiceResult, ServiceRound
from parties.net.network import PartyNetwork

if TYPE_CHECKING:
    from mpc_market.secure.service_round import ServiceRoundShares
    from mpc_market.secure.validity import Verdicts

PART_SECONDS = 10.0
"""How long a party that has its result stays for the others to get theirs."""


async def run_service_round(
    channel: Channel, network: PartyNetwork, compute: ComputeServiceRound, given: ServiceRound
) -> None:
    """Run one round; it ends when all parties have their results, or when this one has waited long enough for them.

    Raises: PeerError naming the party that the others waited for when the time was up; what the engine raises.
    """
    arrays = await _read_submissions(channel, given)
    report = Report(channel, network)

    async def on_verdicts(verdicts: Verdicts) -> None:
        await channel.send(FoundVerdicts(len(verdicts)).header(), raw(verdicts))
        if kind(await channel.receive()) != PROCEED:
            raise ProtocolError("another message than leave to proceed with the verdicts")

    async with time_limit(network, given.seconds):
        shares = await compute(network, arrays, given, on_verdicts, report.begin_stage)
    counts = (given.submissions, len(shares.valid), given.supplier_count, given.orders_each)
    result = ServiceResult(shares.price, *counts, await report.effort(shares.communication_rounds))
    await channel.send(result.header(), *_raw_result(shares))
    await stay(network)


async def stay(network: PartyNetwork) -> None:
    """Wait until all parties have their results, or long enough for it."""
    # The own result is out: whatever happens to the others now is theirs to report.
    with contextlib.suppress(MarketError, TimeoutError):
        async with asyncio.timeout(PART_SECONDS):
            await network.part()


async def _read_submissions(channel: Channel, given: ServiceRound) -> SubmissionArrays:
    count = given.submissions
    order_ids = await read_texts(channel, given.orders, given.ids_bytes)
    maxima = await read_array(channel, (count,), np.uint64)
    suppliers = await read_array(channel, (count,), np.uint32)
    verdicts = await read_array(channel, (count,), np.uint8) if given.verdicts_known else None
    words = await read_array(channel, (count, given.orders_each, given.words_each), np.uint64)
    return SubmissionArrays(order_ids, maxima, suppliers.astype(np.intp), verdicts, words)


def _raw_result(shares: ServiceRoundShares) -> list[memoryview]:
    words = (shares.users, shares.bought, shares.sold, shares.accepted, shares.traded)
    little_endian = [np.ascontiguousarray(each, "<u8") for each in words]
    return [raw(np.ascontiguousarray(shares.verdicts, np.uint8)), *map(raw, little_endian)]
