"""Backups, and what a restored ledger refuses to do (parties.md, T10)."""

import asyncio
import shutil
import time

import pytest

from parties.ledger import ContradictionError, FencedError, LedgerError, RecordRow, ResultRow, Storing, back_up, restore
from tests.ledger.ledger_support import (
    MARKET,
    PARTY,
    START,
    append,
    asynchronous,
    chain,
    create,
    forward,
    opened,
    submission,
)

PEER = PARTY + 1
FINISHED, UNDER_WAY, MISSED = START, START + 900, START + 1800
KEY, PART = b"SEALING-" + bytes(range(32)), b"PART----" + bytes(range(32))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def fill(ledger) -> None:
    """One finished round and one under way, both opened in the past."""
    past = now_ms() - 3_600_000
    for start in (FINISHED, UNDER_WAY):
        await create(ledger, start=start, opens_ms=past)
        await ledger.store_submission(submission(start=start), [forward(0, start=start)])
        await ledger.put_message(MARKET, start, "held", PARTY, b"mine")
        await ledger.put_message(MARKET, start, "held", PEER, b"theirs")
        await ledger.put_secret(MARKET, start, "part", PART)
    await ledger.sealing_key("2026-11-21", lambda: KEY)
    await ledger.put_roll(MARKET, 3, b"roll")
    await ledger.put_outcome(MARKET, FINISHED, b"result")
    await ledger.put_results(MARKET, FINISHED, 1, [ResultRow("m", 1, 0, b"share", b"path")])
    await ledger.set_state(MARKET, FINISHED, "open", "keep", finished=True)
    for record in chain(2):
        await append(ledger, record)


async def check_restored(ledger) -> None:
    """What must be there, and what must not happen."""
    assert await ledger.outcome(MARKET, FINISHED) == b"result"
    assert len(await ledger.results(MARKET, FINISHED, 1)) == 1
    assert len(await ledger.records(MARKET, 0, 10)) == 2
    assert await ledger.roll(MARKET, 3) == b"roll"
    # Secrets that were of use only in rounds under way.
    assert await ledger.secret(MARKET, FINISHED, "part") is None
    assert await ledger.sealing_key("2026-11-21", lambda: b"new key") == b"new key"
    assert not (await ledger.round(MARKET, FINISHED)).fenced
    assert await ledger.has_said(MARKET, UNDER_WAY)
    assert not await ledger.unfence(MARKET, UNDER_WAY, "open")
    (under_way,) = await ledger.unfinished_rounds()
    assert (under_way.start, under_way.fenced, under_way.collecting) == (UNDER_WAY, True, False)
    # A round that the backup has never seen, but the party may have taken part in.
    missed = await create(ledger, start=MISSED, opens_ms=now_ms() - 60_000)
    assert (missed.fenced, missed.collecting) == (True, False)
    for start in (UNDER_WAY, MISSED):
        signs = [
            ledger.put_message(MARKET, start, "set-signature", PARTY, b"mine"),
            ledger.put_secret(MARKET, start, "part", b"redrawn"),
            ledger.put_outcome(MARKET, start, b"void"),
        ]
        if start == MISSED:  # what was in the chain before stays there
            signs.append(append(ledger, RecordRow(MARKET, 3, start, bytes(32), bytes(32), b"record")))
        for sign in signs:
            with pytest.raises(FencedError, match=f"round {start} of market {MARKET} opened before this ledger was"):
                await sign
        assert (await ledger.store_submission(submission("late", start=start))).storing is Storing.CLOSED
        # What others have signed may still be gathered, and the round be ended.
        await ledger.put_message(MARKET, start, "outcome", PEER, b"void")
        await ledger.set_state(MARKET, start, "open", "keep", finished=True)


