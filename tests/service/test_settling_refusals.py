"""Readings and tariffs that are refused, each for a reason of its own; and what is sent again, or replaced."""

from dataclasses import replace

import httpx
import pytest

from mpc_market.rules.model import Side
from mpc_market.rules.settlement import Reading as Metered
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage
from mpc_market.wire.layout import Reading, reading_bits
from mpc_market.wire.opening import Terms
from mpc_market.wire.sharing import deal
from mpc_market.wire.submission import InputShare, Submission, of_shares
from mpc_market.wire.tariff import Tariff, sign_tariff
from parties.service.life import State
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, Meter, Town, problem
from tests.service.settled_town import END, SettledTown, entry, people


async def published(town: Town, tariff: Tariff, key) -> httpx.Response:
    async with town.client(0) as client:
        headers = {"content-type": "application/octet-stream"}
        return await client.post("tariffs", content=sign_tariff(tariff, key), headers=headers)


def dealt(meter: Meter, terms: Terms, bits: list[int]) -> Submission:
    shares = [InputShare(bytes([j] * 32), words) for j, words in enumerate(deal(bits, 3))]
    return of_shares(terms, meter.id, 1, 1, shares, meter.key)


@asynchronous
async def test_readings_that_are_refused_each_for_its_reason(tmp_path):
    anna, *_ = meters = people()
    async with SettledTown(tmp_path / "m", meters).up() as town:
        await town.until(State.COLLECTING)
        order = anna.submission(await town.terms(), 1, (Side.SELL, 1, 1))
        assert problem(await town.post_reading(0, order)) == "not-open-yet"
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        terms = await town.stage_terms(Stage.SETTLEMENT)
        good = town.reading(anna, terms, 3, 4, number=5)
        refused = spoilt(town, anna, terms, good, order)
        for reason, bodies in refused.items():
            for sent in bodies:
                assert problem(await town.post_reading(0, sent)) == reason, reason
        first = await town.post_reading(0, good)
        assert (await town.post_reading(0, good)).content == first.content
        assert problem(await town.post_reading(0, town.reading(anna, terms, 3, 4, number=4))) == "number-too-low"
        assert problem(await town.post_reading(0, town.reading(anna, terms, 9, 9, number=5))) == "contradiction"
        assert problem(await town.post_reading(0, good, start=START + 1)) == "unknown-period"
        assert problem(await town.post_reading(0, good, start=END)) == "not-open-yet"
        answer = await town.get(0, f"../{town.name(Stage.SETTLEMENT)}/periods/{START}/results/{anna.id}")
        assert problem(answer) in ("unknown-market", "unauthorized")


def spoilt(town: SettledTown, meter: Meter, terms: Terms, good: Submission, order: Submission, *said: int) -> dict:
    """By the reason for which they are refused: what is made of a `good` reading (number 5), and an order. `said`:
    import and export of the others.
    """
    imported, exported = said or (3, 4)
    return {
        "wrong-context": [order, of_correction(meter, terms)],
        "stale-challenge": [town.reading(meter, replace(terms, challenge=bytes(32)), imported, exported)],
        "unknown-meter": [
            town.reading(Meter("nobody", maximum=meter.maximum, market=meter.market), terms, imported, exported)
        ],
        "bad-signature": [replace(good, signature=meter.key.sign("submission", good.header.encode()))],
        "malformed": [b"no reading", good.encode()[:-1]],
        "oversized-body": [bytes(60_000)],
        "no-seal": [good.only_for(1)],
        "seal-context": [replace(good, seals=town.reading(meter, terms, imported, exported, number=6).seals)],
    }


def of_correction(meter: Meter, terms: Terms) -> Submission:
    elsewhere = Period(terms.period.market.replace("settlement", "correction"), START)
    bits = reading_bits(Reading(1, 1), meter.id, meter.market, meter.maximum)
    return dealt(meter, replace(terms, period=elsewhere), bits)


@asynchronous
async def test_readings_of_another_stage_and_late_ones_are_refused(tmp_path):
    anna, ben = people(2)
    async with SettledTown(tmp_path / "m", [anna, ben]).up() as town:
        await town.until(State.COLLECTING)
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        terms = await town.stage_terms(Stage.SETTLEMENT)
        good = town.reading(anna, terms, 3, 4)
        shares = [InputShare(bytes([j] * 32), words) for j, words in enumerate(deal([0] * 32, 3))]
        with pytest.raises(WireError, match="number of orders is not an integer from 1 to 1"):
            of_shares(terms, anna.id, 1, 2, shares, anna.key)
        town.clock.move_to(1000 * END + 1_200_000)
        await town.until_stage(Stage.CORRECTION, State.COLLECTING)
        assert problem(await town.post_reading(0, good)) == "wrong-context"
        town.clock.move_to(1000 * (START + 3600 + PERIOD) + 1_800_000)
        await town.until_stage(Stage.CORRECTION, State.RESULT)
        correction = await town.stage_terms(Stage.CORRECTION)
        assert problem(await town.post_reading(0, town.reading(ben, correction, 1, 0))) in ("late", "closed-period")


