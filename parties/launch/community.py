"""The files of a market that runs on this machine for a while: a market directory, a supplier, meters, all enrolled.

DIR/market/      as `mpc-market init` makes it: market.toml, roll.bin, registrar/, party-0/ …
DIR/supplier/    the home of the one supplier
DIR/meters/      a home for every meter
DIR/orders/      what the meters of each client order, drawn at random
DIR/readings/    what they meter, drawn at random, if the market settles
"""

import secrets
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mpc_market.errors import MarketError
from mpc_market.wire.roll import RollEntry
from parties.files.problems import Problems
from parties.files.running import RunningMarket
from parties.files.values import moment_text
from parties.meter.home import Home, create_home
from parties.registrar import changes, desk
from parties.registrar.changes import Candidate
from parties.registrar.home import RegistrarHome, read_registrar_home
from parties.setup.addresses import MPC_LAST, PRIVATE, Addresses, addresses_from
from parties.setup.creating import MARKET, REGISTRAR, create_market, party_folder
from parties.setup.settings import new_settings
from parties.supplier.home import make_supplier_home

SUPPLIER, REGION, MAXIMUM_KWH = "supplier", "region", "10.000"
_HOST = "127.0.0.1"
_PORTS = range(20_000, 32_000)  # below those that systems give to clients
_TRIES = 100


@dataclass(frozen=True)
class Community:
    """A market directory with its meters, ready to be run."""

    directory: Path
    running: RunningMarket
    meters: tuple[Home, ...]

    @property
    def market_file(self) -> Path:
        """The public market file."""
        return self.directory / "market" / MARKET

    def orders(self, client: str) -> Path:
        """What the meters of a client order."""
        return self.directory / "orders" / f"{client}.csv"

    def party_home(self, number: int) -> Path:
        """The home of a compute party."""
        return self.directory / "market" / party_folder(number)


def make_community(
    directory: Path,
    parties: int,
    meters: int,
    period_seconds: int,
    deadline_seconds: int | None = None,
    places: Sequence[Addresses] = (),
    settlement: Mapping[str, str] | None = None,
) -> Community:
    """Make all of it. The gate closes one period before the period starts, so that short periods work too.

    `deadline_seconds`: after the gate; a second less than the period if nothing is said. `places`: where the parties
    are found, if not at free ports of this machine. `settlement`: keys of the table of that name; None: it only clears.
    Raises: InputError; OutputError; HomeError; MarketError if there are not enough free ports.
    """
    said = {"id": "local", "period": f"PT{period_seconds}S", "gate_lead": f"PT{period_seconds}S"}
    problems = Problems()
    deadline = deadline_seconds or max(period_seconds - 1, 1)
    made = new_settings(directory, None, {**said, "deadline": f"PT{deadline}S", **(settlement or {})}, problems)
    problems.check()
    assert made is not None
    settings, service = made
    named = [(f"party-{number}", place) for number, place in enumerate(places or free_places(parties))]
    supplier = make_supplier_home(directory / "supplier", SUPPLIER)
    running = create_market(directory / "market", settings, service, named, [supplier.public])
    market_file = directory / "market" / MARKET
    width = len(str(meters))
    homes = [
        create_home(directory / "meters" / name, name, str(market_file), MAXIMUM_KWH)
        for name in (f"meter-{number:0{width}}" for number in range(1, meters + 1))
    ]
    _enrol_all(directory / "market" / REGISTRAR, homes, running)
    return Community(directory, running, tuple(homes))


def write_orders(community: Community, client: str, homes: Sequence[Home], starts: Sequence[int]) -> Path:
    """Draw an order for every meter of a client and every period: buys and sells, equally likely. Raises: OSError.

    Prices are around a third of the market's grid, lower ones for sells, so that there is something to trade;
    quantities up to a fifth of a meter's maximum.
    """
    file, path = community.running.settings, community.orders(client)
    ticks = 2**file.price_bits
    rows = ["meter,period,side,price,quantity"]
    for home in homes:
        for start in starts:
            sells = secrets.randbelow(2) == 1
            least, most = (ticks // 6, ticks * 3 // 8) if sells else (ticks // 5, ticks // 2)
            price = file.price_text(least + secrets.randbelow(max(most - least, 1)))
            quantity = file.quantity_text(1 + secrets.randbelow(max(file.lots(home.maximum) // 5, 1)))
            rows.append(f"{home.meter},{moment_text(start)},{'sell' if sells else 'buy'},{price},{quantity}")
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
    return path


def write_readings(community: Community, client: str, homes: Sequence[Home], starts: Sequence[int]) -> Path:
    """Draw what every meter of a client meters in every period: import or export, up to a fifth of its maximum.

    These households are simulated: what they trade and what they meter have nothing to do with each other.
    Raises: OSError.
    """
    file = community.running.settings
    rows = ["meter,period,import,export"]
    for home in homes:
        for start in starts:
            metered = file.quantity_text(secrets.randbelow(max(file.lots(home.maximum) // 5, 1) + 1))
            both = f"0,{metered}" if secrets.randbelow(2) else f"{metered},0"
            rows.append(f"{home.meter},{moment_text(start)},{both}")
    path = community.directory / "readings" / f"{client}.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
    return path


def enrol(registrar: RegistrarHome, candidates: Sequence[Candidate]) -> None:
    """Give the roll its next version, with these meters too. Raises: InputError; OutputError."""
    desk.change(registrar, lambda roll, noted: changes.enrol(roll, candidates, noted))


def _enrol_all(home: Path, meters: Sequence[Home], running: RunningMarket) -> None:
    problems = Problems()
    registrar = read_registrar_home(home, problems)
    problems.check()
    assert registrar is not None
    maximum = running.settings.lots(MAXIMUM_KWH)
    candidates = [
        Candidate(
            str(each.path),
            RollEntry(each.meter, each.identity.public, each.sealing.public, SUPPLIER, REGION, maximum),
        )
        for each in meters
    ]
    enrol(registrar, candidates)


def free_places(parties: int) -> list[Addresses]:
    """Addresses on this machine of which the ports are free now."""
    block = MPC_LAST + 1
    for _ in range(_TRIES):
        first = _PORTS.start + secrets.randbelow(len(_PORTS) - parties * block)
        ports = [first + number * block for number in range(parties)]
        if all(_free(port + offset) for port in ports for offset in range(PRIVATE + 1)):
            return [addresses_from((_HOST, port)) for port in ports]
    raise MarketError(f"no {parties * block} free ports in a row between {_PORTS.start} and {_PORTS.stop}")


def _free(port: int) -> bool:
    with ExitStack() as stack:
        try:
            stack.enter_context(socket.create_server((_HOST, port)))
        except OSError:
            return False
    return True
