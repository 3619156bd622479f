"""A settlement, or the closing of a month: reading the job, computing it, handing back the result."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mpc_market.rules.model import VOLUMES
from parties.compute.channel import Channel, Header
from parties.compute.engine import ComputeClosing, ComputeSettlement, MonthArrays, OnStage, RowArrays
from parties.compute.job import run_job
from parties.compute.messages import Effort
from parties.compute.raw import codes, read_array, read_texts, words
from parties.compute.settlement_messages import (
    NOT_APPLICABLE,
    RATES,
    TOTAL_WORDS,
    ClosingDone,
    ClosingJob,
    SettlementDone,
    SettlementJob,
)
from parties.net.network import PartyNetwork

if TYPE_CHECKING:
    from mpc_market.secure.closing import MonthShares
    from mpc_market.secure.settlement import SettlementShares
    from mpc_market.secure.types import OnVerdicts


async def run_settlement(
    channel: Channel, network: PartyNetwork, compute: ComputeSettlement, given: SettlementJob
) -> None:
    """Settle; raises as `run_job`."""
    rows = await _read_rows(channel, given)

    def result(shares: SettlementShares, effort: Effort) -> tuple[Header, list[memoryview]]:
        done = SettlementDone(given.metered, len(shares.settled), len(shares.groups), effort)
        return done.header(), _raw_settled(shares)

    await run_job(channel, network, given.seconds, partial(compute, network, rows, given), result)


async def run_closing(channel: Channel, network: PartyNetwork, compute: ComputeClosing, given: ClosingJob) -> None:
    """Close a month; raises as `run_job`."""
    month = await _read_month(channel, given)

    def result(shares: MonthShares, effort: Effort) -> tuple[Header, list[memoryview]]:
        done = ClosingDone(given.accounts, given.lines, given.totals, effort)
        return done.header(), words(shares.due, shares.volumes, shares.totals)

    def close(_: OnVerdicts, on_stage: OnStage) -> Awaitable[MonthShares]:
        return compute(network, month, given, on_stage)  # there is nothing to have verdicts on

    await run_job(channel, network, given.seconds, close, result)


async def _read_month(channel: Channel, given: ClosingJob) -> MonthArrays:
    return MonthArrays(
        await read_texts(channel, given.ids, given.ids_bytes),
        (await read_array(channel, (given.accounts,), np.uint64)).astype(np.intp),
        (await read_array(channel, (given.lines,), np.uint64)).astype(np.intp),
        await read_array(channel, (given.lines, RATES), np.int64),
        await read_array(channel, (given.lines, VOLUMES), np.uint64),
        await read_array(channel, (given.totals, TOTAL_WORDS), np.uint64),
    )


async def _read_rows(channel: Channel, given: SettlementJob) -> RowArrays:
    n = given.rows
    ids = await read_texts(channel, n, given.ids_bytes)
    maxima = await read_array(channel, (n,), np.uint64)
    periods, suppliers, regions = [(await read_array(channel, (n,), np.uint32)).astype(np.intp) for _ in range(3)]
    metered, counted = [(await read_array(channel, (n,), np.uint8)).astype(np.bool_) for _ in range(2)]
    verdicts = await read_array(channel, (given.metered,), np.uint8) if given.verdicts_known else None
    traded = await read_array(channel, (n, 2), np.uint64)
    readings = await read_array(channel, (given.metered, 2, given.words_each // 2), np.uint64)
    return RowArrays(ids, maxima, periods, suppliers, regions, metered, counted, verdicts, traded, readings)


def _raw_settled(shares: SettlementShares) -> list[memoryview]:
    def number(value: int | None) -> int:
        return NOT_APPLICABLE if value is None else value

    groups = [(int(g.kind), g.period, number(g.region), number(g.supplier), g.users) for g in shares.groups]
    behind = words(shares.settled, shares.entries, np.array(groups, np.uint64), shares.totals)
    return [codes(shares.verdicts), *behind]
