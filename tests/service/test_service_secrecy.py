"""Nothing that is derived from an order, and no id of a meter, is in a log, a metric, an error or a public document."""

import io
import json
import logging
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from service_running import asynchronous
from service_town import PERIOD, SETTINGS, START, Meter, Town
from test_service_refusals import SPOILT, Desk

from mpc_market.rules.model import Side
from parties.service import driver
from parties.service.intake import Intake
from parties.service.life import FINAL, State
from parties.service.logs import set_up_logs

BUY, SELL, QUANTITY, SPOILT_PRICE, SPOILT_QUANTITY = 912_347, 612_361, 31_337, 777_773, 54_541
NAMES = ("zz-planted-anna", "zz-planted-ben", "zz-planted-eve")
PLANTED = (BUY, SELL, QUANTITY, SPOILT_PRICE, SPOILT_QUANTITY)
MARKET = replace(SETTINGS, price_bits=20, quantity_bits=16, period=timedelta(seconds=PERIOD))


TALKATIVE = ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore", "aiosqlite", "sqlalchemy", "asyncio")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, at the most talkative level."""
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    set_up_logs(0, stream, logging.DEBUG)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    root.handlers[:], _ = before
    root.setLevel(before[1])
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    for name in (
        "uvicorn",
        "uvicorn.error",
        "httpx",
        "httpcore",
        "aiosqlite",
        "sqlalchemy",
        "asyncio",
        "uvicorn.access",
    ):
        logging.getLogger(name).setLevel(logging.NOTSET)


def numbers_in(text: str) -> set[int]:
    return {int(each) for each in re.findall(r"(?<![0-9a-fA-F.])\d{1,20}(?![0-9a-fA-F])", text)}


def leaks(text: str, words: set[int]) -> list[str]:
    """What of the planted values is in a text: as a decimal number, in hex, or by name."""
    found = [name for name in NAMES if name in text or name.encode().hex() in text]
    numbers = numbers_in(text)
    found += [str(value) for value in PLANTED if value in numbers]
    found += ["a share word" for word in words if word in numbers or struct.pack("<Q", word).hex() in text]
    return found


def test_the_search_finds_what_it_looks_for():
    assert leaks('{"price": 912347}', set()) == ["912347"]
    assert leaks("meter zz-planted-ben refused", set()) == ["zz-planted-ben"]
    assert leaks("1234567890123456789", {1234567890123456789}) == ["a share word"]
    assert leaks((31).to_bytes(8, "little").hex(), {31}) == ["a share word"]
    assert leaks("orders 2 in 19123470 ms", set()) == []


@asynchronous
async def play(town: Town, texts: list[str], words: set[int], monkeypatch) -> None:
    """A round with planted orders that succeed, that fail in every way, and faults of the program itself."""
    async with town.up():
        await town.until(State.COLLECTING)
        terms = await town.terms()
        anna, ben, eve = town.meters
        await town.submit(anna.submission(terms, 1, (Side.SELL, SELL, QUANTITY)))
        await town.submit(ben.submission(terms, 1, (Side.BUY, BUY, QUANTITY)))
        desk = Desk.of(town, terms, eve, ben, (Side.BUY, SPOILT_PRICE, SPOILT_QUANTITY))
        for spoil in SPOILT.values():
            spoilt = spoil(desk)
            texts.append((await town.post(0, spoilt if isinstance(spoilt, bytes) else spoilt.encode())).text)
        await town.submit(desk.good)
        texts.append((await town.post(0, desk.of_shares())).text)

        async def faulty(*_: object) -> None:
            raise RuntimeError(f"nobody foresaw {NAMES[0]} with {BUY}")

        with monkeypatch.context() as patched:
            patched.setattr(Intake, "submit", faulty)
            answer = await town.post(0, desk.good)
            assert answer.status_code == 500
            texts.append(answer.text)
        with monkeypatch.context() as patched:
            patched.setitem(driver.STEPS, State.AGREED, faulty)
            town.clock.move_to(town.gate)
            await town.until(State.AGREED)
        await town.until(*FINAL)
        for party in range(3):
            assert await town.state(party) is State.RESULT
            await look(town, party, texts, words)


async def look(town: Town, party: int, texts: list[str], words: set[int]) -> None:
    """What a party shows of the round, and the share words that it holds."""
    for path in (f"periods/{START}", f"periods/{START}/record", "records", "prices", f"../{town.market.id}", "roll"):
        texts.append((await town.get(party, path)).text)
    texts += [(await town.private(party, path)).text for path in ("metrics", "readyz", "healthz")]
    ledger = town.services[party].node.ledger
    keys = [(row.meter, row.number) for row in await ledger.submissions(town.market.id, START)]
    for data in await ledger.submission_words(town.market.id, START, keys):
        words |= set(struct.unpack(f"<{len(data) // 8}Q", data))


def test_planted_values_are_found_nowhere(tmp_path, log, monkeypatch):
    texts: list[str] = []
    words: set[int] = set()
    town = Town(tmp_path / "market", settings=MARKET, meters=[Meter(name, maximum=60_000) for name in NAMES])
    play(town, texts, words, monkeypatch)
    lines = log.getvalue()
    assert len(texts) > 40
    assert len(words) > 300
    words -= {word for word in words if word < 2**32}  # of the spoilt ones, not random: too small to tell from others
    for text in (*texts, lines):
        assert leaks(text, words) == []
    # and it is a log: every line is an object, and what happened is in it
    events = [json.loads(line) for line in lines.splitlines()]
    stumbles = [event for event in events if event["event"] == "round stumbles"]
    assert {(event["reason"], event["state"]) for event in stumbles} == {("RuntimeError", "agreed")}
    faults = [event for event in events if event.get("error") == "RuntimeError"]
    assert faults
    assert all(event["where"][-1].endswith("faulty") for event in faults)
