"""A town whose market is settled: with tariffs, readings, a DSO and a TSO, and what readers get of it."""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType

import httpx

from mpc_market.rules.settlement import Reading as Metered
from mpc_market.rules.settlement import settle
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.identifiers import Period, Stage
from mpc_market.wire.layout import Reading
from mpc_market.wire.message import read_signed
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.receipt import Receipt, check_receipt
from mpc_market.wire.roll import Roll, RollArea, RollRegion
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.sharing import recombine
from mpc_market.wire.sheet import Content, Sheet, receive_sheet
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import Submission, make_reading
from mpc_market.wire.tariff import Tariff, sign_tariff
from parties.files.running import Settlement
from parties.ledger import TariffRow
from parties.service.earlier import results_of
from parties.service.life import FINAL, State
from tests.service.service_town import PERIOD, SETTINGS, START, TIMES, Meter, Town, problem

HOUR = timedelta(hours=1)
SETTLED = replace(
    TIMES, settlement=Settlement(timedelta(minutes=20), timedelta(minutes=30), timedelta(minutes=10), HOUR)
)
PRICED = replace(SETTINGS, price_tick=Decimal("0.01"), lot=Decimal("0.1"))
"""Coarse enough that amounts of a few lots are some cents."""
END = START + PERIOD


