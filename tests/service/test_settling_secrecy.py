"""Nothing that is derived from a reading, a bill or a dispute, and no id of a meter, is in a log, a metric, an error or
a public document of a month that is settled, closed and contested.
"""

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import replace

from mpc_market.rules.model import Side
from mpc_market.wire.claim import Claimant
from mpc_market.wire.codec import bytes_words
from mpc_market.wire.dispute import DisputeRequest, sign_dispute
from mpc_market.wire.identifiers import START_MAX, Stage
from mpc_market.wire.sharing import deal
from mpc_market.wire.sheet import Content
from mpc_market.wire.submission import InputShare, of_shares
from mpc_market.wire.tariff import Tariff, sign_tariff
from parties.service import driver
from parties.service.intake import Intake
from parties.service.life import State
from parties.settling.kept import KeptAccount
from tests.service.disputed_town import MONTH, NEXT, DisputedTown
from tests.service.searching import leaks, unlike
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START
from tests.service.settled_town import END, PRICED
from tests.service.test_settling_refusals import dealt, spoilt

ANNA, BEN, CARL, DORA, EVE = NAMES = tuple(f"zz-planted-{name}" for name in ("anna", "ben", "carl", "dora", "eve"))
MAXIMUM = 15_111_333
# of equal quantities: the price is between the two, and public
ORDERS = {ANNA: (Side.SELL, 212_347, 7_654_321), BEN: (Side.BUY, 312_361, 7_654_321)}
READ = {ANNA: (1_234_577, 9_111_777), BEN: (9_888_333, 1_234_987)}
CORRECTED, REFUSED, CHEATED = (3_456_797, 8_432_197), (2_222_717, 5_777_123), 15_999_777
PRICE = 999_331
MARKET = replace(PRICED, price_bits=20, quantity_bits=24)
PLANTED = {
    MAXIMUM, CHEATED, PRICE, *CORRECTED, *REFUSED, *(n for pair in READ.values() for n in pair),
    *(n for _, *pair in ORDERS.values() for n in pair),
}  # fmt: skip


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """What an owner asks for is in the address that its own client logs, in this same process."""
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.WARNING)
    yield
    for each, level in zip(loggers, before, strict=True):
        each.setLevel(level)


