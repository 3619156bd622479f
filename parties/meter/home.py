"""The home of a meter: a private directory that holds its keys, its settings and its store.

    HOME/            0700
      identity.key   0600   secret Ed25519 seed, 64 hexadecimal digits: signs submissions
      sealing.key    0600   secret X25519 key, the same way: opens results
      meter.toml     0600   id, market file, enrolled largest quantity, tariff
      meter.db       0600   the store

Anyone who can read `identity.key` can trade in the meter's name, so a home that others can read is refused.
"""

import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpc_market.wire.enrolment import EnrolRequest
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import check_id
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from parties.files.problems import printable
from parties.meter.errors import HomeError

IDENTITY, SEALING, SETTINGS, STORE = "identity.key", "sealing.key", "meter.toml", "meter.db"

_KEYS_OF_SETTINGS = {
    "meter": "the meter's id",
    "market": "the path of the market file",
    "maximum": "the enrolled largest quantity in kWh",
    "retail": "the supplier's retail price per kWh, network fee included",
    "feed_in": "the supplier's feed-in price per kWh",
    "fee": "the network fee per kWh",
}
_REQUIRED = ("meter", "market", "maximum")


@dataclass(frozen=True, slots=True)
class Home:
    """A meter's home, opened. Prices and quantities are still the texts of the file: the market's grid converts them.

    `retail`, `feed_in`, `fee`: for the price strategy; None where the file does not say.
    """

    path: Path
    meter: str
    market: str
    maximum: str
    identity: SigningKey = field(repr=False)
    sealing: SealingKey = field(repr=False)
    retail: str | None = field(default=None, repr=False)
    feed_in: str | None = field(default=None, repr=False)
    fee: str | None = field(default=None, repr=False)

    @property
    def store(self) -> Path:
        """Where its store is."""
        return self.path / STORE

    def enrol_request(self, market_id: str) -> bytes:
        """The request for the registrar: public keys, signed. Raises: WireError if the market id is none."""
        return EnrolRequest(market_id, self.meter, self.identity.public, self.sealing.public).sign(self.identity)


def create_home(path: Path, meter: str, market: str, maximum: str) -> Home:
    """Make a home with fresh keys. `market`: the path of the market file; `maximum`: kWh, as enrolled.

    Raises: HomeError if there is a home already (keys are never overwritten) or the id is none; OSError.
    """
    try:
        check_id("meter", meter)
    except WireError as error:
        raise HomeError(str(error)) from None
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any((path / name).exists() for name in (IDENTITY, SEALING, SETTINGS)):
        raise HomeError(f"{path}: there is a meter's home already, and its keys are not replaced")
    path.chmod(0o700)
    _write_private(path / IDENTITY, SigningKey.generate().seed().hex() + "\n")
    _write_private(path / SEALING, SealingKey.generate().secret().hex() + "\n")
    # last: a home without it was not finished
    rows = {"meter": meter, "market": os.path.abspath(market), "maximum": maximum}
    _write_private(path / SETTINGS, "".join(f"{key} = {_toml_string(value)}\n" for key, value in rows.items()))
    return open_home(path)


def open_home(path: Path) -> Home:
    """Open a home. Raises: HomeError that names the file and says what to do."""
    if not path.is_dir():
        raise HomeError(f"{path}: no such directory; `mpc-market meter keygen --home {path}` makes a home")
    _check_private(path)
    settings = _settings(path / SETTINGS)
    try:
        check_id("meter", settings["meter"])
    except WireError as error:
        raise HomeError(f"{path / SETTINGS}: {error}") from None
    identity = SigningKey(_read_key(path / IDENTITY))
    return Home(path, identity=identity, sealing=SealingKey(_read_key(path / SEALING)), **settings)


def _settings(path: Path) -> dict[str, Any]:
    text = _read_private(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise HomeError(f"{path}: not TOML: {printable(str(error), 200)}") from None
    except (ValueError, RecursionError):
        raise HomeError(f"{path}: not TOML: a number too long, or nested too deeply") from None
    for key, value in table.items():
        if key not in _KEYS_OF_SETTINGS:
            raise HomeError(f"{path}: unknown key '{printable(key)}': a home has {', '.join(_KEYS_OF_SETTINGS)}")
        if not isinstance(value, str):
            raise HomeError(f'{path}: {key} must be a text in quotes, such as {key} = "…"')
    for key in _REQUIRED:
        if key not in table:
            raise HomeError(f"{path}: {key} is missing: {_KEYS_OF_SETTINGS[key]}")
    return table


def _read_key(path: Path) -> bytes:
    text = _read_private(path)
    if re.fullmatch(r"[0-9a-f]{64}\n?", text) is None:
        raise HomeError(f"{path}: not a key of 64 hexadecimal digits")
    return bytes.fromhex(text)


def _read_private(path: Path) -> str:
    try:
        _check_private(path)
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise HomeError(f"{path}: no such file: is this the home of a meter?") from None
    except OSError as error:
        raise HomeError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise HomeError(f"{path}: not a text in UTF-8") from None


def _check_private(path: Path) -> None:
    """Raises: HomeError if group or others may do anything with it."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        right = "0700" if path.is_dir() else "0600"
        raise HomeError(f"{path}: others can get at it (mode {mode:04o}): chmod {right} it, and think about new keys")


def _write_private(path: Path, text: str) -> None:
    """Write a new file 0600, durably. Raises: FileExistsError."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _toml_string(text: str) -> str:
    """A TOML basic string."""
    return '"' + "".join(f"\\u{ord(c):04x}" if c in '"\\' or ord(c) < 0x20 or ord(c) == 0x7F else c for c in text) + '"'
