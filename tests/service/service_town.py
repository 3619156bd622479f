"""A market for tests: m services in one process over real loopback HTTPS, with real ledgers, and meters."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import httpx

from mpc_market.rules.model import Market, Order, Rationing, Side
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.committee import Committee
from mpc_market.wire.identifiers import Period
from mpc_market.wire.layout import filled
from mpc_market.wire.message import read_signed
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.roll import Roll, RollEntry, RollSupplier, sign_roll
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import Submission, make
from parties.files.market import MarketFile
from parties.files.party_home import Listen, PartyHome, read_party_homes
from parties.files.private import replace as replace_file
from parties.files.problems import Problems
from parties.files.running import RunningMarket
from parties.files.running import Service as ServiceTimes
from parties.files.running_toml import running_text
from parties.registrar.home import RegistrarHome, read_registrar_home
from parties.service.life import FINAL, State
from parties.service.node import Node
from parties.service.service import Service, running
from parties.setup.addresses import Addresses
from parties.setup.creating import create_market, party_folder
from parties.tls import client_context
from tests.ports import free_ports
from tests.service.memory_workers import Meeting, MemoryWorkers

PERIOD = 900
START = 1_800_000_000 // PERIOD * PERIOD
"""The first period of every town."""

SETTINGS = MarketFile(
    price_bits=6,
    quantity_bits=8,
    period=timedelta(seconds=PERIOD),
    rationing=Rationing.LOTTERY,
    minimum_group=2,
    id="oak-street",
)
TIMES = ServiceTimes(gate_lead=timedelta(seconds=300), deadline=timedelta(seconds=240), retention=timedelta(days=30))


class Clock:
    """A clock that stands still until the test moves it on."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._moved = asyncio.Event()

    def now_ms(self) -> int:
        return self._now_ms

    async def until(self, moment_ms: int) -> None:
        while self._now_ms < moment_ms:
            await self._moved.wait()

    def move_to(self, moment_ms: int) -> None:
        assert moment_ms >= self._now_ms
        self._now_ms = moment_ms
        self._moved.set()
        self._moved = asyncio.Event()


@dataclass
class Meter:
    """A meter that is enrolled, with all that it keeps."""

    id: str
    supplier: str = "sun"
    maximum: int = 200
    market: Market = SETTINGS.rules
    key: SigningKey = field(default_factory=SigningKey.generate)
    sealing: SealingKey = field(default_factory=SealingKey.generate)
    region: str = "north"

    @property
    def entry(self) -> RollEntry:
        return RollEntry(self.id, self.key.public, self.sealing.public, self.supplier, self.region, self.maximum)

    def submission(self, terms: Terms, number: int, *orders: tuple[Side, int, int], each: int = 1) -> Submission:
        """Orders (side, price, quantity) as a submission with all seals."""
        book = [Order(f"{self.id}/{k}", *order) for k, order in enumerate(orders)]
        return make(terms, self.entry, number, filled(self.id, book, each), self.market, self.key)


