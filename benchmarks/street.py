"""The meters of one market, played by one client: its files are made, an order sent for each meter, results checked.

An order is made, sealed and signed as a meter does it; there is no store behind it, so that the parties are measured.
"""

import asyncio
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Order, Rationing, Side
from mpc_market.wire.audit import check_chain
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.identifiers import Period
from mpc_market.wire.layout import filled
from mpc_market.wire.message import read_signed
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.outcome import Outcome, result_of
from mpc_market.wire.reception import receive
from mpc_market.wire.record import Record
from mpc_market.wire.roll import Roll, RollEntry, sign_roll
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import Submission, make
from parties.files.market import MarketFile
from parties.files.private import replace
from parties.files.problems import Problems
from parties.files.running import RunningMarket, Service
from parties.launch.community import free_places
from parties.registrar.home import read_registrar_home
from parties.setup.creating import create_market, join_market, party_folder
from parties.supplier.home import make_supplier_home
from parties.tls import client_context

_SUPPLIER, _REGION = "green", "north"
_PATIENCE_SECONDS = 600.0


@dataclass
class Meter:
    """One meter, with its keys; `submission`: what it has sent."""

    id: str
    order: Order
    maximum: int
    key: SigningKey = field(default_factory=SigningKey.generate, repr=False)
    sealing: SealingKey = field(default_factory=SealingKey.generate, repr=False)
    submission: Submission | None = field(default=None, repr=False)

    @property
    def entry(self) -> RollEntry:
        """Its line of the roll."""
        return RollEntry(self.id, self.key.public, self.sealing.public, _SUPPLIER, _REGION, self.maximum)


def make_streets(directory: Path, parties: int, markets: int, meters: int, collect: int) -> list["Street"]:
    """The homes of the parties in DIRECTORY/market, with this many markets of this many meters in them.

    `collect`: seconds; the gate closes one period before the period starts. A round may take three to be published.
    """
    service = Service(timedelta(seconds=collect), timedelta(seconds=3 * collect), timedelta(days=1))
    supplier = make_supplier_home(directory / "supplier", _SUPPLIER).public
    places = [(f"party {number}", place) for number, place in enumerate(free_places(parties))]
    first = create_market(directory / "market", _settings(0, collect), service, places, [supplier])
    running, folders = [first], [directory / "market"]
    for k in range(1, markets):
        folders.append(directory / f"market-{k}")
        running.append(join_market(folders[k], _settings(k, collect), service, first.parties, [supplier]))
    streets = [Street(each, _meters(each, meters)) for each in running]
    for street, folder in zip(streets, folders, strict=True):
        street.enrol(folder)
        if street.running is first:
            continue
        for number in range(parties):
            target = directory / "market" / party_folder(number) / "markets" / street.running.id
            target.mkdir(parents=True)
            for file in ("market.toml", "roll.bin"):
                shutil.copy(folder / file, target)
    return streets


def _settings(k: int, collect: int) -> MarketFile:
    return MarketFile(id=f"feeder-{k}", period=timedelta(seconds=collect), rationing=Rationing.PRO_RATA)


def _meters(running: RunningMarket, count: int) -> list[Meter]:
    """Each with an order drawn at random: buys and sells, equally likely."""
    settings, made = running.settings, []
    maximum = settings.lots("10.000")
    for k in range(count):
        side = Side.SELL if secrets.randbelow(2) else Side.BUY
        order = Order(f"m{k}/0", side, 700 + secrets.randbelow(1000), 100 + secrets.randbelow(2000))
        made.append(Meter(f"m{k}", order, maximum))
    return made