async def check_goes_on(ledger) -> None:
    """The next round that opens is like any other."""
    later = START + 2700
    row = await create(ledger, start=later, opens_ms=now_ms() + 60_000)
    assert not row.fenced
    await ledger.put_secret(MARKET, later, "part", b"drawn")
    await ledger.put_message(MARKET, later, "held", PARTY, b"mine")
    assert (await ledger.store_submission(submission(start=later))).storing is Storing.NEW
    await ledger.put_outcome(MARKET, later, b"result")
    # So is one in which the party finds out that it has said nothing.
    away = START + 3600
    assert (await create(ledger, start=away, opens_ms=now_ms() - 60_000)).fenced
    await ledger.put_message(MARKET, away, "held", PEER, b"theirs")
    assert not await ledger.has_said(MARKET, away)
    assert not await ledger.unfence(MARKET, away, "keep")
    assert await ledger.unfence(MARKET, away, "open")
    row = await ledger.round(MARKET, away)
    assert (row.fenced, row.collecting) == (False, True)
    await ledger.put_outcome(MARKET, away, b"result")


@asynchronous
async def test_a_restored_backup_signs_nothing_that_may_be_signed_already(tmp_path):
    backup = tmp_path / "backup.db"
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        await fill(ledger)
        await back_up(f"sqlite:///{tmp_path}/ledger.db", backup)
        # The original goes on, unfenced.
        await ledger.put_message(MARKET, UNDER_WAY, "set-signature", PARTY, b"signed after the backup")
        assert await ledger.secret(MARKET, UNDER_WAY, "part") == PART
    url = f"sqlite:///{backup}"
    async with opened(url) as ledger:
        await check_restored(ledger)
    async with opened(url) as ledger:
        await check_goes_on(ledger)
        assert (await ledger.round(MARKET, UNDER_WAY)).fenced


@asynchronous
async def test_a_backup_holds_no_keys(tmp_path):
    backup = tmp_path / "backup.db"
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        await fill(ledger)
        await back_up(f"sqlite:///{tmp_path}/ledger.db", backup)
        assert KEY in (tmp_path / "ledger.db-wal").read_bytes() + (tmp_path / "ledger.db").read_bytes()
    assert KEY not in backup.read_bytes()
    assert PART not in backup.read_bytes()


@asynchronous
async def test_a_backup_is_made_while_the_ledger_is_used(tmp_path):
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        await create(ledger)
        before = [submission(f"a{i}") for i in range(500)]
        await asyncio.gather(*map(ledger.store_submission, before))
        meanwhile = [asyncio.create_task(ledger.store_submission(submission(f"b{i}"))) for i in range(1000)]
        await back_up(f"sqlite:///{tmp_path}/ledger.db", tmp_path / "backup.db")
        assert {(await task).storing for task in meanwhile} == {Storing.NEW}
    async with opened(f"sqlite:///{tmp_path}/backup.db") as ledger:
        held = {row.meter for row in await ledger.submissions(MARKET, START)}
        assert {row.meter for row in before} <= held


@asynchronous
async def test_a_backup_overwrites_nothing_and_leaves_nothing_else(tmp_path):
    async with opened(f"sqlite:///{tmp_path}/ledger.db"):
        await back_up(f"sqlite:///{tmp_path}/ledger.db", tmp_path / "backup.db")
        first = (tmp_path / "backup.db").read_bytes()
        with pytest.raises(LedgerError, match="there is a file of this name already"):
            await back_up(f"sqlite:///{tmp_path}/ledger.db", tmp_path / "backup.db")
        with pytest.raises(LedgerError, match="cannot be opened or written"):
            await back_up(f"sqlite:///{tmp_path}/ledger.db", tmp_path / "nowhere" / "backup.db")
    assert (tmp_path / "backup.db").read_bytes() == first
    assert {path.name for path in tmp_path.iterdir()} == {"ledger.db", "ledger.db.lock", "backup.db"}


@asynchronous
async def test_a_clock_that_is_behind_lets_no_known_round_in(tmp_path, monkeypatch):
    opens_ms = now_ms()
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        await create(ledger, opens_ms=opens_ms)
        await back_up(f"sqlite:///{tmp_path}/ledger.db", tmp_path / "backup.db")
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    async with opened(f"sqlite:///{tmp_path}/backup.db") as ledger:
        assert (await create(ledger, opens_ms=opens_ms)).fenced
        assert (await create(ledger, "other", opens_ms=opens_ms - 1)).fenced