class SettledTown(Town):
    """A town whose market is settled; with DSOs and TSOs. `areas`: by region, the TSO's area."""

    def __init__(self, path, meters, areas: Mapping[str, str] = MappingProxyType({"north": "grid"}), **changes):
        self.areas = areas
        names = sorted({*areas, *areas.values()})
        self.operators = {name: (SigningKey.generate(), SealingKey.generate()) for name in names}
        super().__init__(path, meters=meters, **{"times": SETTLED, "settings": PRICED, **changes})

    def amended(self, roll: Roll) -> Roll:
        keys = {name: tuple(key.public for key in both) for name, both in self.operators.items()}
        return replace(
            roll,
            regions=tuple(RollRegion(region, *keys[region], area) for region, area in sorted(self.areas.items())),
            areas=tuple(RollArea(area, *keys[area]) for area in sorted(set(self.areas.values()))),
        )

    async def look_at_the_roll(self, version: int) -> None:
        """The registrar signs a new version, which all parties read."""
        self.write_roll(version)
        for service in self.services.values():
            await service.upkeep.look()

    def name(self, stage: Stage) -> str:
        return stage.of(self.market.id)

    async def stage_state(self, stage: Stage, party: int, start: int = START) -> State | None:
        row = await self.services[party].node.ledger.round(self.name(stage), start)
        return None if row is None else State(row.state)

    async def until_stage(self, stage: Stage, *states: State, start: int = START) -> None:
        async def reached(party: int) -> bool:
            if await self.stage_state(stage, party, start) not in states:
                return False
            site = self.services[party].sites.get(self.name(stage))
            return states != (State.COLLECTING,) or site.node.intake.round(start) is not None

        for party in sorted(self.services):
            await self.wait(lambda party=party: reached(party))

    async def wait(self, condition, seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not await condition():
                await asyncio.sleep(0.02)

    async def stage_terms(self, stage: Stage, start: int = START) -> Terms:
        document = (await self.get(0, f"../{self.name(stage)}/periods/{start}")).json()
        period, committee = Period(self.name(stage), start), self.market.committee(start).at(stage)
        openings = [
            read_signed(Opening, bytes.fromhex(each), committee, period).message for each in document["openings"]
        ]
        return terms_of({opening.party: opening for opening in openings}, self.parties)

    def reading(self, meter: Meter, terms: Terms, imported: int, exported: int, number: int = 1) -> Submission:
        return make_reading(terms, meter.entry, number, Reading(imported, exported), meter.market, meter.key)

    async def post_reading(self, party: int, submission: Submission | bytes, start: int = START) -> httpx.Response:
        body = submission if isinstance(submission, bytes) else submission.encode()
        async with self.client(party) as client:
            headers = {"content-type": "application/octet-stream"}
            return await client.post(f"periods/{start}/readings", content=body, headers=headers)

    async def read(self, meter: Meter, terms: Terms, imported: int, exported: int, number: int = 1) -> None:
        made = self.reading(meter, terms, imported, exported, number)
        for party in range(self.parties):
            answer = await self.post_reading(party, made.only_for(party), terms.period.start)
            assert answer.status_code == 200, answer.text
            committee = self.market.committee(terms.period.start).at(terms.period.stage)
            check_receipt(read_signed(Receipt, answer.content, committee, terms.period, party).message, made.header)

    async def untraded(self, start: int, *imports: int) -> None:
        """A period without trade that all meters have read, settled."""
        length = self.market.period_seconds
        self.later(1000 * (start - length) - 60_000)  # the round before has expired
        await self.until(State.COLLECTING, *FINAL, start=start)
        self.later(1000 * start - 300_000)
        await self.until(*FINAL, start=start)
        self.later(1000 * (start + length))
        await self.until_stage(Stage.SETTLEMENT, State.COLLECTING, start=start)
        terms = await self.stage_terms(Stage.SETTLEMENT, start)
        for meter, imported in zip(self.meters, imports, strict=True):
            await self.read(meter, terms, imported, 0)
        await self.until_stage(Stage.SETTLEMENT, State.RESULT, start=start)

    async def correcting(self, starts: Sequence[int]) -> None:
        """The corrections of periods of one month are open at all parties, just before their last deadline."""
        self.later(self.market.calendar.last_deadline(starts[0]) - 1)
        for start in starts:
            await self.until_stage(Stage.CORRECTION, State.COLLECTING, *FINAL, start=start)

    def later(self, moment_ms: int) -> None:
        """Unless it is later already."""
        self.clock.move_to(max(self.clock.now_ms(), moment_ms))

    async def publish(self, supplier: str, number: int, begins: int, *prices: int, ends: int = 2**40 - 1):
        tariff = Tariff(self.market.id, supplier, number, begins, ends, *prices)
        body = sign_tariff(tariff, self.suppliers[supplier][0])
        answers = []
        for party in range(self.parties):
            async with self.client(party) as client:
                headers = {"content-type": "application/octet-stream"}
                answers.append(await client.post("tariffs", content=body, headers=headers))
        return answers

    async def slip_in(self, tariff: Tariff) -> None:
        """Into every ledger a tariff that no party would take: as if it had come back with a backup."""
        body = sign_tariff(tariff, self.suppliers[tariff.supplier][0])
        row = TariffRow(tariff.market, tariff.supplier, tariff.number, tariff.begins, tariff.ends, body)
        for service in self.services.values():
            await service.node.ledger.put_tariff(row)

    async def entries(self, stage: Stage, start: int = START) -> dict[str, tuple[int, ...]]:
        """What the parties hold as shares, put together by someone who sees them all: the test."""
        held = {}
        for party in range(self.parties):
            node = self.services[party].sites.get(self.name(stage)).node
            for row in await results_of(node, start):
                if row.words:
                    held.setdefault(row.meter, {})[party] = struct.unpack("<5Q", row.words)
        return {meter: recombine(shares, self.parties) for meter, shares in held.items()}

    async def sheet(self, content: Content, kind: Claimant, name: str, keys, start: int = START):
        """What a reader gets, by row; or why it gets nothing."""
        stage = Stage.SETTLEMENT if content is Content.TOTALS else Stage.CLOSING
        terms, sheets = await self.stage_terms(stage, start), {}
        for party in range(self.parties):
            claim = make_claim(terms, party, kind, name, keys[0])
            path = f"../{self.name(stage)}/periods/{start}/{content.name.lower()}/{kind.name.lower()}/{name}"
            answer = await self.get(party, path, headers={"authorization": f"Claim {claim.hex()}"})
            if answer.status_code != 200:
                return problem(answer)
            committee = self.market.committee(start).at(stage)
            sheets[party] = read_signed(Sheet, answer.content, committee, terms.period, party).message
        got = receive_sheet(kind, name, content, sheets, terms, keys[1])
        assert got.verified
        return [(row, *values) for row, values in zip(got.title.rows, got.values, strict=True)]

    async def totals(self, kind: Claimant, name: str, keys, start: int = START):
        got = await self.sheet(Content.TOTALS, kind, name, keys, start)
        return got if isinstance(got, str) else {row.name: (row.users, *values) for row, *values in got}


def people(count: int = 3) -> list[Meter]:
    return [Meter(f"meter-{i}") for i in range(count)]


def entry(bought: int, sold: int, reading: Metered) -> tuple[int, ...]:
    made = settle(bought, sold, reading)
    return (made.bought, made.sold, made.imported, made.exported, made.residual_import)
