"""A whole market directory for tests, on loopback addresses."""

from pathlib import Path

from parties.files.market import MarketFile
from parties.files.party_home import PartyHome, read_party_home
from parties.files.problems import Problems
from parties.files.running import Party, RunningMarket, Service
from parties.setup.addresses import addresses_from
from parties.setup.creating import create_market
from parties.setup.keygen import make_party_home

NOW = 1_790_000_000
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


def make(directory: Path, hosts: tuple[str, ...] = HOSTS) -> RunningMarket:
    places = [(host, addresses_from((host, 8443))) for host in hosts]
    return create_market(directory, MarketFile(id="oak-street"), Service(), places)


def opened(path: Path, now: int = NOW) -> PartyHome:
    problems = Problems()
    home = read_party_home(path, now, problems)
    problems.check()
    assert home is not None
    return home


def introduced(path: Path, name: str) -> Party:
    return make_party_home(path, name, addresses_from((name, 8443)))