@asynchronous
async def test_a_higher_number_replaces_and_shares_that_are_no_reading_are_left_out(tmp_path):
    """The one who cheats is estimated at the last deadline; everybody else is settled as ever."""
    anna, ben, carl = meters = people()
    async with SettledTown(tmp_path / "m", meters).up() as town:
        await town.until(State.COLLECTING)
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        terms = await town.stage_terms(Stage.SETTLEMENT)
        await town.read(anna, terms, 100, 0)
        await town.read(anna, terms, 7, 0, number=2)
        await town.read(ben, terms, 0, 8)
        too_much = [value >> i & 1 for value in (201, 255, 0, 200) for i in range(8)]
        cheat = dealt(carl, terms, too_much)
        for party in range(3):
            assert (await town.post_reading(party, cheat.only_for(party))).status_code == 200
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)
        expected = {anna.id: entry(0, 0, Metered(7, 0)), ben.id: entry(0, 0, Metered(0, 8))}
        assert await town.entries(Stage.SETTLEMENT) == expected
        await town.correcting([START])
        town.clock.move_to(1000 * (START + 3600 + PERIOD) + 1_800_000)
        await town.until_stage(Stage.CORRECTION, State.RESULT)
        assert await town.entries(Stage.CORRECTION) == {carl.id: entry(0, 0, Metered(200, 0))}


@asynchronous
async def test_tariffs_that_are_refused_each_for_its_reason(tmp_path):
    async with SettledTown(tmp_path / "m", people()).up() as town:
        key, now = town.suppliers["sun"][0], town.clock.now_ms() // 1000
        begins = START + 3600  # of a month of four periods, each of which counts as a day
        good = Tariff(town.market.id, "sun", 3, begins, begins + 900, 50, 10, 5)
        for tariff, signer, reason in (
            (replace(good, market="elm-street"), key, "wrong-context"),
            (replace(good, supplier="nobody"), key, "unknown-supplier"),
            (good, town.suppliers["wind"][0], "bad-signature"),
            (replace(good, retail=64), key, "off-grid"),
            (replace(good, fee=51), key, "tariff-prices"),
            (replace(good, feed_in=51), key, "tariff-prices"),
            (replace(good, begins=now // 900 * 900), key, "tariff-late"),
            (replace(good, begins=begins + 1), key, "tariff-days"),
            (replace(good, ends=begins + 1799), key, "tariff-days"),
            (replace(good, ends=2**40 - 2), key, "tariff-days"),
            (replace(good, begins=2**40 - 3, ends=2**40 - 2), key, "tariff-days"),
            (replace(good, begins=begins + 900, ends=begins + 1800), key, "tariff-changes"),
        ):
            assert problem(await published(town, tariff, signer)) == reason
        first = await published(town, good, key)
        assert first.json() == {"number": 3, "digest": good.digest.hex()}
        town.clock.move_to(town.clock.now_ms() + 10_000)
        assert (await published(town, good, key)).json() == first.json()
        later = replace(good, retail=51)
        assert problem(await published(town, later, key)) == "tariff-number"
        assert problem(await published(town, replace(later, number=2), key)) == "tariff-number"
        assert (await published(town, replace(later, number=4), key)).status_code == 200
        # a second change within the month, whatever holds there by now; in another month it may be on another day
        for begin, end in ((begins + 1800, 2**40 - 1), (begins - 900, begins + 2700), (begins + 1800, begins + 3600)):
            elsewhere = replace(good, number=5, begins=begin, ends=end)
            assert problem(await published(town, elsewhere, key)) == "tariff-changes"
        assert (await published(town, replace(good, number=5, begins=begins + 900, ends=begins + 5400), key)).is_success
        held = (await town.get(0, f"periods/{begins}/tariffs")).json()["tariffs"]
        assert [bytes.fromhex(each)[: len(good.encode())] for each in held] == [
            good.encode(), replace(later, number=4).encode()
        ]  # fmt: skip


@asynchronous
async def test_a_market_that_only_clears_takes_neither(tmp_path):
    anna = Meter("anna")
    async with Town(tmp_path / "m", meters=[anna]).up() as town:
        await town.until(State.COLLECTING)
        order = anna.submission(await town.terms(), 1, (Side.SELL, 1, 1))
        async with town.client(0) as client:
            headers = {"content-type": "application/octet-stream"}
            answer = await client.post(f"periods/{START}/readings", content=order.encode(), headers=headers)
        assert problem(answer) == "not-settled"
        tariff = Tariff(town.market.id, "sun", 1, START, START + 900, 50, 10, 5)
        assert problem(await published(town, tariff, town.suppliers["sun"][0])) == "not-settled"
