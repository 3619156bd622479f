"""Who runs the compute parties of a market, and who submits for which meters: `community.toml`, configuration alone.

    [market] [service] [settlement]    as in every market file; without the last one it only clears
    [[party]]             a compute party: name, address ("host:port"; where none is said, free ports of this machine)
    [[client]]            who submits: name, meters (ids), and of these supplier, region, maximum (kWh)

The four set-ups of `setups` differ in nothing else: who has a party, who has meters, and for whom. There is no key in
it, so it can be kept in a repository and handed round; keys are made when it is used first (`directory`).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpc_market.errors import InvalidOrderError, InvalidSettingsError
from mpc_market.wire.committee import PARTIES
from parties.files import values
from parties.files.market import MarketFile, market_table
from parties.files.problems import Problems, printable
from parties.files.running import Service
from parties.files.running_toml import service_table
from parties.files.toml import Document, read_document
from parties.files.values import Address

COMMUNITY = "community.toml"

_TABLES = "[market], [service], [settlement], [[party]], [[client]]"
_METERS_MAX = 10_000
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class PartyRow:
    """`[[party]]`. `address`: of its public API."""

    name: str
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class ClientRow:
    """`[[client]]`: one process, and the ids of the meters that it submits for. `maximum`: kWh, as enrolled."""

    name: str
    meters: tuple[str, ...]
    supplier: str
    region: str
    maximum: str


@dataclass(frozen=True)
class Description:
    """A `community.toml`, read and checked."""

    settings: MarketFile
    service: Service
    parties: tuple[PartyRow, ...]
    clients: tuple[ClientRow, ...]

    @property
    def suppliers(self) -> tuple[str, ...]:
        """All suppliers, each once."""
        return tuple(dict.fromkeys(client.supplier for client in self.clients))


def read_description(path: Path) -> Description:
    """Read a `community.toml`. Raises: InputError with all problems."""
    problems = Problems()
    document = read_document(str(path), problems)
    problems.check()
    assert document is not None
    for key in document.content:
        if key not in ("market", "service", "settlement", "party", "client"):
            problems.add(document.where((), key), f"unknown table '{printable(key)}': there are {_TABLES}")
    settings, service = market_table(document, problems), service_table(document, problems)
    parties = [PartyRow(**row) for row in _rows(document, "party", _PARTY, {"name"}, problems)]
    clients = [ClientRow(**row) for row in _rows(document, "client", _CLIENT, set(_CLIENT), problems)]
    if len(parties) not in PARTIES:
        problems.add(str(path), f"{len(parties)} compute parties: a market has {', '.join(map(str, PARTIES))}")
    if settings is not None and settings.id is None:
        problems.add(document.where(("market",)), "id is missing in [market]")
    _once(document, "party", "name", [[party.name] for party in parties], problems)
    _once(document, "client", "name", [[client.name] for client in clients], problems)
    _once(document, "client", "meters", [client.meters for client in clients], problems)
    for place, client in enumerate(clients):
        if re.fullmatch(r"party-\d+", client.name):
            problems.add(document.where(("client", place), "name"), f"'{client.name}' is how a party's log is called")
    if settings is not None:
        _check_maxima(document, settings, clients, problems)
    problems.check()
    assert settings is not None
    assert service is not None
    return Description(settings, service, tuple(parties), tuple(clients))


def _rows(
    document: Document, name: str, readers: dict[str, Any], needed: set[str], problems: Problems
) -> list[dict[str, Any]]:
    tables = document.content.get(name, [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        problems.add(document.where((), name), f"[[{name}]] with two brackets is expected, at least once")
        return []
    rows = []
    for place, table in enumerate(tables):
        row = document.read((name, place), table, readers, problems)
        lacking = sorted(needed - set(table))
        if lacking:
            problems.add(document.where((name, place)), f"{', '.join(lacking)} is missing in [[{name}]]")
        elif row is not None:
            rows.append(row)
    return rows


def _once(document: Document, table: str, key: str, used: list[Any], problems: Problems) -> None:
    """No name twice; `used`: the names in each table."""
    seen: set[str] = set()
    for place, names in enumerate(used):
        for name in names:
            if name in seen:
                problems.add(document.where((table, place), key), f"'{name}' is there twice")
            seen.add(name)


def _check_maxima(document: Document, settings: MarketFile, clients: list[ClientRow], problems: Problems) -> None:
    for place, client in enumerate(clients):
        try:
            settings.lots(client.maximum)
        except InvalidOrderError as error:
            problems.add(document.where(("client", place), "maximum"), f"maximum: {error}")


def _word(value: object) -> str:
    """A name that is a file's name too."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    raise InvalidSettingsError("1 to 64 of A-Z, a-z, 0-9, '.', '_', '-' are expected, the first a letter or a digit")


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and 1 <= len(value) <= _METERS_MAX:
        return tuple(map(_word, value))
    raise InvalidSettingsError(f'1 to {_METERS_MAX} ids of meters such as ["m1", "m2"] are expected')


def _number(value: object) -> str:
    return f"{values.positive(value):f}"


_PARTY = {"name": _word, "address": values.address}
_CLIENT = {"name": _word, "meters": _words, "supplier": _word, "region": _word, "maximum": _number}
