"""A round of a running market in the worker of a party's service: reading it, computing it, handing back the result."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from parties.compute.channel import Channel, Header
from parties.compute.clearing_messages import ClearingDone, ClearingJob
from parties.compute.engine import ComputeClearing, SubmissionArrays
from parties.compute.job import run_job
from parties.compute.messages import Effort
from parties.compute.raw import codes, read_array, read_texts, words
from parties.net.network import PartyNetwork

if TYPE_CHECKING:
    from mpc_market.secure.service_round import ServiceRoundShares


async def run_clearing(channel: Channel, network: PartyNetwork, compute: ComputeClearing, given: ClearingJob) -> None:
    """Run one round; raises as `run_job`."""
    arrays = await _read_submissions(channel, given)

    def result(shares: ServiceRoundShares, effort: Effort) -> tuple[Header, list[memoryview]]:
        counts = (given.submissions, len(shares.valid), given.supplier_count, given.orders_each)
        return ClearingDone(shares.price, *counts, effort).header(), _raw_result(shares)

    await run_job(channel, network, given.seconds, partial(compute, network, arrays, given), result)


async def _read_submissions(channel: Channel, given: ClearingJob) -> SubmissionArrays:
    count = given.submissions
    order_ids = await read_texts(channel, given.orders, given.ids_bytes)
    maxima = await read_array(channel, (count,), np.uint64)
    suppliers = await read_array(channel, (count,), np.uint32)
    verdicts = await read_array(channel, (count,), np.uint8) if given.verdicts_known else None
    shares = await read_array(channel, (count, given.orders_each, given.words_each), np.uint64)
    return SubmissionArrays(order_ids, maxima, suppliers.astype(np.intp), verdicts, shares)


def _raw_result(shares: ServiceRoundShares) -> list[memoryview]:
    behind = words(shares.users, shares.bought, shares.sold, shares.accepted, shares.traded)
    return [codes(shares.verdicts), *behind]
