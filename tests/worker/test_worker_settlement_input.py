"""What a service hands to its worker for settlement, and what it makes of the answer: read as written, or refused.

Whatever the process or the service sends instead of that is an error of theirs (`ProtocolError`, a setting that cannot
be; `WorkerError` at the service), and nothing else: no crash, no total of anybody else, nothing too large set aside.
"""

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import MarketError, ProtocolError
from mpc_market.rules.model import VOLUMES, Market
from mpc_market.rules.money import Cents, Scale
from mpc_market.secure.closing import Month
from mpc_market.secure.group_totals import Group, Kind
from mpc_market.secure.readings import Readings
from mpc_market.secure.settlement import SettlementShares
from mpc_market.wire.codec import P
from parties.compute.channel import Channel
from parties.compute.messages import Effort
from parties.compute.settlement import _raw_settled, _read_month, _read_rows
from parties.compute.settlement_messages import ClosingDone, ClosingJob, SettlementDone, SettlementJob
from parties.worker import ClosingInput, ClosingResult, GroupTotal, SettlementInput, SettlementResult, WorkerError
from parties.worker.settlement import check_closed, check_settled
from tests.hostile.spoiling import TROUBLE, spoilt, spoilt_fields

MARKET = Market(3, 4)
READING = np.arange(16, dtype="<u8").tobytes()
ROWS = SettlementInput(
    MARKET, 2, bytes(32), ["ä", "b", "c"], [9, 8, 7], [0, 0, 0], 1, [1, 0, 1], 2, [0, 0, 0], 1,
    [True, False, True], [True, False, False], [(1, 2), (3, 4), (0, 0)], [READING, b"", READING], b"\0\2",
)  # fmt: skip
SCALE = Scale(MARKET, -3, 2, 4, Cents(1, 100))
MONTH = ClosingInput(
    SCALE, ["ä", "b"], [3, 1], [0, 0, 1], [(7, 2, 1), (6, -2, 1), (7, 2, 1)],
    [tuple(range(k, k + VOLUMES)) for k in range(3)], [(1, 2)],
)  # fmt: skip
EFFORT = Effort(3, 5, 0.5, 7, {})


def readings(job: SettlementJob, rows: Any) -> Readings:
    """As the process of a compute party hands them to the engine."""
    return Readings(
        rows.ids, rows.maxima, rows.periods, job.period_count, rows.suppliers, job.supplier_count, rows.regions,
        job.region_count, rows.metered, rows.counted, rows.traded, rows.words,
    )  # fmt: skip


async def settlement_read(channel: Channel) -> tuple[SettlementJob, Any]:
    job = SettlementJob.read(await channel.receive())
    rows = await _read_rows(channel, job)
    readings(job, rows).check(job.market)
    return job, rows


async def closing_read(channel: Channel) -> tuple[ClosingJob, Any]:
    job = ClosingJob.read(await channel.receive())
    month = await _read_month(channel, job)
    Month(month.ids, month.accounts, month.rates, month.bookings, month.volumes, month.totals).check(job.scale)
    return job, month


JOBS: dict[str, Any] = {"settlement": (ROWS, settlement_read), "closing": (MONTH, closing_read)}


