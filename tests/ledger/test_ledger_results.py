"""Results by attempt, the chain of records, erasing."""

import dataclasses

import pytest

from parties.ledger import (
    ContradictionError,
    LedgerError,
    LedgerFullError,
    RecordRow,
    ResultRow,
    StateError,
    Storing,
    TotalRow,
)
from tests.ledger.ledger_support import MARKET, START, append, asynchronous, chain, create, forward, opened, submission


def results(attempt: int, meters: int = 3) -> list[ResultRow]:
    return [ResultRow(f"m{i}", 2**64 - 1 - i, i % 3, b"share %d %d" % (attempt, i), b"path") for i in range(meters)]


def totals(attempt: int) -> list[TotalRow]:
    return [TotalRow(f"s{i}", 5 + i, b"total %d %d" % (attempt, i)) for i in range(2)]


@asynchronous
async def test_results_are_kept_by_attempt(url):
    async with opened(url) as ledger:
        await create(ledger)
        for attempt in (1, 2):
            await ledger.put_results(MARKET, START, attempt, results(attempt)[::-1], totals(attempt)[::-1])
    async with opened(url) as ledger:
        for attempt in (1, 2):
            assert await ledger.results(MARKET, START, attempt) == results(attempt)
            assert await ledger.totals(MARKET, START, attempt) == totals(attempt)
            assert await ledger.result(MARKET, START, attempt, "m1") == results(attempt)[1]
        assert await ledger.result(MARKET, START, 3, "m1") is None
        assert await ledger.result(MARKET, START, 1, "m9") is None
        await ledger.keep_results(MARKET, START, 2)
        assert await ledger.results(MARKET, START, 1) == [] == await ledger.totals(MARKET, START, 1)
        assert await ledger.results(MARKET, START, 2) == results(2)


@asynchronous
async def test_an_attempt_has_one_set_of_results(url):
    async with opened(url) as ledger:
        await create(ledger)
        for _ in range(2):
            await ledger.put_results(MARKET, START, 1, results(1), totals(1))
        for other in (results(2), results(1, 2), results(1, 4), []):
            with pytest.raises(ContradictionError, match="results of attempt 1"):
                await ledger.put_results(MARKET, START, 1, other, totals(1))
        with pytest.raises(ContradictionError, match="totals of attempt 1"):
            await ledger.put_results(MARKET, START, 1, results(1), totals(2))
        assert await ledger.results(MARKET, START, 1) == results(1)
        assert await ledger.totals(MARKET, START, 1) == totals(1)
        with pytest.raises(LedgerError, match="no such round"):
            await ledger.put_results("nowhere", START, 1, results(1))


@asynchronous
async def test_records_form_a_chain(url):
    first, second, third = chain(3)
    async with opened(url) as ledger:
        for record in (first, second, third):
            await create(ledger, start=record.start)
        assert await ledger.last_record(MARKET) is None
        for record in (first, second):
            await append(ledger, record)
        assert await ledger.last_record(MARKET) == second
        wrong = [
            dataclasses.replace(third, previous=bytes(32)),
            dataclasses.replace(third, sequence=4),
            dataclasses.replace(third, sequence=2),
        ]
        for record in wrong:
            with pytest.raises(ContradictionError, match="record"):
                await append(ledger, record)
        await append(ledger, third)
        # a round has one record: the first that was made of it
        await append(ledger, dataclasses.replace(second, sequence=4, previous=third.digest, data=b"another"))
        with pytest.raises(LedgerError, match="no round"):
            await append(ledger, dataclasses.replace(third, start=START + 2700))
    async with opened(url) as ledger:
        assert await ledger.records(MARKET, 0, 10) == [first, second, third]
        assert await ledger.records(MARKET, 1, 1) == [second]
        assert await ledger.records(MARKET, 3, 10) == []


@asynchronous
async def test_a_record_that_could_not_be_appended_has_no_place_in_the_chain(url):
    first, second = chain(2)
    seen = []

    def fails(last: RecordRow | None) -> RecordRow:
        seen.append(last)
        raise LedgerFullError("the disk is full")

    async with opened(url) as ledger:
        for start in (START, START + 900, START + 1800):
            await create(ledger, start=start)
        with pytest.raises(LedgerFullError):
            await ledger.append_record(MARKET, START + 1800, fails)
        await append(ledger, first)
        await append(ledger, second)
        with pytest.raises(LedgerFullError):
            await ledger.append_record(MARKET, START + 1800, fails)
        assert seen == [None, second]
        assert await ledger.record(MARKET, START + 1800) is None
        await append(ledger, RecordRow(MARKET, 3, START + 1800, second.digest, bytes(32), b"record"))
        assert [each.sequence for each in await ledger.records(MARKET, 0, 10)] == [1, 2, 3]


@asynchronous
async def test_a_chain_may_be_joined_late_and_markets_have_their_own(url):
    other = chain(3, "other")
    async with opened(url) as ledger:
        await create(ledger)
        await append(ledger, chain(1)[0])
        for record in other:
            await create(ledger, "other", record.start)
        for record in other[1:]:
            await append(ledger, record)
        assert await ledger.last_record("other") == other[2]
        with pytest.raises(ContradictionError):
            await append(ledger, other[0])


@asynchronous
async def test_erasing_takes_what_was_sent_and_leaves_what_was_done(url):
    starts = [START, START + 900, START + 1800]
    async with opened(url) as ledger:
        for market, start in [(MARKET, start) for start in starts] + [("other", START)]:
            await create(ledger, market, start)
            row = submission(market=market, start=start)
            await ledger.store_submission(row, [dataclasses.replace(forward(2, start=start), market=market)])
            await ledger.put_message(market, start, "held", 0, b"list")
            await ledger.put_secret(market, start, "part", b"random")
            await ledger.put_results(market, start, 1, results(1), totals(1))
            await ledger.put_outcome(market, start, b"result")
        for start in (START, START + 1800):
            await ledger.set_state(MARKET, start, "open", "keep", finished=True)
        await append(ledger, chain(1)[0])
        # The second is not finished, the third too young.
        assert await ledger.erase(MARKET, START + 1800) == 1
        assert await ledger.erase(MARKET, START + 1800) == 0
        assert await left(ledger, MARKET, START) == [0] * 5
        for market, start in ((MARKET, START + 900), (MARKET, START + 1800), ("other", START)):
            assert await left(ledger, market, start) == [1, 1, 1, 3, 2]
        assert len(await ledger.pending_forwards(2, 10)) == 3
        assert len(await ledger.records(MARKET, 0, 10)) == 1
        # What was done is not forgotten: no second outcome, no second run.
        assert (await create(ledger, state="again")).state == "keep"
        with pytest.raises(ContradictionError):
            await ledger.put_outcome(MARKET, START, b"void")
        with pytest.raises(StateError):
            await ledger.set_state(MARKET, START, "open", "collect")


async def left(ledger, market: str, start: int) -> list[int]:
    return [
        len(await ledger.submissions(market, start)),
        len(await ledger.messages(market, start, "held")),
        int(await ledger.secret(market, start, "part") is not None),
        len(await ledger.results(market, start, 1)),
        len(await ledger.totals(market, start, 1)),
    ]


@asynchronous
async def test_an_erased_round_takes_nothing_in(url):
    """A submission that was late all along must not be the start of a second life."""
    async with opened(url) as ledger:
        await create(ledger)
        await ledger.set_state(MARKET, START, "open", "keep", finished=True)
        await ledger.erase(MARKET, START + 1)
        assert (await ledger.store_submission(submission())).storing is Storing.CLOSED
