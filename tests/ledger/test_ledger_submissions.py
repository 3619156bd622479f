"""Submissions and forwards: what becomes of each, alone and in a batch."""

import asyncio
import dataclasses
import gc

import pytest
from sqlalchemy import text

from parties.ledger import LedgerError, Stored, Storing
from tests.ledger.ledger_support import MARKET, START, asynchronous, create, forward, opened, submission

MAX = 2**64 - 1

SLOW = text("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000) SELECT count(*) FROM n")
"""A statement that takes a while."""


@asynchronous
async def test_a_submission_is_stored_with_its_receipt(url):
    row = submission(number=7)
    async with opened(url) as ledger:
        await create(ledger)
        assert await ledger.store_submission(row) == Stored(Storing.NEW, row.receipt)
        assert await ledger.submission(MARKET, START, row.meter, 8) is None
    async with opened(url) as ledger:
        (held,) = await ledger.submissions(MARKET, START)
        assert held == await ledger.submission(MARKET, START, row.meter, 7)
        for name in ("meter", "number", "header", "header_digest", "signature", "received_ms", "receipt"):
            assert getattr(held, name) == getattr(row, name)
        assert not held.contradicts
        assert await ledger.submission_words(MARKET, START, [(row.meter, 7)]) == [row.words]


@asynchronous
async def test_sent_again_it_gets_the_first_receipt(url):
    row = submission()
    again = dataclasses.replace(row, receipt=b"a later receipt", received_ms=row.received_ms + 5)
    async with opened(url) as ledger:
        await create(ledger)
        together = await asyncio.gather(*(ledger.store_submission(one) for one in (row, again)))
        assert together == [Stored(Storing.NEW, row.receipt), Stored(Storing.SAME, row.receipt)]
        assert await ledger.store_submission(again) == Stored(Storing.SAME, row.receipt)
        # Also when a higher number has replaced it: the client may have missed the answer.
        await ledger.store_submission(submission(number=2))
        assert await ledger.store_submission(again) == Stored(Storing.SAME, row.receipt)
        assert len(await ledger.submissions(MARKET, START)) == 2


@asynchronous
async def test_a_lower_number_is_not_stored(url):
    async with opened(url) as ledger:
        await create(ledger)
        await ledger.store_submission(submission(number=MAX))
        for number in (1, MAX - 1):
            assert await ledger.store_submission(submission(number=number)) == Stored(Storing.LOWER)
        assert [held.number for held in await ledger.submissions(MARKET, START)] == [MAX]


@pytest.mark.parametrize("together", [True, False])
@asynchronous
async def test_two_headers_with_one_number_are_both_held(url, together):
    first, second, third = (submission(number=3) for _ in range(3))
    async with opened(url) as ledger:
        await create(ledger)
        if together:
            answers = await asyncio.gather(*(ledger.store_submission(row) for row in (first, second, third, second)))
        else:
            answers = [await ledger.store_submission(row) for row in (first, second, third, second)]
        assert answers == [Stored(Storing.NEW, first.receipt)] + [Stored(Storing.CONTRADICTS)] * 3
        held = await ledger.submissions(MARKET, START)
        assert [(one.header, one.signature, one.contradicts) for one in held] == [
            (first.header, first.signature, False),
            (second.header, second.signature, True),
        ]
        assert [one.receipt for one in held] == [first.receipt, None]
        assert await ledger.submission_words(MARKET, START, [(first.meter, 3)]) == [first.words]
        assert (await ledger.submission(MARKET, START, first.meter, 3)).header == first.header


