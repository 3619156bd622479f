"""A ready market directory: `community.toml` (`description`), and what is made from it when it is used first.

    DIR/community.toml    configuration alone, kept in a repository
    DIR/market/           as `mpc-market init` makes it: market.toml, roll.bin, registrar/, party-0/ …
    DIR/suppliers/NAME/   the home of each supplier
    DIR/meters/NAME/      a home for every meter, enrolled
    DIR/orders/ logs/ records/    of its runs

Used again it goes on with the same keys, ledgers and records; meters that were added to the file are made and enrolled.
"""

from collections.abc import Sequence
from pathlib import Path

from mpc_market.errors import InputError
from mpc_market.wire.roll import RollEntry
from parties.files.problems import Problems
from parties.files.running import RunningMarket, Supplier
from parties.files.running_toml import read_running
from parties.launch.community import Community, enrol, free_places
from parties.launch.description import COMMUNITY, Description, read_description
from parties.meter.home import Home, create_home, open_home
from parties.registrar import desk
from parties.registrar.changes import Candidate
from parties.registrar.home import read_registrar_home
from parties.setup.addresses import addresses_from
from parties.setup.creating import MARKET, REGISTRAR, create_market
from parties.supplier.home import make_supplier_home, read_supplier_home


def open_directory(directory: Path) -> tuple[Community, dict[str, Sequence[Home]]]:
    """The community of a directory, its keys made if there are none yet; and its clients, with their meters' homes.

    Raises: InputError; OutputError; HomeError; MarketError if there are not enough free ports.
    """
    described = read_description(directory / COMMUNITY)
    running = _market(directory, described)
    clients: dict[str, Sequence[Home]] = {}
    for client in described.clients:
        clients[client.name] = [_meter(directory, meter, client.maximum) for meter in client.meters]
    _enrol_new(directory, described, running, clients)
    return Community(directory, running, tuple(home for homes in clients.values() for home in homes)), clients


def _market(directory: Path, described: Description) -> RunningMarket:
    """The market file, which must be the one that follows from the description."""
    path, problems = directory / "market" / MARKET, Problems()
    if not path.exists():
        suppliers = [_supplier(directory / "suppliers" / name, name) for name in described.suppliers]
        free = iter(free_places(sum(party.address is None for party in described.parties)))
        places = [
            (party.name, next(free) if party.address is None else addresses_from(party.address))
            for party in described.parties
        ]
        return create_market(directory / "market", described.settings, described.service, places, suppliers)
    running = read_running(str(path), problems)
    problems.check()
    assert running is not None
    same = (running.settings, running.service, [party.name for party in running.parties])
    if same != (described.settings, described.service, [party.name for party in described.parties]):
        raise InputError(
            (
                f"{directory / COMMUNITY}: market, service or parties are not those that {directory / 'market'} was "
                f"made with: copy {COMMUNITY} into a new directory for another market",
            )
        )
    return running


def _supplier(path: Path, name: str) -> Supplier:
    if not path.exists():
        return make_supplier_home(path, name).public
    problems = Problems()
    home = read_supplier_home(path, problems)
    problems.check()
    assert home is not None
    return home.public


def _meter(directory: Path, meter: str, maximum: str) -> Home:
    path = directory / "meters" / meter
    return open_home(path) if path.exists() else create_home(path, meter, str(directory / "market" / MARKET), maximum)


def _enrol_new(
    directory: Path, described: Description, running: RunningMarket, clients: dict[str, Sequence[Home]]
) -> None:
    """Enrol the meters that are not on the roll; those that are must be there as described."""
    problems = Problems()
    registrar = read_registrar_home(directory / "market" / REGISTRAR, problems)
    problems.check()
    assert registrar is not None
    enrolled, fresh = desk.current(registrar).by_meter(), []
    for client in described.clients:
        maximum = running.settings.lots(client.maximum)
        for home in clients[client.name]:
            keys = home.identity.public, home.sealing.public
            entry = RollEntry(home.meter, *keys, client.supplier, client.region, maximum)
            if home.meter not in enrolled:
                fresh.append(Candidate(str(home.path), entry))
            elif enrolled[home.meter] != entry:
                problems.add(
                    str(directory / COMMUNITY),
                    f"meter '{home.meter}' is enrolled otherwise: `mpc-market registrar change` changes that",
                )
    problems.check()
    if fresh:
        enrol(registrar, fresh)
