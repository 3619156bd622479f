"""The home of a compute party, made on its own host: nobody else ever holds these keys."""

import secrets
from pathlib import Path

from mpc_market.wire.signing import SigningKey
from parties.files.party_home import SETTINGS, SIGNING, HomeSettings, home_text
from parties.files.private import key_text, make_directory, sync_directory, write_new
from parties.files.running import Party, PartyKeys
from parties.files.values import url_text
from parties.setup.addresses import Addresses
from parties.setup.introduction import introduction_text
from parties.tls.certificate import make_key_pair

INTRODUCTION = "introduction.toml"
DATABASE = "sqlite:///ledger.db"

_NAME_SHOWN = 48


def make_party_home(
    path: Path,
    name: str,
    addresses: Addresses,
    market: str = "market.toml",
    roll: str = "roll.bin",
    database: str = DATABASE,
) -> Party:
    """Make a home with fresh keys, and the introduction beside them; the party as others are to know it.

    `market`, `roll`: where the files will be, relative to the home or absolute.
    Raises: OutputError if there is a directory already: keys are never replaced; TlsError.
    """
    make_directory(path)
    key, keys = make_keys(path, 0, name, addresses.api[0])
    party = Party(name, url_text(addresses.api), addresses.control, addresses.mpc_host, addresses.mpc_ports, (keys,))
    write_new(path / INTRODUCTION, introduction_text(party, key).encode())
    # last: a home without it was not finished
    write_new(path / SETTINGS, home_text(HomeSettings(market, roll, database, addresses.listen)).encode())
    return party


def make_keys(folder: Path, since: int, name: str, host: str) -> tuple[SigningKey, PartyKeys]:
    """A signing key, a TLS key and its certificate in a folder of a home. Raises: OutputError; TlsError."""
    key = SigningKey.generate()
    write_new(folder / SIGNING, key_text(key.seed()))
    # every certificate has a name of its own: where two have one, OpenSSL may take the one for the other
    pair = make_key_pair(f"{name[:_NAME_SHOWN]} {secrets.token_hex(4)}", [host])
    pair.write(folder)
    sync_directory(folder)
    return key, PartyKeys(since, key.public, pair.certificate)