class Found:
    """What is to be searched, and for what."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.words: set[int] = set()
        self.numbers = set(PLANTED)

    async def look(self, town: DisputedTown) -> None:
        """What a party shows of a month to everybody, and the share words that it holds."""
        for party in range(3):
            for stage in Stage:
                start = MONTH if stage is Stage.CLOSING else START
                name = town.name(stage)
                period = f"{name}/periods/{start}"
                paths = [name, *(f"{name}/{each}" for each in ("records", "prices", "roll")), period]
                paths += [f"{period}/{each}" for each in ("record", "disputes", "tariffs")]
                self.texts += [(await town.get(party, f"../{path}")).text for path in paths]
                await self._words(town, party, name, start)
            self.texts += [(await town.private(party, path)).text for path in ("metrics", "readyz", "healthz")]

    async def _words(self, town: DisputedTown, party: int, market: str, start: int) -> None:
        ledger = town.services[party].node.ledger
        keys = [(row.meter, row.number) for row in await ledger.submissions(market, start)]
        held = await ledger.submission_words(market, start, keys)
        for row in await ledger.results(market, start, 1):
            held += [row.words, row.traded or b""]
            if market == town.name(Stage.CLOSING):
                self.words |= {word for line in KeptAccount.decode(row.path).lines for word in line.words}
        held += [row.words for row in await ledger.totals(market, start, 1)]
        self.words |= {word for data in held for word in bytes_words(data)}

    async def owners(self, town: DisputedTown) -> None:
        """What is revealed, each to its reader: it is to be found nowhere else."""
        for meter in town.meters:
            for content in (Content.AMOUNTS, Content.BILL):
                got = await town.sheet(content, Claimant.METER, meter.id, (meter.key, meter.sealing), MONTH)
                self.numbers |= {abs(value) for _, *values in got if got != "nothing-here" for value in values}
        got = await town.totals(Claimant.SUPPLIER, "sun", town.suppliers["sun"])
        self.numbers |= set(got["supplier/sun"])
        self.numbers = {number for number in self.numbers if number > 99_999}  # others may stand for anything


async def readings(town: DisputedTown, found: Found, monkeypatch) -> None:
    """Accepted, refused in every way, of a cheat, and taken by a program that fails."""
    anna, ben, carl, dora, eve = town.meters
    terms, clearing = await town.stage_terms(Stage.SETTLEMENT), await town.terms()
    good = town.reading(anna, terms, *READ[ANNA], number=5)
    order = anna.submission(clearing, 9, ORDERS[ANNA])
    for reason, bodies in spoilt(town, anna, terms, good, order, *REFUSED).items():
        answers = [(await town.post_reading(0, sent)).text for sent in bodies]
        assert all(reason in text for text in answers)
        found.texts += answers
    for party in range(3):
        assert (await town.post_reading(party, good.only_for(party))).status_code == 200
    found.texts.append((await town.post_reading(0, town.reading(anna, terms, *REFUSED, number=4))).text)  # too low
    too_much = [value >> i & 1 for value in (CHEATED, 0, 0, MAXIMUM) for i in range(24)]
    random = [InputShare(bytes([j] * 32), words) for j, words in enumerate(deal([2**60 + 7] * 96, 3))]
    off = [replace(random[0], words=random[1].words), *random[1:]]
    again = town.reading(eve, terms, *REFUSED)
    for cheat in (again, dealt(carl, terms, too_much), of_shares(terms, dora.id, 1, 1, off, dora.key)):
        for party in range(3):
            assert (await town.post_reading(party, cheat.only_for(party))).status_code == 200
    found.texts.append((await town.post_reading(0, town.reading(eve, terms, *REFUSED))).text)
    assert "contradiction" in found.texts[-1]

    async def faulty(*_: object) -> None:
        raise RuntimeError(f"nobody foresaw {BEN} with {READ[BEN][0]}")

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "submit", faulty)
        answer = await town.post_reading(0, town.reading(ben, terms, *READ[BEN]))
        assert answer.status_code == 500
        found.texts.append(answer.text)
    await town.meter_reads(BEN, *READ[BEN])


async def disputes(town: DisputedTown, found: Found) -> None:
    """One that is taken, and those that are refused; what the arbiter is told, and who is told nothing."""
    key = town.user(BEN).home.identity
    request = DisputeRequest(town.market.id, BEN, 7, town.arbiter.public, (START,))
    for wrong, signer in (
        (replace(request, market="elm-street"), key),
        (replace(request, meter="nobody"), key),
        (replace(request, meter=ANNA), key),
        (replace(request, starts=(START, START + 1)), key),
        (replace(request, starts=(START, START + 90 * PERIOD)), key),
    ):
        answer = await town.post_dispute(0, sign_dispute(wrong, signer))
        assert answer.status_code >= 400
        found.texts.append(answer.text)
    dispute = await town.contest(BEN, [START], MONTH)
    with unheard():
        case = await town.fetched(dispute)
        found.texts.append((await town.disclosure(key, START)).text)
    assert any(answer.disclosure for by_party in case.answers.values() for answer in by_party.values())


@asynchronous
async def play(town: DisputedTown, found: Found, monkeypatch) -> None:
    async with town.up():
        await town.publish("sun", 1, START, 500_000, 100_000, 50_000)
        for number, changed in enumerate(({"fee": PRICE}, {"feed_in": PRICE}, {"supplier": "wind"}), 2):
            given = {"supplier": "sun", "retail": PRICE - 1, "feed_in": 1, "fee": 1} | changed
            tariff = Tariff(town.market.id, number=number, begins=NEXT, ends=START_MAX, **given)
            async with town.client(0) as client:
                answer = await client.post("tariffs", content=sign_tariff(tariff, town.suppliers["sun"][0]))
            assert answer.status_code >= 400
            found.texts.append(answer.text)
        await town.until(State.COLLECTING)
        for name, order in ORDERS.items():
            await town.order(name, *order)
        await town.run_round()
        town.clock.move_to(1000 * END)
        await town.until_stage(Stage.SETTLEMENT, State.COLLECTING)
        await readings(town, found, monkeypatch)
        await town.until_stage(Stage.SETTLEMENT, State.RESULT)
        town.clock.move_to(1000 * END + 1_200_000)
        await town.until_stage(Stage.CORRECTION, State.COLLECTING)
        await town.read(town.meters[0], await town.stage_terms(Stage.CORRECTION), *CORRECTED)

        async def faulty(*_: object) -> None:
            raise RuntimeError(f"nobody foresaw {ANNA} with {CORRECTED[0]}")

        with monkeypatch.context() as patched:
            patched.setitem(driver.STEPS, State.AGREED, faulty)
            town.clock.move_to(1000 * (NEXT + PERIOD) + 1_800_000)
            for stage in (Stage.CORRECTION, Stage.CLOSING):
                await town.until_stage(stage, State.AGREED)
        for stage in (Stage.CORRECTION, Stage.CLOSING):
            await town.until_stage(stage, State.RESULT)
        await disputes(town, found)
        await found.look(town)
        with unheard():
            await found.owners(town)


def test_planted_values_of_a_month_are_found_nowhere(tmp_path, log, monkeypatch):
    found = Found()
    play(DisputedTown(tmp_path / "market", NAMES, MAXIMUM, settings=MARKET), found, monkeypatch)
    lines = log.getvalue()
    words = unlike(found.words)
    assert len(found.texts) > 100
    assert len(words) > 1000
    assert len(found.numbers) > len(PLANTED) + 4
    for text in (*found.texts, lines):
        assert leaks(text, NAMES, found.numbers, words) == []
    events = [json.loads(line) for line in lines.splitlines()]
    stumbled = {event["market"] for event in events if event["event"] == "round stumbles"}
    assert {name.partition(":")[2] for name in stumbled} >= {"correction", "closing"}
