"""One ledger shared by several processes: what binds them is the database, whatever each of them believes.

Every ledger here has connections of its own, as processes have: the server cannot tell the difference.
"""

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from parties.ledger import (
    QUOTA,
    ROUNDS,
    SUBMISSIONS,
    DisputeRow,
    InUseError,
    Ledger,
    LedgerError,
    NotReadyError,
    SchemaError,
    Stored,
    Storing,
    TariffRow,
)
from parties.ledger import submissions as storing
from tests.ledger.ledger_support import MARKET, PARTY, START, asynchronous, create, forward, submission

REPLICAS = 3


@pytest.fixture
def url(postgres) -> str:
    return postgres.emptied()


@contextlib.asynccontextmanager
async def shared(url: str) -> AsyncIterator[tuple[Ledger, list[Ledger]]]:
    """The owner, and those beside it."""
    async with contextlib.AsyncExitStack() as stack:
        ledgers = []
        for k in range(1 + REPLICAS):
            ledgers.append(await (Ledger.share if k else Ledger.open)(url, PARTY))
            stack.push_async_callback(ledgers[-1].close)
        yield ledgers[0], ledgers[1:]


# --- the gate


@asynchronous
async def test_the_gate_waits_for_what_is_being_stored_and_nothing_comes_after_it(url, monkeypatch):
    """A replica has seen that the round collects, and has not committed yet: the moment at which it would go wrong."""
    seen, goes_on = asyncio.Event(), asyncio.Event()
    held_of = storing._held

    async def slowly(connection, rows):
        held = await held_of(connection, rows)
        seen.set()
        await goes_on.wait()
        return held

    async with shared(url) as (owner, (replica, *_)):
        await create(owner)
        monkeypatch.setattr(storing, "_held", slowly)
        first = asyncio.ensure_future(replica.store_submission(submission("anna")))
        await seen.wait()
        closing = asyncio.ensure_future(owner.close_intake(MARKET, START))
        done, _ = await asyncio.wait([closing], timeout=0.5)
        goes_on.set()
        assert not done, "the intake closes while something is being stored"
        await closing
        assert (await first).storing is Storing.NEW
        assert [held.meter for held in await owner.submissions(MARKET, START)] == ["anna"]
        assert await replica.store_submission(submission("ben")) == Stored(Storing.CLOSED)


