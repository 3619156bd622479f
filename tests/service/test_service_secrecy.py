"""Nothing that is derived from an order, and no id of a meter, is in a log, a metric, an error or a public document."""

import json
import struct
from dataclasses import replace
from datetime import timedelta

from mpc_market.rules.model import Side
from parties.service import driver
from parties.service.intake import Intake
from parties.service.life import FINAL, State
from tests.service.searching import leaks, unlike
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, SETTINGS, START, Meter, Town
from tests.service.test_service_refusals import SPOILT, Desk

BUY, SELL, QUANTITY, SPOILT_PRICE, SPOILT_QUANTITY = 912_347, 612_361, 31_337, 777_773, 54_541
NAMES = ("zz-planted-anna", "zz-planted-ben", "zz-planted-eve")
PLANTED = (BUY, SELL, QUANTITY, SPOILT_PRICE, SPOILT_QUANTITY)
MARKET = replace(SETTINGS, price_bits=20, quantity_bits=16, period=timedelta(seconds=PERIOD))


def found_in(text: str, words: set[int]) -> list[str]:
    return leaks(text, NAMES, PLANTED, words)


def test_the_search_finds_what_it_looks_for():
    assert found_in('{"price": 912347}', set()) == ["912347"]
    assert found_in("meter zz-planted-ben refused", set()) == ["zz-planted-ben"]
    assert found_in("1234567890123456789", {1234567890123456789}) == ["a share word"]
    assert found_in((31).to_bytes(8, "little").hex(), {31}) == ["a share word"]
    assert found_in("orders 2 in 19123470 ms", set()) == []


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
    words = unlike(words)
    for text in (*texts, lines):
        assert found_in(text, words) == []
    # and it is a log: every line is an object, and what happened is in it
    events = [json.loads(line) for line in lines.splitlines()]
    stumbles = [event for event in events if event["event"] == "round stumbles"]
    assert {(event["reason"], event["state"]) for event in stumbles} == {("RuntimeError", "agreed")}
    faults = [event for event in events if event.get("error") == "RuntimeError"]
    assert faults
    assert all(event["where"][-1].endswith("faulty") for event in faults)