class Town:
    """The market directory, the parties' services while they run, and the meters."""

    def __init__(
        self,
        path: Path,
        parties: int = 3,
        settings: MarketFile = SETTINGS,
        meters: Sequence[Meter] = (),
        times: ServiceTimes = TIMES,
    ):
        self.path = path
        self.meters = [replace(meter, market=settings.rules) for meter in meters]
        self.suppliers = {name: (SigningKey.generate(), SealingKey.generate()) for name in ("sun", "wind")}
        self.settings = settings
        self.market: RunningMarket = create_market(path, settings, times, _places(parties))
        self.clock = Clock(self.gate - 1000 * PERIOD + 240_000)  # the round before has expired
        self.at_once: int | None = None
        self.meeting = Meeting()
        self.workers = [MemoryWorkers(self.meeting) for _ in range(parties)]
        self.services: dict[int, Service] = {}
        self._stops: dict[int, contextlib.AsyncExitStack] = {}
        self.rolls = [self.path / "roll.bin"]
        self.write_roll(1)

    @property
    def parties(self) -> int:
        return len(self.workers)

    @property
    def gate(self) -> int:
        return 1000 * START - 300_000

    @property
    def deadline(self) -> int:
        return self.gate + 240_000

    def write_roll(self, version: int) -> None:
        """Publish a version of the roll with all meters."""
        registrar = self.registrar()
        suppliers = [
            RollSupplier(name, key.public, seal.public) for name, (key, seal) in sorted(self.suppliers.items())
        ]
        entries = tuple(sorted((meter.entry for meter in self.meters), key=lambda entry: entry.meter.encode()))
        roll = Roll(self.market.id, version, entries, tuple(suppliers))
        for path in self.rolls:
            replace_file(path, sign_roll(self.amended(roll), registrar.key))

    def amended(self, roll: Roll) -> Roll:
        """The roll with whatever else a test wants on it."""
        return roll

    def registrar(self) -> RegistrarHome:
        problems = Problems()
        registrar = read_registrar_home(self.path / "registrar", problems)
        problems.check()
        return registrar

    def committee_of(self, period: Period) -> Committee:
        return self.market.committee(period.start)

    def home(self, party: int) -> PartyHome:
        return self.homes(party)[0]

    def homes(self, party: int) -> list[PartyHome]:
        problems = Problems()
        homes = read_party_homes(self.path / party_folder(party), self.clock.now_ms() // 1000, problems)
        problems.check()
        return homes

    def further(self, market: str, meters: Sequence[Meter] = ()) -> "Town":
        """Another market of the same parties, in their homes before they start: it shares all but its files."""
        other = copy(self)
        other.meters = [replace(meter, market=self.settings.rules) for meter in meters]
        other.settings = replace(self.settings, id=market)
        other.market = replace(self.market, settings=other.settings)
        folders = [self.path / party_folder(party) / "markets" / market for party in range(self.parties)]
        for folder in folders:
            folder.mkdir(parents=True)
            (folder / "market.toml").write_text(running_text(other.market))
        other.rolls = [folder / "roll.bin" for folder in folders]
        other.write_roll(1)
        return other

    # --- services

    async def start(self, *parties: int) -> None:
        """Start the services of some parties (all)."""
        for party in parties or range(self.parties):  # one after the other: Alembic migrates one database at a time
            await self._start(party)

    async def _start(self, party: int) -> None:
        stack = self._stops[party] = contextlib.AsyncExitStack()
        self.services[party] = await stack.enter_async_context(
            running(self.homes(party), self.workers[party], self.clock, at_once=self.at_once)
        )

    async def stop(self, *parties: int) -> None:
        """Stop the services of some parties (all that run)."""
        stopping = [self._stops.pop(party) for party in parties or list(self._stops)]
        for party in parties or list(self.services):
            self.services.pop(party, None)
        await asyncio.gather(*(stack.aclose() for stack in stopping))

    @contextlib.asynccontextmanager
    async def up(self, *parties: int) -> AsyncIterator["Town"]:
        try:
            await self.start(*parties)
            yield self
        finally:
            await self.stop()

    def node(self, party: int) -> Node:
        return self.services[party].sites.of(self.market.id).node

    async def state(self, party: int, start: int = START) -> State | None:
        row = await self.services[party].node.ledger.round(self.market.id, start)
        return None if row is None else State(row.state)

    async def until(
        self, *states: State, parties: Sequence[int] | None = None, start: int = START, seconds: float = 20
    ) -> None:
        """Wait until the round is in one of these states at all (or some) parties."""
        async with asyncio.timeout(seconds):
            for party in parties if parties is not None else sorted(self.services):
                while await self.state(party, start) not in states:
                    await asyncio.sleep(0.02)
                while states == (State.COLLECTING,) and not self.node(party).intake.round(start):
                    await asyncio.sleep(0.02)

    async def run_round(self, *parties: int) -> None:
        """From the gate to the end."""
        self.clock.move_to(self.gate)
        await self.until(*FINAL)

    async def counted(self, party: int, metric: str) -> float:
        """The value of a metric, with its labels as they are shown."""
        lines = (await self.private(party, "metrics")).text.splitlines()
        (value,) = [line.removeprefix(metric) for line in lines if line.startswith(f"{metric} ")]
        return float(value)

    # --- what meters do

    def client(self, party: int) -> httpx.AsyncClient:
        member = self.market.parties[party]
        tls = client_context(member.certificates(self.clock.now_ms() // 1000))
        return httpx.AsyncClient(base_url=f"{member.api}/v1/markets/{self.market.id}", verify=tls, trust_env=False)

    async def get(self, party: int, path: str, **options) -> httpx.Response:
        async with self.client(party) as client:
            return await client.get(path, **options)

    async def about(self, party: int) -> httpx.Response:
        """The document of the market."""
        return await self.get(party, f"../{self.market.id}")

    async def private(self, party: int, path: str) -> httpx.Response:
        """Ask a party's private API."""
        host, port = self.home(party).listen.private
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(f"http://{host}:{port}/{path}")

    async def terms(self, start: int = START) -> Terms:
        """What a meter makes of the period document of party 0."""
        document = (await self.get(0, f"periods/{start}")).json()
        period, committee = Period(self.market.id, start), self.market.committee(start)
        openings = [
            read_signed(Opening, bytes.fromhex(each), committee, period).message for each in document["openings"]
        ]
        return terms_of({opening.party: opening for opening in openings}, self.parties)

    async def post(self, party: int, submission: Submission | bytes, start: int = START) -> httpx.Response:
        body = submission if isinstance(submission, bytes) else submission.encode()
        async with self.client(party) as client:
            headers = {"content-type": "application/octet-stream"}
            return await client.post(f"periods/{start}/orders", content=body, headers=headers)

    async def submit(self, submission: Submission, start: int = START) -> None:
        """To every party its own seal; all must give receipts."""
        answers = [await self.post(party, submission.only_for(party), start) for party in range(self.parties)]
        assert [answer.status_code for answer in answers] == [200] * self.parties, [each.text for each in answers]

    async def result(self, party: int, meter: Meter, terms: Terms) -> httpx.Response:
        claim = make_claim(terms, party, Claimant.METER, meter.id, meter.key)
        path = f"periods/{terms.period.start}/results/{meter.id}"
        return await self.get(party, path, headers={"authorization": f"Claim {claim.hex()}"})


def problem(answer: httpx.Response) -> str:
    """The last part of the type of a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", (answer.status_code, answer.text)
    document = answer.json()
    assert document["status"] == answer.status_code
    return document["type"].removeprefix("urn:mpc-market:problem:")


def _places(parties: int) -> list[tuple[str, Addresses]]:
    ports = iter(free_ports(3 * parties))
    base = 11_000 + 140 * (os.getpid() % 140)  # below what the system gives away
    places = []
    for party in range(parties):
        api, control, private = (("127.0.0.1", next(ports)) for _ in range(3))
        listen = Listen(api, control, "127.0.0.1", private)
        places.append(
            (
                f"party {party}",
                Addresses(api, control, "127.0.0.1", range(base + 20 * party, base + 20 * party + 20), listen),
            )
        )
    return places
