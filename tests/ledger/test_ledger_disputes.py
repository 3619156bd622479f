"""Disputes in the ledger: written once, kept as long as there is something to disclose; all of one meter, opened."""

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
async def test_disputes_are_counted_by_meter_and_forgotten_by_time(url):
    later = replace(DISPUTE, number=8, digest=b"another", received_ms=6_000)
    async with opened(url) as ledger:
        for row in (later, DISPUTE, replace(DISPUTE, market="town"), replace(DISPUTE, meter="m2", digest=b"z")):
            await ledger.put_dispute(row)
        assert [row.digest for row in await ledger.disputes(MARKET)] == [b"another", b"digest", b"z"]
        assert [await ledger.count_disputes(MARKET, meter) for meter in ("m1", "m2", "m3")] == [2, 1, 0]
        await ledger.forget_disputes(MARKET, 5_001)
        assert await ledger.disputes(MARKET) == [later]
        assert await ledger.count_disputes("town", "m1") == 1


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
