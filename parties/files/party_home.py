"""The home of a compute party: its private directory, where `mpc-market party run` finds everything.

    HOME/                0700
      party.toml         0600   where the market file and the roll are, the database, the addresses to listen on
      signing.key        0600   secret Ed25519 seed: signs the party's messages
      tls.key            0600   secret key of the certificate
      tls.crt            0600   certificate, which others know by its fingerprint
      keys-2/ …          0700   the same three files, of the party's next keys (`mpc-market party rotate`)
      markets/ID/ …             further markets of the same parties: market.toml and roll.bin of each

Which party of the market it is, is not written down: the one whose public keys in the market file are those of this
home. Paths in `party.toml` are relative to the home. Keys, database, addresses and ports are the party's, whatever the
market: a signature and a seal name the market that they are for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.signing import SigningKey
from parties.files import values
from parties.files.private import check_directory, read_key, read_private
from parties.files.problems import Problems
from parties.files.running import Party, RunningMarket
from parties.files.running_toml import read_running
from parties.files.toml import quoted, read_document
from parties.files.values import Address, address_text
from parties.tls import Identity, TlsError, fingerprint

SETTINGS, SIGNING = "party.toml", "signing.key"
TLS_KEY, TLS_CERTIFICATE = "tls.key", "tls.crt"  # as parties.tls writes them

MARKETS, MARKET, ROLL = "markets", "market.toml", "roll.bin"  # of each further market, in a folder of its own

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a party listens: public API, control API, MPC (ports: those of the market file), private API."""

    api: Address
    control: Address
    mpc: str
    private: Address


@dataclass(frozen=True, slots=True)
class HomeSettings:
    """`party.toml`. `market`, `roll`: paths; `database`: a URL, which may hold a password."""

    market: str
    roll: str
    database: str = field(repr=False)
    listen: Listen


@dataclass(frozen=True)
class PartyHome:
    """A home, read and checked against one market file. `number`: which party of the market it is.

    `roll`, `market_path`: where the roll and the market file are, absolute. `database`: a URL with an absolute path.
    `signing_keys`: by public key; `identities`: by fingerprint.
    """

    path: Path
    market_path: Path
    market: RunningMarket
    number: int
    roll: Path
    database: str = field(repr=False)
    listen: Listen
    signing_keys: Mapping[bytes, SigningKey] = field(repr=False)
    identities: Mapping[str, Identity] = field(repr=False)

    @property
    def party(self) -> Party:
        """This party as everybody knows it."""
        return self.market.parties[self.number]

    def signing_key(self, start: int) -> SigningKey:
        """The key that signs messages about the round of the period that starts then.

        Raises: InvalidSettingsError if it is not here any more.
        """
        public = self.party.keys_at(start).signing_key
        if public not in self.signing_keys:
            raise InvalidSettingsError(f"the private key of signing key {public.hex()} is not in {self.path}")
        return self.signing_keys[public]

    def identity(self, now: int) -> Identity:
        """The certificate to show now, and its key. Raises: InvalidSettingsError if it is not here."""
        name = self.party.keys_at(now).fingerprint
        if name is None or name not in self.identities:
            raise InvalidSettingsError(f"the certificate with fingerprint {name} is not in {self.path} with its key")
        return self.identities[name]


def home_text(settings: HomeSettings) -> str:
    """`party.toml`."""
    listen = settings.listen
    return (
        f"market = {quoted(settings.market)}      # paths: relative to this directory, or absolute\n"
        f"roll = {quoted(settings.roll)}          # read again whenever it changes\n"
        f"database = {quoted(settings.database)}  # or postgresql://user:password@host/database\n"
        "\n[listen]\n"
        f"api = {quoted(address_text(listen.api))}          # meters, suppliers, auditors: HTTPS\n"
        f"control = {quoted(address_text(listen.control))}  # other parties: mutual TLS\n"
        f"mpc = {quoted(listen.mpc)}                        # other parties, on the ports of the market file\n"
        f"private = {quoted(address_text(listen.private))}  # health and metrics: keep it to yourself\n"
    )


def read_home_settings(path: Path, problems: Problems) -> HomeSettings | None:
    """`party.toml` of the home at `path`; None if there is any problem."""
    file = path / SETTINGS
    if not check_directory(path, problems) or read_private(file, problems) is None:
        return None
    document = read_document(str(file), problems)
    if document is None:
        return None
    top = {key: value for key, value in document.content.items() if key != "listen"}
    rows = document.read((), top, _SETTINGS, problems, need=True, hide={"database"})
    table = document.table("listen", problems)
    listen = None if table is None else document.read(("listen",), table, _LISTEN, problems, need=True)
    return None if rows is None or listen is None else HomeSettings(**rows, listen=Listen(**listen))


def read_party_home(path: Path, now: int, problems: Problems) -> PartyHome | None:
    """Read a home and its market file; None if there is any problem. `now`: seconds since 1970."""
    before, path = problems.count, path.absolute()
    if not check_directory(path, problems):
        return None
    settings = read_home_settings(path, problems)
    market_path = None if settings is None else path / settings.market
    market = None if market_path is None else read_running(str(market_path), problems)
    keys = read_keys(path, problems)
    if settings is None or market_path is None or market is None or problems.count > before:
        return None
    signing_keys, identities = keys
    number = _number(path, market, signing_keys, problems)
    if number is None:
        return None
    home = PartyHome(
        path, market_path, market, number, path / settings.roll, _database(path, settings.database), settings.listen,
        signing_keys, identities,
    )  # fmt: skip
    _check_keys(home, now, problems)
    return home if problems.count == before else None


