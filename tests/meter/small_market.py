"""A whole small market in one process: stand-ins for the parties, and meters at home in a temporary directory."""

from datetime import timedelta
from pathlib import Path

from mpc_market.rules.model import Side
from parties.client.api import Api
from parties.files.market import MarketFile
from parties.files.running import Service
from parties.meter.forecast import Wish
from parties.meter.home import create_home
from parties.meter.market import Meter
from parties.meter.results import collect
from parties.meter.rounds import Rounds
from parties.meter.store import Store
from parties.meter.submitting import submit
from tests.meter.standin import Parties
from tests.meter.virtual_clock import VirtualClock

START = 1_795_262_400  # 2026-11-21T12:00:00Z
MAXIMUM = 17_250  # lots
BUY, SELL = Wish(Side.BUY, 2000, 1500), Wish(Side.SELL, 1000, 1000)


class SmallMarket:
    """The time is half an hour before START: its round opens then, with a gate lead of 15 minutes."""

    def __init__(self, folder: Path, *, parties: int = 3, orders: int = 1) -> None:
        self.folder = folder
        self.clock = VirtualClock(1000 * (START - 1800))
        file = MarketFile(id="m1", period=timedelta(minutes=15), orders_per_submission=orders)
        service = Service(gate_lead=timedelta(minutes=15))
        self.parties = Parties(file, self.clock.now_ms, parties=parties, service=service)
        self.gate = self.parties.market.rhythm.gate(START)
        self.rounds = self.fresh_rounds()
        self.run = self.clock.run

    def fresh_rounds(self) -> Rounds:
        """What a client that has just been started knows: nothing."""
        api = Api(self.parties.committee.market, self.parties.transports())
        return Rounds(api, self.parties.market, self.clock, patience_ms=600_000)

    def meter(self, name: str = "m1", maximum: int = MAXIMUM) -> Meter:
        """A new meter, enrolled."""
        home = create_home(self.folder / f"home-{name}", name, "market.toml", "17.250")
        self.parties.enrol(name, home.identity.public, home.sealing.public, maximum)
        return Meter(home, Store(home.store, name), maximum)


def posts(small: SmallMarket) -> list[tuple[int, bytes]]:
    return [(party, request.body) for party, request in small.parties.requests if request.method == "POST"]


async def play(small: SmallMarket, *orders: tuple):
    """Each (meter, wish) submitted, the gate closed, and each result collected."""
    submitted = [await submit(meter, small.rounds, START, [wish]) for meter, wish in orders]
    await small.clock.until(small.gate)
    return submitted, [await collect(meter, small.rounds, START) for meter, _ in orders]
