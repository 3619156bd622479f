"""Opening: wrong URLs, files and servers are refused clearly; migrations agree with the tables."""

import asyncio
import contextlib
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from parties.ledger import Ledger, LedgerError, SchemaError, back_up
from parties.ledger.database import Database
from parties.ledger.migrate import migrate
from parties.ledger.place import Place
from parties.ledger.schema import metadata
from tests.ledger.ledger_support import MARKET, PARTY, START, asynchronous, create, opened, submission
from tests.postgres import cluster


async def in_its_database(url: str, work):
    """What `work` returns of a connection to the tables of a ledger."""
    async with opened(url) as ledger:
        return await ledger._database.write(lambda connection: connection.run_sync(work))


# --- migrations ----------------------------------------------------------------------------------------------


@asynchronous
async def test_migrations_make_the_tables_of_the_schema(url):
    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, metadata)

    assert await in_its_database(url, differences) == []


@asynchronous
async def test_names_of_keys_are_those_of_the_schema(url):
    """What autogenerate does not compare."""

    def names(connection):
        found = inspect(connection)
        return {
            table: (found.get_pk_constraint(table)["name"], *(key["name"] for key in found.get_foreign_keys(table)))
            for table in metadata.tables
        }

    expected = {
        name: (table.primary_key.name, *(key.name for key in table.foreign_key_constraints))
        for name, table in metadata.tables.items()
    }
    if url.startswith("sqlite"):
        # It counts the ids of this table itself, and then knows no name of its key.
        expected["forwards"] = (None, "fk_forwards")
    assert await in_its_database(url, names) == expected


def test_a_missing_column_would_be_noticed(tmp_path):
    """The comparison above can fail."""
    engine = create_engine(f"sqlite:///{tmp_path}/wrong.db")
    with engine.begin() as connection:
        migrate(connection)
        connection.exec_driver_sql("ALTER TABLE rounds DROP COLUMN erased")
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert [(change[0], change[3].name) for change in found] == [("add_column", "erased")]


@asynchronous
async def test_a_second_start_changes_nothing(url):
    async with opened(url) as ledger:
        await create(ledger)
        path = ledger.path
    before = path.read_bytes() if path else await in_its_database(url, content)
    async with opened(url) as ledger:
        assert await ledger.round(MARKET, START) is not None
    assert before == (path.read_bytes() if path else await in_its_database(url, content))


def content(connection):
    """Every row, with the transaction that wrote it."""
    return {
        name: connection.exec_driver_sql(f"SELECT xmin, * FROM {name}").all()
        for name in [*metadata.tables, "alembic_version"]
    }


@asynchronous
async def test_the_ledger_of_a_newer_program_is_refused(url):
    await in_its_database(url, lambda found: found.exec_driver_sql("UPDATE alembic_version SET version_num = 'v9999'"))
    for _ in range(2):
        with pytest.raises(SchemaError, match=r"has schema v9999, this program knows v\d+ at most"):
            await Ledger.open(url, PARTY)


@asynchronous
async def test_a_migration_that_fails_leaves_nothing_half_done(url):
    def spoil(connection):
        for name in (*metadata.tables, "alembic_version"):
            connection.exec_driver_sql(f"DROP TABLE {name}" + ("" if is_file else " CASCADE"))
        connection.exec_driver_sql("CREATE TABLE records (in_the_way INTEGER)")

    is_file = url.startswith("sqlite")
    await in_its_database(url, spoil)
    with pytest.raises(LedgerError):
        await Ledger.open(url, PARTY)
    tables = []

    def look(connection):
        tables.extend(inspect(connection).get_table_names())
        connection.exec_driver_sql("DROP TABLE records")

    await bare(url, look)
    assert tables == ["records"]
    async with opened(url) as ledger:
        await create(ledger)


async def bare(url: str, work) -> None:
    """Run `work` on the database without opening it as a ledger."""
    async with Database.open(Place.of(url)) as database:
        await database.write(lambda connection: connection.run_sync(work))


# --- URLs and files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "mysql://someone:s3cret@host/ledger",
        "postgresql://someone:s3cret@host",
        "sqlite+aiosqlite:///x",
        "postgresql://someone:s3cret@host:port/ledger",
        "postgresql://someone:s3cret@127.0.0.1:1/ledger?sslmode=s3cret",
    ],
)
@asynchronous
async def test_other_urls_are_refused_and_not_repeated(url):
    with pytest.raises(LedgerError) as refused:
        await Ledger.open(url, PARTY)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


@asynchronous
async def test_files_are_for_their_owner_only(tmp_path):
    path = tmp_path / "ledger.db"
    old = os.umask(0)
    try:
        for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
            (tmp_path / name).touch(0o666)
        for _ in range(2):
            async with opened(f"sqlite:///{path}") as ledger:
                await create(ledger)
                await ledger.store_submission(submission())
                await back_up(f"sqlite:///{tmp_path}/ledger.db", tmp_path / "backup.db")
                modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()}
                names = ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock", "backup.db"]
                assert modes == dict.fromkeys(names, 0o600)
            (tmp_path / "backup.db").unlink()
    finally:
        os.umask(old)


