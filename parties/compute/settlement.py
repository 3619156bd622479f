"""A settlement, or the closing of a month: reading the job, computing it, handing back the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mpc_market.errors import ProtocolError
from parties.compute.channel import Channel
from parties.compute.engine import ComputeClosing, ComputeSettlement, MonthArrays, RowArrays
from parties.compute.limit import time_limit
from parties.compute.messages import kind
from parties.compute.raw import raw, read_array, read_texts
from parties.compute.report import Report
from parties.compute.service_messages import PROCEED, FoundVerdicts
from parties.compute.service_round import stay
from parties.compute.settlement_messages import (
    RATES,
    TOTAL_WORDS,
    VOLUME_WORDS,
    ClosingDone,
    ClosingJob,
    SettlementDone,
    SettlementJob,
)
from parties.net.network import PartyNetwork

if TYPE_CHECKING:
    from mpc_market.secure.settlement import SettlementShares
    from mpc_market.secure.validity import Verdicts

_NOT_APPLICABLE = 2**64 - 1


async def run_settlement(
    channel: Channel, network: PartyNetwork, compute: ComputeSettlement, given: SettlementJob
) -> None:
    """Settle; it ends when all parties have their results, or when this one has waited long enough for them.

    Raises: PeerError naming the party that the others waited for when the time was up; what the engine raises.
    """
    rows = await _read_rows(channel, given)
    report = Report(channel, network)

    async def on_verdicts(verdicts: Verdicts) -> None:
        await channel.send(FoundVerdicts(len(verdicts)).header(), raw(verdicts))
        if kind(await channel.receive()) != PROCEED:
            raise ProtocolError("another message than leave to proceed with the verdicts")

    async with time_limit(network, given.seconds):
        shares = await compute(network, rows, given, on_verdicts, report.begin_stage)
    counts = (given.metered, len(shares.settled), len(shares.groups))
    done = SettlementDone(*counts, await report.effort(shares.communication_rounds))
    await channel.send(done.header(), *_raw_result(shares))
    await stay(network)


async def run_closing(channel: Channel, network: PartyNetwork, compute: ComputeClosing, given: ClosingJob) -> None:
    """Close a month; ends and raises as `run_settlement`."""
    month = MonthArrays(
        await read_texts(channel, given.ids, given.ids_bytes),
        (await read_array(channel, (given.accounts,), np.uint64)).astype(np.intp),
        (await read_array(channel, (given.lines,), np.uint64)).astype(np.intp),
        await read_array(channel, (given.lines, RATES), np.int64),
        await read_array(channel, (given.lines, VOLUME_WORDS), np.uint64),
        await read_array(channel, (given.totals, TOTAL_WORDS), np.uint64),
    )
    report = Report(channel, network)
    async with time_limit(network, given.seconds):
        shares = await compute(network, month, given, report.begin_stage)
    done = ClosingDone(given.accounts, given.lines, given.totals, await report.effort(shares.communication_rounds))
    words = (shares.due, shares.volumes, shares.totals)
    await channel.send(done.header(), *(raw(np.ascontiguousarray(each, "<u8")) for each in words))
    await stay(network)


async def _read_rows(channel: Channel, given: SettlementJob) -> RowArrays:
    n = given.rows
    ids = await read_texts(channel, n, given.ids_bytes)
    maxima = await read_array(channel, (n,), np.uint64)
    periods, suppliers, regions = [(await read_array(channel, (n,), np.uint32)).astype(np.intp) for _ in range(3)]
    metered, counted = [(await read_array(channel, (n,), np.uint8)).astype(np.bool_) for _ in range(2)]
    verdicts = await read_array(channel, (given.metered,), np.uint8) if given.verdicts_known else None
    traded = await read_array(channel, (n, 2), np.uint64)
    words = await read_array(channel, (given.metered, 2, given.words_each // 2), np.uint64)
    return RowArrays(ids, maxima, periods, suppliers, regions, metered, counted, verdicts, traded, words)


def _raw_result(shares: SettlementShares) -> list[memoryview]:
    def number(value: int | None) -> int:
        return _NOT_APPLICABLE if value is None else value

    groups = [(int(g.kind), g.period, number(g.region), number(g.supplier), g.users) for g in shares.groups]
    words = (shares.settled, shares.entries, np.array(groups, np.uint64), shares.totals)
    verdicts = np.ascontiguousarray(shares.verdicts, np.uint8)
    return [raw(verdicts), *(raw(np.ascontiguousarray(each, "<u8")) for each in words)]