@asynchronous
async def test_every_row_of_a_batch_gets_its_own_answer(url):
    """Rounds, markets, meters and numbers mixed in one batch, in an order that matters."""
    async with opened(url) as ledger:
        for market, start in ((MARKET, START), ("other", START), (MARKET, START + 900)):
            await create(ledger, market, start)
        await ledger.close_intake(MARKET, START + 900)
        first = submission("a", 2)
        rows = [
            (first, Storing.NEW),
            (submission("a", 1), Storing.LOWER),
            (submission("a", 2, market="other"), Storing.NEW),
            (submission("a", 1, market="nowhere"), Storing.CLOSED),
            (submission("b", 1), Storing.NEW),
            (submission("a", 9, start=START + 900), Storing.CLOSED),
            (submission("a", 5), Storing.NEW),
            (submission("a", 3), Storing.LOWER),
            (first, Storing.SAME),
            (submission("a", 5), Storing.CONTRADICTS),
        ]
        answers = await asyncio.gather(*(ledger.store_submission(row) for row, _ in rows))
        assert [answer.storing for answer in answers] == [storing for _, storing in rows]
        held = [(one.meter, one.number, one.contradicts) for one in await ledger.submissions(MARKET, START)]
        assert held == [("a", 2, False), ("a", 5, False), ("a", 5, True), ("b", 1, False)]
        assert [one.number for one in await ledger.submissions("other", START)] == [2]


@asynchronous
async def test_more_rows_than_one_batch_holds(url):
    rows = [submission(f"m{i:04d}") for i in range(1300)]
    async with opened(url) as ledger:
        await create(ledger)
        answers = await asyncio.gather(*map(ledger.store_submission, rows))
        assert {answer.storing for answer in answers} == {Storing.NEW}
        assert [one.header for one in await ledger.submissions(MARKET, START)] == [row.header for row in rows]
        backwards = [(row.meter, 1) for row in rows[::-1]]
        assert await ledger.submission_words(MARKET, START, backwards) == [row.words for row in rows[::-1]]
        assert ledger.waiting == 0


@asynchronous
async def test_words_that_are_not_held_are_missed(url):
    async with opened(url) as ledger:
        await create(ledger)
        await ledger.store_submission(submission("secretive", 1))
        with pytest.raises(LedgerError, match="2 of 3 submissions are not held") as missing:
            await ledger.submission_words(MARKET, START, [("secretive", 1), ("secretive", 2), ("elsewhere", 1)])
        assert "secretive" not in str(missing.value)
        assert await ledger.submission_words(MARKET, START, []) == []


@asynchronous
async def test_a_row_that_cannot_be_stored_is_nobody_elses_trouble(url):
    """The service checks what it stores; should something slip through, the others in its batch must not suffer."""
    good = [submission(f"m{i}") for i in range(5)]
    bad = dataclasses.replace(submission("bad"), received_ms=2**63)
    async with opened(url) as ledger:
        await create(ledger)
        rows = [*good[:3], bad, *good[3:]]
        answers = await asyncio.gather(*map(ledger.store_submission, rows), return_exceptions=True)
        assert [getattr(answer, "storing", None) for answer in answers] == [*["new"] * 3, None, *["new"] * 2]
        assert isinstance(answers[3], LedgerError)
        assert len(await ledger.submissions(MARKET, START)) == 5


@asynchronous
async def test_meters_have_any_name_byte_for_byte(url):
    names = ["é", "e\u0301", "E", "e", "ß", "𝄞", "a" * 64, "' OR 1=1 --", "%", "_"]
    async with opened(url) as ledger:
        await create(ledger)
        answers = await asyncio.gather(*(ledger.store_submission(submission(name)) for name in names))
        assert {answer.storing for answer in answers} == {Storing.NEW}
        held = [one.meter for one in await ledger.submissions(MARKET, START)]
        assert held == sorted(names, key=str.encode)


@asynchronous
async def test_after_closing_every_receipt_is_in_the_list(url):
    """Whatever was answered NEW before or while the gate closed is held; afterwards nothing is added."""
    async with opened(url) as ledger:
        await create(ledger)
        early = [asyncio.create_task(ledger.store_submission(submission(f"m{i}"))) for i in range(50)]
        await asyncio.sleep(0.005)
        late = [asyncio.create_task(ledger.store_submission(submission(f"n{i}"))) for i in range(50)]
        await ledger.close_intake(MARKET, START)
        held = {one.receipt for one in await ledger.submissions(MARKET, START)}
        answers = await asyncio.gather(*early, *late, ledger.store_submission(submission("after")))
        assert {answer.receipt for answer in answers if answer.storing is Storing.NEW} == held
        assert answers[-1] == Stored(Storing.CLOSED)
        await ledger.close_intake(MARKET, START)
        assert not (await ledger.round(MARKET, START)).collecting