@asynchronous
async def test_a_ledger_restored_by_other_means_is_fenced_by_its_keeper(url):
    async with opened(url) as ledger:
        await fill(ledger)
        assert await ledger.fence() == 1
        await check_restored(ledger)
    async with opened(url) as ledger:
        await check_goes_on(ledger)


@asynchronous
async def test_a_bare_copy_is_why_there_are_backups(tmp_path):
    """It does not know that it was restored: only the messages that it still has are protected."""
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        await fill(ledger)
    shutil.copy(tmp_path / "ledger.db", tmp_path / "copy.db")
    async with opened(f"sqlite:///{tmp_path}/copy.db") as ledger:
        assert not (await ledger.round(MARKET, UNDER_WAY)).fenced
        with pytest.raises(ContradictionError):
            await ledger.put_message(MARKET, UNDER_WAY, "held", PARTY, b"another")


@asynchronous
async def test_a_ledger_at_rest_is_backed_up_too(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with opened(url) as ledger:
        await fill(ledger)
    await back_up(url, tmp_path / "backup.db")
    async with opened(f"sqlite:///{tmp_path}/backup.db") as ledger:
        await check_restored(ledger)
    with pytest.raises(LedgerError, match=r"nowhere\.db: there is no such file"):
        await back_up(f"sqlite:///{tmp_path}/nowhere.db", tmp_path / "backup2.db")
    assert {path.name for path in tmp_path.iterdir()} == {
        name + suffix for name in ("ledger.db", "backup.db") for suffix in ("", ".lock")
    }


@asynchronous
async def test_a_server_has_backups_of_its_own(tmp_path):
    with pytest.raises(LedgerError, match="the server's tools"):
        await back_up("postgresql://someone@host/ledger", tmp_path / "backup.db")


@pytest.mark.parametrize("made", ["by back_up", "by other means"])
@asynchronous
async def test_what_is_restored_is_fenced(tmp_path, made):
    """Also a bare copy of the file, which does not know that it is one."""
    url, backup = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "backup.db"
    async with opened(url) as ledger:
        await fill(ledger)
        if made == "by back_up":
            await back_up(url, backup)
    if made == "by other means":
        shutil.copy(tmp_path / "ledger.db", backup)
    before = backup.read_bytes()
    (tmp_path / "ledger.db").unlink()
    await restore(backup, url, PARTY)
    assert (tmp_path / "ledger.db").stat().st_mode & 0o077 == 0
    assert KEY not in (tmp_path / "ledger.db").read_bytes()
    assert backup.read_bytes() == before  # it can be restored again
    async with opened(url) as ledger:
        await check_restored(ledger)
        await check_goes_on(ledger)
    assert {path.name for path in tmp_path.iterdir()} == {"ledger.db", "ledger.db.lock", "backup.db"}


@asynchronous
async def test_what_is_not_restored(tmp_path):
    url, backup = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "backup.db"
    async with opened(url) as ledger:
        await fill(ledger)
        await back_up(url, backup)
        with pytest.raises(LedgerError, match=r"ledger\.db, ledger\.db-wal, ledger\.db-shm is there already"):
            await restore(backup, url, PARTY)
    with pytest.raises(LedgerError, match="stop the party and move it away"):
        await restore(backup, url, PARTY)
    empty, garbage, other = tmp_path / "empty.db", tmp_path / "garbage.db", f"sqlite:///{tmp_path}/other.db"
    empty.write_bytes(b"")
    garbage.write_bytes(b"no database " * 1000)
    for source, party, reason in (
        (backup, PEER, f"it is the ledger of party {PARTY}, not of party {PEER}"),
        (empty, PARTY, "no ledger that a party has used"),
        (garbage, PARTY, "damaged or no ledger at all"),
        (tmp_path / "nowhere.db", PARTY, "there is no such file"),
        (tmp_path, PARTY, "there is no such file"),
    ):
        with pytest.raises(LedgerError, match=reason):
            await restore(source, other, party)
        assert not (tmp_path / "other.db").exists()
    with pytest.raises(LedgerError, match="the server's tools"):
        await restore(backup, "postgresql://someone@host/ledger", PARTY)
