"""A registrar's home with a market file of its own, for tests."""

from dataclasses import replace
from pathlib import Path

from mpc_market.wire.roll import RollEntry, RollSupplier
from parties.files.market import MarketFile
from parties.files.problems import Problems
from parties.files.running import Party, PartyKeys, RunningMarket, Service
from parties.files.running_toml import running_text
from parties.registrar import desk
from parties.registrar.home import RegistrarHome, make_registrar_home, read_registrar_home
from parties.tls.certificate import make_key_pair


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def entry(meter: str, number: int, supplier: str = "green", region: str = "north", maximum: int = 5000) -> RollEntry:
    return RollEntry(meter, key(number), key(1000 + number), supplier, region, maximum)


def supplier(name: str, number: int) -> RollSupplier:
    return RollSupplier(name, key(5000 + number), key(6000 + number))


def party(letter: str) -> Party:
    host = f"{letter}.example"
    keys = PartyKeys(0, letter.encode() * 32, make_key_pair(host, [host]).certificate)
    return Party(host, f"https://{host}:8443", (host, 8444), host, range(8450, 8490), (keys,))


def make_home(path: Path, *, begun: bool = True) -> RegistrarHome:
    public = make_registrar_home(path)
    market = RunningMarket(MarketFile(id="oak-street"), Service(), public, tuple(map(party, "abc")))
    (path / "market.toml").write_text(running_text(market), "utf-8")
    home = open_home(path)
    if begun:
        desk.begin(home)
    return home


def open_home(path: Path) -> RegistrarHome:
    problems = Problems()
    home = read_registrar_home(path, problems)
    problems.check()
    assert home is not None
    return home


def with_market(home: RegistrarHome, **changed: object) -> RegistrarHome:
    return replace(home, market=replace(home.market, **changed))  # type: ignore[arg-type]