def read_party_homes(path: Path, now: int, problems: Problems) -> list[PartyHome]:
    """A home as each of its markets sees it, the one named in `party.toml` first; none if there is any problem."""
    first, before = read_party_home(path, now, problems), problems.count
    if first is None:
        return []
    homes = {first.market.id: first}
    for folder in market_folders(path.absolute()):
        home = _further_market(first, folder, now, problems)
        if home is not None and home.market_path.resolve() != first.market_path.resolve():
            if home.market.id in homes:
                problems.add(str(home.market_path), f"market {home.market.id} is there twice")
            homes[home.market.id] = home
    return list(homes.values()) if problems.count == before else []


def market_folders(path: Path) -> list[Path]:
    """The folders of further markets."""
    return sorted(file.parent for file in (path / MARKETS).glob(f"*/{MARKET}"))


def _further_market(first: PartyHome, folder: Path, now: int, problems: Problems) -> PartyHome | None:
    """The same home in another market: of the same parties, since they share their connections."""
    market = read_running(str(folder / MARKET), problems)
    if market is None:
        return None
    if market.id != folder.name:
        problems.add(str(folder), f"is the folder of market {market.id}: call it {market.id}")
    elif market.parties != first.market.parties:
        differ = f"parties differ from those of market {first.market.id}: their addresses, keys and sequence"
        problems.add(str(folder / MARKET), f"{differ} are to be the same in all markets of a home")
    else:
        home = replace(first, market_path=folder / MARKET, market=market, roll=folder / ROLL)
        _check_keys(home, now, problems)
        return home
    return None


def key_folders(path: Path) -> list[Path]:
    """The home itself, then keys-2, keys-3, … as far as there are any."""
    folders = [path]
    while (folder := path / f"keys-{len(folders) + 1}").is_dir():
        folders.append(folder)
    return folders


def read_keys(path: Path, problems: Problems) -> tuple[dict[bytes, SigningKey], dict[str, Identity]]:
    """All keys of a home: signing keys by public key, certificates by fingerprint. Erased old ones are not missed."""
    signing: dict[bytes, SigningKey] = {}
    identities: dict[str, Identity] = {}
    folder = path
    try:
        for folder in key_folders(path):
            if check_directory(folder, problems):
                _read_folder(folder, signing, identities, problems)
    except OSError as error:  # made by another user, root perhaps
        problems.add(str(folder), f"cannot be read: {error.strerror}")
    return signing, identities


def _read_folder(
    folder: Path, signing: dict[bytes, SigningKey], identities: dict[str, Identity], problems: Problems
) -> None:
    """Raises: OSError."""
    if (folder / SIGNING).exists() and (seed := read_key(folder / SIGNING, problems)) is not None:
        key = SigningKey(seed)
        signing[key.public] = key
    if (folder / TLS_KEY).exists() and read_private(folder / TLS_KEY, problems) is not None:
        pem = read_private(folder / TLS_CERTIFICATE, problems)
        if pem is not None:
            _add_identity(folder, pem, identities, problems)


def _add_identity(folder: Path, pem: bytes, identities: dict[str, Identity], problems: Problems) -> None:
    try:
        identity = Identity(folder / TLS_CERTIFICATE, folder / TLS_KEY)
        identities[fingerprint(pem.decode("ascii"))] = identity
    except (TlsError, UnicodeDecodeError):
        problems.add(str(folder / TLS_CERTIFICATE), "not a certificate in PEM")


def _number(path: Path, market: RunningMarket, signing: Mapping[bytes, SigningKey], problems: Problems) -> int | None:
    """The party that has a signing key of this home."""
    found = [i for i, party in enumerate(market.parties) if any(keys.signing_key in signing for keys in party.keys)]
    if len(found) == 1:
        return found[0]
    reason = "no party of the market file has" if not found else f"parties {found} of the market file have"
    problems.add(str(path), f"{reason} the signing key of this home: is it the file of another market?")
    return None


def _check_keys(home: PartyHome, now: int, problems: Problems) -> None:
    """The keys in use now, and those announced, must be here; older ones may have been erased."""
    for keys in home.party.keys:
        if keys.since < home.party.keys_at(now).since:
            continue
        try:
            home.signing_key(keys.since)
            home.identity(keys.since)
        except InvalidSettingsError as error:
            problems.add(str(home.path), str(error))


def _database(path: Path, url: str) -> str:
    """SQLite's relative path is relative to the home."""
    if url.startswith(_SQLITE):
        return _SQLITE + str(path / url.removeprefix(_SQLITE))
    return url


def _database_url(value: object) -> str:
    if isinstance(value, str) and value.startswith((_SQLITE, "postgresql://")) and len(value) > len(_SQLITE):
        return value
    raise InvalidSettingsError("a URL such as sqlite:///ledger.db or postgresql://user@host/database is expected")


_SETTINGS: dict[str, Any] = {"market": values.path, "roll": values.path, "database": _database_url}
_LISTEN: dict[str, Any] = {
    "api": values.address,
    "control": values.address,
    "mpc": values.host,
    "private": values.address,
}
