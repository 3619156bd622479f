"""Nothing secret, and no meter's name, is in a log, an error or a `repr`; what is forgotten is gone from the files."""

import asyncio
import base64
import dataclasses
import logging
import traceback
from collections.abc import Iterator

import pytest

from parties.ledger import Ledger, LedgerError, RecordRow, ResultRow, TotalRow
from tests.ledger.ledger_support import MARKET, START, asynchronous, create, forward, opened, submission

PLANTED = b"PLANTED-0123456789-PLANTED"
METER = "PLANTED-METER"


def traces(text: str) -> list[str]:
    """The forms of the planted bytes, or of a piece of them, that a text shows."""
    pieces = [PLANTED[i : i + 9] for i in range(0, 18, 9)]
    forms = [METER, *(form for piece in pieces for form in (piece.decode(), piece.hex()))]
    forms += [base64.b64encode(PLANTED).decode()[4:20], str(list(PLANTED))[1:-1]]
    return [form for form in forms if form.lower() in text.lower()]


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Everything that anybody logs, with all that can be made of it."""
    written: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    formatter = logging.Formatter("%(name)s %(message)s")
    handler.emit = lambda record: written.append(formatter.format(record) + repr(record.args))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(level)
    root.removeHandler(handler)


def row(number: int = 1, **changed):
    planted = dict.fromkeys(("header", "signature", "nonce", "words", "receipt"), PLANTED)
    return submission(METER, number, **planted | changed)


async def fill(ledger: Ledger) -> None:
    await create(ledger)
    await ledger.sealing_key("2026-11-21", lambda: PLANTED)
    await ledger.put_secret(MARKET, START, "part", PLANTED)
    await ledger.put_message(MARKET, START, "part-share", 0, PLANTED)
    await asyncio.gather(*(ledger.store_submission(row(i), [forward(0, PLANTED)]) for i in range(1, 6)))
    await ledger.put_results(MARKET, START, 1, [ResultRow(METER, 1, 0, PLANTED, PLANTED)], [TotalRow("s", 5, PLANTED)])


async def read(ledger: Ledger) -> None:
    await ledger.submissions(MARKET, START)
    assert await ledger.submission_words(MARKET, START, [(METER, 5)]) == [PLANTED]
    assert await ledger.sealing_key("2026-11-21", lambda: b"") == PLANTED
    await ledger.result(MARKET, START, 1, METER)
    await ledger.totals(MARKET, START, 1)
    await ledger.pending_forwards(0, 10)


async def refusals(ledger: Ledger) -> list[BaseException]:
    """What the ledger says to all kinds of wrong things."""
    long = 2**63
    wrong = [
        ledger.put_secret(MARKET, START, "part", PLANTED[::-1]),
        ledger.put_secret("nowhere", START, "part", PLANTED),
        ledger.put_message(MARKET, START, "part-share", 0, PLANTED[::-1]),
        ledger.put_message("nowhere", START, "part-share", 0, PLANTED),
        ledger.put_message(MARKET, long, "part-share", 0, PLANTED),
        ledger.put_message(MARKET, START, "part-share", 2**20, PLANTED),
        ledger.store_submission(row(9, received_ms=long)),
        ledger.store_submission(dataclasses.replace(row(9), header_digest=None)),
        ledger.store_submission(dataclasses.replace(row(9), start=long)),
        ledger.store_submission(row(10), [dataclasses.replace(forward(0, PLANTED), market="nowhere")]),
        ledger.put_results(MARKET, START, 1, [ResultRow(METER, 1, 0, PLANTED[::-1], PLANTED)]),
        ledger.put_results(MARKET, START, 2, [ResultRow(METER, 1, 0, PLANTED, PLANTED)] * 2),
        ledger.put_results("nowhere", START, 2, [ResultRow(METER, 1, 0, PLANTED, PLANTED)]),
        ledger.put_results(MARKET, START, 3, [ResultRow(METER, 1, 2**20, PLANTED, PLANTED)]),
        ledger.put_results(MARKET, START, 4, [ResultRow(METER, 1, None, PLANTED, PLANTED)]),
        ledger.submission_words(MARKET, START, [(METER, 99)]),
    ]
    return [one for one in await asyncio.gather(*wrong, return_exceptions=True) if isinstance(one, BaseException)]


@asynchronous
async def test_nothing_is_said_of_what_is_stored(url, log):
    async with opened(url) as ledger:
        await fill(ledger)
        await read(ledger)
        errors = await refusals(ledger)
        await ledger.erase(MARKET, START + 1)
        everything = [repr(ledger), repr(vars(ledger))]
    assert len(errors) >= 14
    assert {isinstance(error, LedgerError) for error in errors} == {True}
    everything += [*log, str(errors), *("".join(traceback.format_exception(error)) for error in errors)]
    assert traces("\n".join(everything)) == []
    assert len(log) > 0


def test_the_search_finds_what_is_there(log):
    """It can fail."""
    logging.getLogger("anybody").debug("parameters: %r", ((PLANTED, 1),))
    logging.getLogger("anybody").debug("hex %s", PLANTED.hex())
    assert [len(traces(line)) for line in log] == [2, 2]
    assert traces(METER.lower()) == [METER]


def test_a_repr_shows_nothing():
    rows = [
        row(),
        forward(0, PLANTED),
        ResultRow(METER, 1, 0, PLANTED, PLANTED),
        TotalRow("supplier", 5, PLANTED),
        RecordRow(MARKET, 1, START, b"", b"", PLANTED),
    ]
    assert [traces(repr(one)) for one in rows] == [[]] * len(rows)
    assert MARKET in repr(rows[0])


@asynchronous
async def test_a_full_ledger_says_nothing_either(tmp_path, log):
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        await fill(ledger)

        async def limit(connection):
            await connection.exec_driver_sql("PRAGMA max_page_count=1")

        await ledger._database.write(limit)
        with pytest.raises(LedgerError) as full:
            await ledger.store_submission(row(9, words=PLANTED * 1000))
    shown = "".join(traceback.format_exception(full.value)) + "\n".join(log)
    assert traces(shown) == []


@asynchronous
async def test_what_is_forgotten_is_in_no_file(tmp_path):
    """Sealing keys and secrets of rounds, while the ledger is open and used."""
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        await create(ledger)
        key, part = b"SEALING-" + bytes(range(32)), b"PART----" + bytes(range(32))
        await ledger.sealing_key("2026-11-21", lambda: key)
        await ledger.put_secret(MARKET, START, "part", part)
        await ledger.store_submission(submission())
        assert in_files(tmp_path, key)
        assert in_files(tmp_path, part)
        await ledger.forget_sealing_keys(lambda _: {"": "2026-11-22"})
        assert not in_files(tmp_path, key)
        assert in_files(tmp_path, part)
        await ledger.set_state(MARKET, START, "open", "keep", finished=True)
        await ledger.forget_secrets(MARKET)
        assert not in_files(tmp_path, part)


@asynchronous
async def test_what_is_erased_is_in_no_file(tmp_path):
    async with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        await create(ledger)
        rows = [submission(f"m{i}") for i in range(200)]
        await asyncio.gather(*map(ledger.store_submission, rows))
        await ledger.set_state(MARKET, START, "open", "keep", finished=True)
        assert in_files(tmp_path, rows[17].words)
        await ledger.erase(MARKET, START + 1)
        assert not any(in_files(tmp_path, one.words) or in_files(tmp_path, one.nonce) for one in rows)


def in_files(folder, secret: bytes) -> bool:
    return any(secret in path.read_bytes() for path in folder.iterdir())


def test_forgotten_keys_are_in_no_table_file_of_the_server(postgres):
    url = postgres.emptied()
    key = b"SEALING-" + bytes(range(32))

    def found() -> bool:
        postgres.execute("CHECKPOINT")
        tables = (postgres.home / "data" / "base").rglob("*")
        return any(key in path.read_bytes() for path in tables if path.is_file())

    @asynchronous
    async def scenario() -> None:
        async with opened(url) as ledger:
            await ledger.sealing_key("2026-11-21", lambda: key)
            assert await asyncio.to_thread(found)
            assert await ledger.forget_sealing_keys(lambda _: {"": "2026-11-22"}) == 1
            # The server lets go of the old file at the checkpoint after.
            assert not await asyncio.to_thread(found)

    scenario()