class Street:
    """One market and its meters; `learn` a round, then `submit` to it."""

    def __init__(self, running: RunningMarket, meters: Sequence[Meter]) -> None:
        self.running = running
        self.meters = meters
        self._terms: Terms | None = None
        self._clients = [
            httpx.AsyncClient(
                base_url=f"{party.api}/v1/markets/{running.id}",
                verify=client_context(party.certificates(int(time.time()))),
                trust_env=False,
                timeout=60,
            )
            for party in running.parties
        ]

    async def close(self) -> None:
        """Hang up."""
        for client in self._clients:
            await client.aclose()

    def enrol(self, folder: Path) -> None:
        """Put all meters on the roll of the market in this folder."""
        problems = Problems()
        registrar = read_registrar_home(folder / "registrar", problems)
        problems.check()
        assert registrar is not None
        before = Roll.decode((folder / "roll.bin").read_bytes()[:-64])
        entries = tuple(sorted((meter.entry for meter in self.meters), key=lambda entry: entry.meter.encode()))
        roll = Roll(self.running.id, before.version + 1, entries, before.suppliers)
        replace(folder / "roll.bin", sign_roll(roll, registrar.key))

    async def get(self, path: str) -> httpx.Response:
        """Ask party 0 about the market."""
        return await self._clients[0].get(path)

    async def is_open(self, start: int) -> bool:
        """Whether all parties take orders for this round."""
        for client in self._clients:
            try:
                answer = await client.get(f"periods/{start}")
            except httpx.TransportError:
                return False
            if answer.status_code != httpx.codes.OK or answer.json()["state"] != "collecting":
                return False
        return True

    async def learn(self, start: int) -> None:
        """What the parties have opened the round with."""
        document = (await self._clients[0].get(f"periods/{start}")).json()
        period, committee = Period(self.running.id, start), self.running.committee(start)
        openings = [
            read_signed(Opening, bytes.fromhex(each), committee, period).message for each in document["openings"]
        ]
        self._terms = terms_of({opening.party: opening for opening in openings}, len(self._clients))

    async def submit(self, number: int) -> None:
        """One meter's order, to every party its own seal. Raises: RuntimeError without all receipts."""
        assert self._terms is not None
        meter, rules = self.meters[number], self.running.settings.rules
        meter.submission = made = make(
            self._terms, meter.entry, 1, filled(meter.id, [meter.order], 1), rules, meter.key
        )
        await asyncio.gather(*(self._post(party, made.only_for(party).encode()) for party in range(len(self._clients))))

    async def _post(self, party: int, body: bytes) -> None:
        assert self._terms is not None
        path, headers = f"periods/{self._terms.period.start}/orders", {"content-type": "application/octet-stream"}
        answer = await self._clients[party].post(path, content=body, headers=headers)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"party {party} gives no receipt: {answer.text}")

    async def until_over(self, start: int) -> float:
        """When the result is there, as a client that waits for it sees it (seconds since 1970)."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while (state := await self._state(start)) not in ("result", "void"):
            if time.monotonic() > end:
                raise RuntimeError(f"{self.running.id}: still {state}")
        if state != "result":
            raise RuntimeError(f"{self.running.id}: the round is void")
        return time.time()

    async def _state(self, start: int) -> str:
        return str((await self._clients[0].get(f"periods/{start}", params={"wait": 20})).json()["state"])

    async def check(self, start: int) -> int:
        """Compare what every meter receives with the rule; how many orders took part. Raises: RuntimeError."""
        assert self._terms is not None
        record = Record.decode((await self._clients[0].get(f"periods/{start}/record")).content)
        committee = self.running.committee(start)
        audited = check_chain([record], lambda _: committee, record.previous, record.sequence)[0]
        document = (await self._clients[0].get(f"periods/{start}")).json()
        outcomes = [
            read_signed(Outcome, bytes.fromhex(each), committee, self._terms.period).message
            for each in document["outcomes"]
        ]
        result = result_of({outcome.party: outcome for outcome in outcomes}, len(self._clients))
        assert audited.randomness is not None
        book = [meter.order for meter in sorted(self.meters, key=lambda meter: meter.id.encode())]
        rule = clear(book, self.running.settings.rules, audited.randomness.ticket_seed)
        by_order = dict(zip((order.order_id for order in book), rule.accepted, strict=True))
        for meter in self.meters:
            deliveries = {party: await self._delivery(party, meter) for party in range(len(self._clients))}
            assert meter.submission is not None
            filled_book = filled(meter.id, [meter.order], 1)
            got = receive(meter.submission.header, filled_book, deliveries, result, self._terms, meter.sealing)
            if (got.price, got.accepted) != (rule.price, (by_order[f"{meter.id}/0"],)):
                raise RuntimeError(f"{self.running.id}: a result differs from the plaintext rule")
        return len(self.meters)

    async def _delivery(self, party: int, meter: Meter) -> Delivery:
        assert self._terms is not None
        period = self._terms.period
        claim = make_claim(self._terms, party, Claimant.METER, meter.id, meter.key)
        answer = await self._clients[party].get(
            f"periods/{period.start}/results/{meter.id}",
            params={"wait": 20},  # this party may not have heard yet of the others' outcomes
            headers={"authorization": f"Claim {claim.hex()}"},
        )
        committee = self.running.committee(period.start)
        return read_signed(Delivery, answer.content, committee, period, party).message