@asynchronous
async def test_who_hangs_up_breaks_nothing_off(url):
    async with opened(url) as ledger:
        await create(ledger)
        tasks = [asyncio.create_task(ledger.store_submission(submission(f"m{i}"))) for i in range(20)]
        tasks.append(asyncio.create_task(ledger.put_message(MARKET, START, "held", 0, b"list")))
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in done[::2]} == {asyncio.CancelledError}
        await ledger.close_intake(MARKET, START)
        assert len(await ledger.submissions(MARKET, START)) == 20
        assert await ledger.message(MARKET, START, "held", 0) == b"list"


@asynchronous
async def test_a_reader_who_hangs_up_leaves_the_others_reading(url):
    async with opened(url) as ledger:
        await create(ledger)
        await asyncio.gather(*(ledger.store_submission(submission(f"m{i}")) for i in range(300)))
        for _ in range(10):
            task = asyncio.create_task(ledger.submissions(MARKET, START))
            await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert len(await ledger.submissions(MARKET, START)) == 300


@asynchronous
async def test_a_reader_who_hangs_up_again_leaves_no_task_behind(tmp_path):
    """Whoever gathers from two peers and is cancelled, cancels the slower one twice (`together`)."""
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        for pause in (0, 0.005):
            task = asyncio.create_task(ledger._database.read(SLOW))
            await asyncio.sleep(0.02)
            for _ in range(2):
                task.cancel()
                await asyncio.sleep(pause)
            assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
            del task
        await asyncio.sleep(0.3)  # the statements are over, and so is all that was waiting for them
        gc.collect()
    assert complaints == []


@asynchronous
async def test_closing_stores_what_waits(url):
    async with opened(url) as ledger:
        await create(ledger)
        tasks = [asyncio.create_task(ledger.store_submission(submission(f"m{i}"))) for i in range(20)]
        await asyncio.sleep(0)
        await ledger.close()
        assert {(await task).storing for task in tasks} == {Storing.NEW}
        with pytest.raises(LedgerError, match="closed"):
            await ledger.store_submission(submission())
        with pytest.raises(LedgerError, match="closed"):
            await ledger.round(MARKET, START)
        await ledger.close()
    async with opened(url) as ledger:
        assert len(await ledger.submissions(MARKET, START)) == 20


@asynchronous
async def test_forwards_wait_until_they_are_done(url):
    row = submission("a", 2)
    async with opened(url) as ledger:
        await create(ledger)
        await ledger.store_submission(row, [forward(0, b"one"), forward(2, b"two")])
        await ledger.store_submission(submission("b"), [forward(2, b"three")])
        # The same again may name a party that its meter could not reach meanwhile; what is refused is not passed on.
        await ledger.store_submission(row, [forward(2, b"again")])
        await ledger.store_submission(submission("a", 2), [forward(2, b"contradicting")])
        await ledger.store_submission(submission("a", 1), [forward(2, b"lower")])
    async with opened(url) as ledger:
        waiting = await ledger.pending_forwards(2, 10)
        assert [(one.market, one.start, one.party, one.data) for one in waiting] == [
            (MARKET, START, 2, b"two"),
            (MARKET, START, 2, b"three"),
            (MARKET, START, 2, b"again"),
        ]
        assert [one.data for one in await ledger.pending_forwards(2, 1)] == [b"two"]
        assert [one.data for one in await ledger.pending_forwards(0, 10)] == [b"one"]
        await ledger.forwards_done(one.id for one in waiting)
        await ledger.forwards_done([one.id for one in waiting])
        await ledger.forwards_done([])
        assert await ledger.pending_forwards(2, 10) == []
        # A new one never gets the id of an old one: "done" may be said late, and again.
        await ledger.store_submission(submission("c"), [forward(2, b"four")])
        (new,) = await ledger.pending_forwards(2, 10)
        assert new.id not in {one.id for one in waiting}