def sent(header: dict[str, Any], behind: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + text + behind


def received(data: bytes, read: Any) -> Any:
    """What the process makes of bytes, after which the service has hung up."""

    async def test() -> Any:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        channel = Channel(ours)
        with ours, theirs:
            await asyncio.get_running_loop().sock_sendall(theirs, data)
            theirs.shutdown(socket.SHUT_WR)
            return await asyncio.wait_for(read(channel), 10)

    return asyncio.run(test())


def test_what_the_service_gives_is_what_the_process_reads() -> None:
    header, behind = ROWS.message(2.0)
    job, rows = received(sent(header.header(), b"".join(behind)), settlement_read)
    assert job == header
    assert (rows.ids, rows.maxima.tolist(), rows.suppliers.tolist()) == (ROWS.ids, ROWS.maxima, ROWS.suppliers)
    assert (rows.metered.tolist(), rows.counted.tolist()) == (ROWS.metered, ROWS.counted)
    assert (rows.traded.tolist(), rows.verdicts.tobytes()) == ([[1, 2], [3, 4], [0, 0]], b"\0\2")
    assert rows.words.reshape(2, -1).tolist() == [list(range(16))] * 2
    month_header, behind = MONTH.message(2.0)
    job, month = received(sent(month_header.header(), b"".join(behind)), closing_read)
    assert job == month_header
    assert (month.ids, month.bookings.tolist(), month.accounts.tolist()) == (MONTH.ids, [3, 1], [0, 0, 1])
    assert month.rates.tolist() == [list(each) for each in MONTH.rates]
    assert (month.volumes.tolist(), month.totals.tolist()) == ([list(each) for each in MONTH.volumes], [[1, 2]])


@pytest.mark.parametrize("name", JOBS)
def test_a_job_that_ends_early_or_is_none(name: str) -> None:
    given_, read = JOBS[name]
    header, behind = given_.message(2.0)
    whole = sent(header.header(), b"".join(behind))
    for end in (*range(0, len(whole), 7), len(whole) - 1):
        with pytest.raises(ProtocolError):
            received(whole[:end], read)
    for data in TROUBLE[:16]:
        with pytest.raises(MarketError):
            received(data, read)


@pytest.mark.parametrize("name", JOBS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_spoilt_job_is_read_or_refused_and_nothing_else(name: str, data: st.DataObject) -> None:
    given_, read = JOBS[name]
    header, behind = given_.message(2.0)
    fields = data.draw(spoilt_fields(header.header()) | st.just(header.header()))
    raw = data.draw(spoilt(b"".join(behind)))
    with contextlib.suppress(MarketError):
        received(sent(fields, raw[:100_000]), read)


@pytest.mark.parametrize(
    ("name", "field"),
    [("settlement", "rows"), ("settlement", "ids_bytes"), ("closing", "lines"), ("closing", "ids")],
)
def test_counts_that_no_process_could_hold_are_refused(name: str, field: str) -> None:
    given_, read = JOBS[name]
    header, behind = given_.message(2.0)
    for count in (2**40, 2**40 + 1, 2**63):
        with pytest.raises(ProtocolError):
            received(sent(header.header() | {field: count}, b"".join(behind)), read)


# --- the answer -------------------------------------------------------------------------------------------


def settled() -> SettlementShares:
    """The reading of row 0 is valid, that of row 2 is not; row 1 is estimated."""
    groups = [Group(Kind.SUPPLIER, 0, None, 1, 2), Group(Kind.REGION, 0, 0, None, 3), Group(Kind.PART, 0, 0, 1, 2)]
    entries = np.arange(10, dtype=np.uint64).reshape(2, 5)
    totals = np.arange(20, 26, dtype=np.uint64).reshape(3, 2)
    return SettlementShares(np.array([0, 2], np.uint8), np.array([0, 1]), groups, 3, entries, totals)


DONE = SettlementDone(2, 2, 3, EFFORT)
BEHIND = b"".join(_raw_settled(settled()))
MONTH_DONE = ClosingDone(2, 3, 1, EFFORT)
MONTH_BEHIND = struct.pack("<25Q", *range(25))


def test_the_answer_is_read_by_row_and_group() -> None:
    assert len(BEHIND) == DONE.raw_bytes == check_settled(ROWS, DONE)
    read = SettlementResult.of(ROWS, DONE, BEHIND)
    assert (read.verdicts, read.entries) == (b"\0\2", (tuple(range(5)), tuple(range(5, 10)), ()))
    assert read.totals == (
        GroupTotal("supplier", 0, None, 1, 2, (20, 21)),
        GroupTotal("region", 0, 0, None, 3, (22, 23)),
        GroupTotal("part", 0, 0, 1, 2, (24, 25)),
    )
    assert len(MONTH_BEHIND) == MONTH_DONE.raw_bytes == check_closed(MONTH, MONTH_DONE)
    month = ClosingResult.of(MONTH_DONE, MONTH_BEHIND)
    assert (month.due, month.totals) == ((0, 1), ((23, 24),))
    assert month.volumes == tuple(tuple(range(at, at + VOLUMES)) for at in (2, 9, 16))


FIRST_GROUP = 2 + 8 * (2 + 10)
"""Where the numbers of the first total begin: kind, period, region, supplier, users."""


@pytest.mark.parametrize(
    ("at", "number", "message"),
    [
        (2, 1, "settled rows"),
        (2, 2**64 - 1, "settled rows"),
        (2 + 16, P, "no share"),
        (FIRST_GROUP, 3, "whose total"),
        (FIRST_GROUP, 2, "whose total"),
        (FIRST_GROUP + 8, 1, "whose total"),
        (FIRST_GROUP + 16, 0, "whose total"),
        (FIRST_GROUP + 24, 2, "whose total"),
        (FIRST_GROUP + 24, 2**64 - 1, "whose total"),
        (FIRST_GROUP + 32, 4, "whose total"),
        (len(BEHIND) - 8, 2**64 - 1, "no share"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(at: int, number: int, message: str) -> None:
    raw = BEHIND[:at] + struct.pack("<Q", number) + BEHIND[at + 8 :]
    with pytest.raises(WorkerError, match=f"sent a malformed message: .*{message}"):
        SettlementResult.of(ROWS, DONE, raw)


def test_an_answer_to_another_question_is_refused() -> None:
    with pytest.raises(WorkerError):
        SettlementResult.of(ROWS, DONE, b"\0\0" + BEHIND[2:])  # row 2 is missing then
    with pytest.raises(WorkerError, match="no share"):
        ClosingResult.of(MONTH_DONE, MONTH_BEHIND[:-8] + struct.pack("<Q", P))
    for asked, done in (
        (MONTH, DONE), (None, DONE), (ROWS, replace(DONE, metered=3)), (ROWS, replace(DONE, settled=4)),
        (ROWS, replace(DONE, groups=6)), (ROWS, replace(DONE, groups=2**40)),
    ):  # fmt: skip
        with pytest.raises(WorkerError):
            check_settled(asked, done)
    for asked, month in (
        (ROWS, MONTH_DONE), (None, MONTH_DONE), (MONTH, replace(MONTH_DONE, accounts=3)),
        (MONTH, replace(MONTH_DONE, lines=2)), (MONTH, replace(MONTH_DONE, totals=2**40)),
    ):  # fmt: skip
        with pytest.raises(WorkerError):
            check_closed(asked, month)


@settings(max_examples=200, deadline=None)
@given(spoilt(BEHIND))
def test_any_answer_of_the_announced_length_is_read_or_refused(raw: bytes) -> None:
    raw = (raw + BEHIND)[: len(BEHIND)]
    with contextlib.suppress(WorkerError):
        SettlementResult.of(ROWS, DONE, raw)