@asynchronous
async def test_every_receipt_is_in_what_the_owner_reads_after_the_gate(url):
    """Round after round, all replicas store without a pause while the owner closes."""
    given = 0
    async with shared(url) as (owner, replicas):
        for start in range(START, START + 900 * 12, 900):
            await create(owner, start=start)
            receipts: set[bytes] = set()
            refused = [asyncio.Event() for _ in replicas]

            async def send(k: int, start: int, receipts: set[bytes], refused: asyncio.Event) -> None:
                number = 0
                while not refused.is_set():
                    number += 1
                    row = submission(f"{k}-{number}", start=start)
                    stored = await replicas[k % REPLICAS].store_submission(row)
                    if stored.storing is Storing.CLOSED:
                        assert stored.receipt is None
                        refused.set()
                    else:
                        receipts.add(stored.receipt)

            senders = [
                asyncio.ensure_future(send(k, start, receipts, refused[k % REPLICAS])) for k in range(4 * REPLICAS)
            ]
            while not receipts:
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.013 * ((start - START) // 900 % 4))
            await owner.close_intake(MARKET, start)
            held = {each.receipt for each in await owner.submissions(MARKET, start)}
            await asyncio.gather(*senders)
            assert receipts == held
            assert len(await owner.submissions(MARKET, start)) == len(held), "something was stored after the gate"
            given += len(receipts)
    assert given > 100


# --- who was first


@asynchronous
async def test_one_header_sent_to_all_replicas_at_once_gets_one_receipt(url):
    async with shared(url) as (owner, replicas):
        await create(owner)
        for k in range(8):
            row = submission("anna", k + 1)
            rows = [dataclasses.replace(row, receipt=f"receipt {k} of {each}".encode()) for each in range(REPLICAS)]
            answers = await asyncio.gather(
                *(each.store_submission(one, [forward(0)]) for each, one in zip(replicas, rows, strict=True))
            )
            assert len({answer.receipt for answer in answers}) == 1
            assert sorted(answer.storing for answer in answers) == [Storing.NEW, *[Storing.SAME] * (REPLICAS - 1)]
        held = await owner.submissions(MARKET, START)
        assert [each.number for each in held] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert len(await owner.pending_forwards(0, 100)) == 8, "a seal is forwarded once"


@asynchronous
async def test_two_headers_with_one_number_at_two_replicas_contradict_each_other(url):
    async with shared(url) as (owner, replicas):
        await create(owner)
        for number in range(1, 6):
            rows = [submission("anna", number) for _ in replicas]
            answers = await asyncio.gather(
                *(each.store_submission(row) for each, row in zip(replicas, rows, strict=True))
            )
            assert sorted(answer.storing for answer in answers) == [*[Storing.CONTRADICTS] * 2, Storing.NEW]
        held = await owner.submissions(MARKET, START)
        assert [(each.number, each.contradicts) for each in held] == [
            (n, c) for n in range(1, 6) for c in (False, True)
        ]


@asynchronous
async def test_batches_of_the_same_meters_in_other_sequences_do_not_lock_each_other_up(url):
    """Two transactions that insert the same keys the other way round would: the server would end one after a second."""
    async with shared(url) as (owner, replicas):
        await create(owner)
        for _ in range(3):
            rows = [submission(f"m{secrets.token_hex(8)}") for _ in range(400)]
            orders = (rows, rows[::-1], rows[200:] + rows[:200])
            answers = await asyncio.gather(
                *(each.store_submission(row) for each, some in zip(replicas, orders, strict=True) for row in some)
            )
            assert [answer.storing for answer in answers].count(Storing.NEW) == len(rows)
            assert {answer.receipt for answer in answers} == {row.receipt for row in rows}


@asynchronous
async def test_a_meter_has_its_quota_at_all_replicas_together(url):
    async with shared(url) as (owner, replicas):
        await create(owner)
        for number in range(1, QUOTA + 1):
            assert (await replicas[number % REPLICAS].store_submission(submission("anna", number))).receipt is not None
        for replica in replicas:
            assert await replica.store_submission(submission("anna", QUOTA + 1)) == Stored(Storing.FULL)
        assert (await replicas[0].store_submission(submission("ben"))).storing is Storing.NEW
        assert len(await owner.submissions(MARKET, START)) == QUOTA + 1


# --- what a replica may write


@asynchronous
async def test_only_the_owner_writes_what_the_party_says(url):
    async with shared(url) as (owner, (replica, *_)):
        await create(owner)
        for forbidden in (
            create(replica, start=START + 900),
            replica.set_state(MARKET, START, "open", "closed"),
            replica.close_intake(MARKET, START),
            replica.put_message(MARKET, START, "held", PARTY, b"a list"),
            replica.put_outcome(MARKET, START, b"an outcome"),
            replica.put_secret(MARKET, START, "part", b"a part"),
            replica.put_results(MARKET, START, 1, [], []),
            replica.sealing_key("2026-11-26", lambda: b"a key"),
            replica.put_roll(MARKET, 1, b"a roll"),
            replica.forwards_done([1]),
            replica.fence(),
        ):
            with pytest.raises(LedgerError, match="only the process that drives the rounds"):
                await forbidden
        assert await replica.put_tariff(TariffRow(MARKET, "sun", 1, START, START + 900, b"a tariff"))
        assert await owner.tariff(MARKET, "sun", 1) is not None
        await replica.check()


@asynchronous
async def test_a_tariff_published_at_all_replicas_at_once_is_one(url):
    async with shared(url) as (_, replicas):
        for number in range(1, 6):
            row = TariffRow(MARKET, "sun", number, START, START + 900, b"a tariff")
            assert sorted(await asyncio.gather(*(each.put_tariff(row) for each in replicas))) == [False, False, True]


class SecondError(Exception):
    """What a check raises if there is a tariff already."""


def only_one(before):
    if before:
        raise SecondError


@asynchronous
async def test_the_second_of_two_tariffs_published_at_once_is_checked_with_the_first(url):
    """One replica has looked at what there is, and has not committed yet: the moment at which both might be taken."""
    first = TariffRow(MARKET, "sun", 1, START, START + 900, b"a tariff")

    async def waiting() -> int:
        return await stranger.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")

    async def until(condition) -> None:
        async with asyncio.timeout(30):
            while not await condition():
                await asyncio.sleep(0.01)

    async with shared(url) as (owner, (one, other, *_)):
        stranger = await asyncpg.connect(url)
        try:
            # an insert of the same key waits until it is known what becomes of this one
            stalled = stranger.transaction()
            await stalled.start()
            row = dataclasses.astuple(dataclasses.replace(first, number=1 - 2**63))  # as the column stores it
            await stranger.execute("INSERT INTO tariffs VALUES ($1, $2, $3, $4, $5, $6)", *row)
            tasks = [asyncio.ensure_future(one.put_tariff(first, only_one))]

            async def is_stalled() -> bool:
                return await waiting() == len(tasks) or tasks[-1].done()

            await until(is_stalled)
            tasks.append(asyncio.ensure_future(other.put_tariff(dataclasses.replace(first, number=2), only_one)))
            await until(is_stalled)
            assert not any(task.done() for task in tasks), "it is decided on while another one is being taken"
            await stalled.rollback()
        finally:
            await stranger.close()
        taken, refused = await asyncio.gather(*tasks, return_exceptions=True)
        assert taken is True
        assert isinstance(refused, SecondError)
        assert await owner.tariffs(MARKET, START) == [first]


@asynchronous
async def test_a_dispute_sent_to_all_replicas_at_once_is_kept_as_it_came_first(url):
    async with shared(url) as (owner, replicas):
        rows = [DisputeRow(MARKET, "anna", 1, b"digest", b"a request", now) for now in range(REPLICAS)]
        kept = await asyncio.gather(*(each.put_dispute(row) for each, row in zip(replicas, rows, strict=True)))
        assert set(kept) == {await owner.dispute(MARKET, "anna", 1)}


def test_a_file_cannot_be_shared(tmp_path):
    with pytest.raises(LedgerError, match="only a PostgreSQL database can"):
        asyncio.run(Ledger.share(f"sqlite:///{tmp_path}/ledger.db", PARTY))


# --- upgrades, restores


@asynchronous
async def test_a_replica_comes_after_the_owner_has_made_the_ledger(url):
    with pytest.raises(NotReadyError):
        await Ledger.share(url, PARTY)
    await (await Ledger.open(url, PARTY)).close()
    replica = await Ledger.share(url, PARTY)
    assert not await replica.is_owned()
    owner = await Ledger.open(url, PARTY)
    assert await replica.is_owned()
    with pytest.raises(LedgerError, match="it is the ledger of party 1, not of party 2"):
        await Ledger.share(url, PARTY + 1)
    await owner.close()
    await replica.close()


@pytest.mark.parametrize(("version", "error"), [("v0001", NotReadyError), ("v9999", SchemaError)])
@asynchronous
async def test_a_replica_of_another_version_is_refused(url, version, error):
    owner = await Ledger.open(url, PARTY)
    await owner._database.write(
        lambda connection: connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))
    )
    with pytest.raises(error):
        await Ledger.share(url, PARTY)
    await owner.close()


