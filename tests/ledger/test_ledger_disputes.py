"""Disputes in the ledger: written once, kept as long as there is something to disclose; all of one meter, opened."""

import asyncio
from dataclasses import replace

import pytest

from parties.ledger import ContradictionError, DisputeRow
from tests.ledger.ledger_support import MARKET, START, asynchronous, create, opened, submission

DISPUTE = DisputeRow(MARKET, "m1", 7, b"digest", b"signed", 5_000)


@asynchronous
async def test_a_dispute_is_written_once_and_keeps_its_time(url):
    async with opened(url) as ledger:
        assert await ledger.put_dispute(DISPUTE) == DISPUTE
        assert await ledger.put_dispute(replace(DISPUTE, received_ms=9_000)) == DISPUTE
        with pytest.raises(ContradictionError):
            await ledger.put_dispute(replace(DISPUTE, data=b"another"))
        assert await ledger.dispute(MARKET, "m1", 7) == DISPUTE
        assert await ledger.dispute(MARKET, "m1", 8) is None
        assert await ledger.dispute("town", "m1", 7) is None


@asynchronous
async def test_disputes_are_forgotten_by_time(url):
    later = replace(DISPUTE, number=8, digest=b"another", received_ms=6_000)
    async with opened(url) as ledger:
        for row in (later, DISPUTE, replace(DISPUTE, market="town"), replace(DISPUTE, meter="m2", digest=b"z")):
            await ledger.put_dispute(row)
        assert [row.digest for row in await ledger.disputes(MARKET)] == [b"another", b"digest", b"z"]
        await ledger.forget_disputes(MARKET, 5_001)
        assert await ledger.disputes(MARKET) == [later]
        assert len(await ledger.disputes("town")) == 1


@asynchronous
async def test_those_kept_before_decide_whether_one_more_is(url):
    """In one transaction: many at once do not pass a bound that is checked one after the other."""

    def at_most_three(of_meter, of_all):
        assert of_all == len(of_meter) + 1
        if len(of_meter) >= 3:
            raise RuntimeError("enough")

    async with opened(url) as ledger:
        await ledger.put_dispute(replace(DISPUTE, meter="m2"))
        rows = [replace(DISPUTE, number=number, data=b"%d" % number) for number in range(1, 9)]
        done = await asyncio.gather(*(ledger.put_dispute(row, at_most_three) for row in rows), return_exceptions=True)
        assert [type(each) for each in done].count(RuntimeError) == 5
        kept = [row for row in await ledger.disputes(MARKET) if row.meter == "m1"]
        assert len(kept) == 3
        assert await ledger.put_dispute(kept[0], at_most_three) == kept[0], "what is kept is not asked about"


@asynchronous
async def test_what_is_held_of_one_meter_is_only_that_meters(url):
    async with opened(url) as ledger:
        await create(ledger)
        await create(ledger, start=START + 900)
        first, second = submission("m1", 1), submission("m1", 2)
        for row in (first, submission("m2", 1), second, replace(first, start=START + 900)):
            await ledger.store_submission(row)
        await ledger.store_submission(replace(first, header=b"another", header_digest=b"o" * 32))
        held = await ledger.submissions_of(MARKET, START, "m1")
        assert [(one.header, one.words, one.receipt) for one in held] == [
            (first.header, first.words, first.receipt),
            (b"another", None, None),
            (second.header, second.words, second.receipt),
        ]
        assert await ledger.submissions_of(MARKET, START, "m3") == []
