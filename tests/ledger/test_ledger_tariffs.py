"""Tariffs in the ledger: written once, found by the periods they hold for; rounds found by their periods."""

from dataclasses import replace

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect

from parties.ledger import ContradictionError, TariffRow
from parties.ledger.migrate import _MIGRATIONS, migrate
from tests.ledger.ledger_support import MARKET, START, asynchronous, create, opened

TARIFF = TariffRow(MARKET, "green", 1, START, START + 900, b"signed")


@asynchronous
async def test_a_tariff_is_written_once(url):
    async with opened(url) as ledger:
        assert await ledger.put_tariff(TARIFF)
        assert not await ledger.put_tariff(TARIFF)
        with pytest.raises(ContradictionError):
            await ledger.put_tariff(replace(TARIFF, data=b"another"))
        assert await ledger.tariff(MARKET, "green", 1) == TARIFF
        assert await ledger.tariff(MARKET, "green", 2) is None


@asynchronous
async def test_a_tariff_is_checked_against_all_that_its_supplier_has_published_before(url):
    seen: list[list[TariffRow]] = []
    async with opened(url) as ledger:
        for other in (
            replace(TARIFF, supplier="red"),
            replace(TARIFF, market="town"),
            replace(TARIFF, number=2),
            TARIFF,
        ):
            await ledger.put_tariff(other)
        third = replace(TARIFF, number=3)
        assert await ledger.put_tariff(third, lambda before: seen.append(list(before)))
        assert seen == [[TARIFF, replace(TARIFF, number=2)]]
        assert not await ledger.put_tariff(third, refuse), "what is kept already is not judged again"
        with pytest.raises(RefusedError):
            await ledger.put_tariff(replace(TARIFF, number=4), refuse)
        assert await ledger.tariff(MARKET, "green", 4) is None


class RefusedError(Exception):
    pass


def refuse(before):
    raise RefusedError


@asynchronous
async def test_tariffs_are_found_by_the_period(url):
    rows = [
        TARIFF,
        replace(TARIFF, number=2**63 - 1, begins=START + 450),
        replace(TARIFF, supplier="Zebra"),
        replace(TARIFF, market="town"),
    ]
    async with opened(url) as ledger:
        for row in reversed(rows):
            await ledger.put_tariff(row)
        assert await ledger.tariffs(MARKET, START - 1) == []
        assert await ledger.tariffs(MARKET, START) == [rows[2], rows[0]]
        assert await ledger.tariffs(MARKET, START + 899) == [rows[2], *rows[:2]]
        assert await ledger.tariffs(MARKET, START + 900) == []


@asynchronous
async def test_rounds_are_found_by_their_periods(url):
    async with opened(url) as ledger:
        assert await ledger.first_start(MARKET) is None
        for start in (START + 900, START, START + 1800):
            await create(ledger, start=start)
        await create(ledger, market="town", start=START - 900)
        assert await ledger.first_start(MARKET) == START
        assert [row.start for row in await ledger.rounds_between(MARKET, START, START + 1800)] == [START, START + 900]


def test_a_ledger_of_the_first_version_is_upgraded(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/old.db")
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(_MIGRATIONS))
        command.upgrade(config, "v0001")
        connection.exec_driver_sql("UPDATE ledger SET party = 2")
        assert not inspect(connection).has_table("tariffs")
        migrate(connection)
        assert inspect(connection).has_table("tariffs")
        assert inspect(connection).has_table("disputes")
        assert connection.exec_driver_sql("SELECT party FROM ledger").scalar() == 2
    engine.dispose()