@asynchronous
async def test_nothing_is_upgraded_or_fenced_under_the_feet_of_a_replica(url):
    async with shared(url) as (owner, _):
        with pytest.raises(InUseError, match="fenced: intake replicas of this party are running"):
            await owner.fence()
        await owner._database.write(
            lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = 'v0001'"))
        )
        await owner.close()
        with pytest.raises(InUseError, match="upgraded: intake replicas of this party are running"):
            await Ledger.open(url, PARTY)


# --- news


@asynchronous
async def test_the_owner_tells_of_rounds_and_replicas_of_submissions(url):
    async with shared(url) as (owner, (replica, *_)), replica.news(ROUNDS) as rounds, owner.news(SUBMISSIONS) as sent:
        await create(owner)
        assert await rounds.next() == {(MARKET, START)}
        await replica.store_submission(submission("anna"))
        assert await sent.next() == {(MARKET, START)}
        await replica.store_submission(submission("anna"))
        assert await sent.next(0.2) == set(), "nothing new was stored"
        await owner.set_state(MARKET, START, "open", "on")
        assert await rounds.next() == {(MARKET, START)}
        await owner.close_intake(MARKET, START)
        assert await rounds.next() == {(MARKET, START)}


@asynchronous
async def test_who_is_cut_off_from_the_news_notices(url, postgres):
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'"
    async with shared(url) as (_, (replica, *_)), replica.news(ROUNDS) as news:
        hearing = asyncio.ensure_future(news.next())
        await asyncio.to_thread(postgres.execute, cut)
        with pytest.raises(LedgerError, match="no connection"):
            await hearing