@asynchronous
async def test_what_is_no_ledger_is_refused(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(b"order_id,side,price,quantity\n" * 100)
    with pytest.raises(LedgerError, match=r"ledger\.db: it is damaged or no ledger at all.*SQLITE_NOTADB"):
        await Ledger.open(f"sqlite:///{path}", PARTY)


@asynchronous
async def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "ledger.db"
    url = f"sqlite:///{path}"
    async with opened(url) as ledger:
        await create(ledger)
        await asyncio.gather(*(ledger.store_submission(submission(f"m{i}")) for i in range(500)))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(size // 4))
    with pytest.raises(LedgerError, match="it is damaged"):
        await Ledger.open(url, PARTY)


@asynchronous
async def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "ledger.db"
    url = f"sqlite:///{path}"
    async with opened(url) as ledger:
        await create(ledger)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(LedgerError, match="it is damaged"):
        await Ledger.open(url, PARTY)


@asynchronous
async def test_a_locked_file_is_an_error_for_as_long_as_it_is_locked(tmp_path, monkeypatch):
    monkeypatch.setattr("parties.ledger.database._LOCKED_S", 0.1)
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with opened(url) as ledger:
        await create(ledger)
        tool = sqlite3.connect(ledger.path, isolation_level=None)
        tool.execute("BEGIN IMMEDIATE")
        rows = [submission(f"m{i}") for i in range(3)]
        answers = await asyncio.gather(*map(ledger.store_submission, rows), return_exceptions=True)
        assert {str(answer) for answer in answers} == {
            f"ledger {ledger.path}: another program holds it locked (SQLITE_BUSY)"
        }
        assert await ledger.submissions(MARKET, START) == []
        tool.execute("ROLLBACK")
        tool.close()
        await asyncio.gather(*map(ledger.store_submission, rows))
        assert len(await ledger.submissions(MARKET, START)) == 3


@asynchronous
async def test_a_file_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "nowhere" / "ledger.db", tmp_path, tmp_path / "file" / "ledger.db"):
        with pytest.raises(LedgerError, match="it cannot be opened or written"):
            await Ledger.open(f"sqlite:///{path}", PARTY)


@asynchronous
async def test_a_path_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("100% ünusual #1")
    folder.mkdir()
    async with opened(f"sqlite:///{folder}/ledger one.db") as ledger:
        await create(ledger)
        await back_up(f"sqlite:///{folder}/ledger one.db", folder / "back up.db")
    assert {path.name for path in folder.iterdir()} == {"ledger one.db", "ledger one.db.lock", "back up.db"}


@asynchronous
async def test_the_ledger_of_another_party_is_refused(url):
    async with opened(url, 2) as ledger:
        await create(ledger)
    with pytest.raises(LedgerError, match="it is the ledger of party 2, not of party 0"):
        await Ledger.open(url, 0)
    async with opened(url, 2):
        pass


# --- servers -------------------------------------------------------------------------------------------------


@asynchronous
async def test_a_server_that_is_not_there(postgres):
    with pytest.raises(LedgerError, match=r"ledger 127\.0\.0\.1/ledger: no connection to the server"):
        await Ledger.open("postgresql://someone:s3cret@127.0.0.1:1/ledger", PARTY)


@asynchronous
async def test_a_server_that_refuses(postgres):
    wrong = postgres.url().replace(postgres.password, "s3cret")
    with pytest.raises(LedgerError, match="the server refuses user or password") as refused:
        await Ledger.open(wrong, PARTY)
    assert "s3cret" not in str(refused.value)
    with pytest.raises(LedgerError, match="the server has no such database"):
        await Ledger.open(postgres.url("elsewhere"), PARTY)


def test_a_server_that_would_lose_what_it_was_given():
    with cluster("-cfsync=off") as careless:

        @asynchronous
        async def scenario() -> None:
            with pytest.raises(LedgerError, match="the server has fsync off"):
                await Ledger.open(careless.url(), PARTY)

        scenario()


def test_a_server_with_asynchronous_commit_is_asked_for_more():
    with cluster("-csynchronous_commit=off") as hasty:

        @asynchronous
        async def scenario() -> None:
            ask = "SHOW synchronous_commit"
            assert await in_its_database(url, lambda found: found.exec_driver_sql(ask).scalar()) == "on"

        url = hasty.new_database()
        scenario()


@asynchronous
async def test_connections_cut_by_the_server_are_made_again(postgres):
    """As in a restart: one call may fail, what comes next connects again and owns the ledger again."""
    url = await asyncio.to_thread(postgres.emptied)
    async with opened(url) as ledger:
        await create(ledger)
        name = url.rpartition("/")[2]
        cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        assert len(await asyncio.to_thread(postgres.execute, cut)) >= 1
        with contextlib.suppress(LedgerError):
            await ledger.check()
        await ledger.check()
        assert await ledger.round(MARKET, START) is not None
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        assert await asyncio.to_thread(postgres.execute, locks, name) == [(1,)]


@asynchronous
async def test_the_level_of_isolation_is_not_left_to_the_server(postgres):
    url = await asyncio.to_thread(postgres.emptied)
    level = f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_isolation = 'serializable'"
    await asyncio.to_thread(postgres.execute, level)
    async with Database.open(Place.of(url)) as database:
        shown = text("SHOW transaction_isolation")
        assert await database.read(shown) == [("read committed",)]
        assert (await database.write(lambda connection: connection.execute(shown))).scalar() == "read committed"
