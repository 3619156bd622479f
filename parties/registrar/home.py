"""The home of a registrar: a private directory.

HOME/               0700
  registrar.toml    0600   where the market file and the roll are; paths relative to the home
  registrar.key     0600   secret Ed25519 seed: signs the roll
  lock              0600   held while the roll is changed
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpc_market.wire.signing import SigningKey
from parties.files import values
from parties.files.private import check_directory, key_text, make_directory, read_key, read_private, write_new
from parties.files.problems import Problems
from parties.files.running import RunningMarket
from parties.files.running_toml import read_running
from parties.files.toml import quoted, read_document

SETTINGS, KEY, LOCK = "registrar.toml", "registrar.key", "lock"

_READERS: dict[str, Any] = {"market": values.path, "roll": values.path}


@dataclass(frozen=True, slots=True)
class RegistrarHome:
    """A registrar's home, opened. `market_path`, `roll`: the paths of the market file and of the roll."""

    path: Path
    market_path: Path
    market: RunningMarket
    roll: Path
    key: SigningKey = field(repr=False)


def make_registrar_home(path: Path, market: str = "market.toml", roll: str = "roll.bin") -> bytes:
    """Make a home with a fresh key; its public key. `market`, `roll`: paths, relative to the home or absolute.

    Raises: OutputError if there is a directory already: keys are never replaced.
    """
    key = SigningKey.generate()
    make_directory(path)
    write_new(path / KEY, key_text(key.seed()))
    write_new(path / LOCK, b"")
    # last: a home without it was not finished
    write_new(path / SETTINGS, f"market = {quoted(market)}\nroll = {quoted(roll)}\n".encode())
    return key.public


def read_registrar_home(path: Path, problems: Problems) -> RegistrarHome | None:
    """Read a home and its market file; None if there is any problem."""
    path = path.absolute()
    file = path / SETTINGS
    if not check_directory(path, problems) or read_private(file, problems) is None:
        return None
    document = read_document(str(file), problems)
    rows = None if document is None else document.read((), document.content, _READERS, problems, need=True)
    seed = read_key(path / KEY, problems)
    market = None if rows is None else read_running(str(path / rows["market"]), problems)
    if rows is None or seed is None or market is None:
        return None
    key = SigningKey(seed)
    if key.public != market.registrar:
        problems.add(
            str(path / KEY),
            f"the market file names another registrar, {market.registrar.hex()}: is it of another market?",
        )
        return None
    return RegistrarHome(path, path / rows["market"], market, (path / rows["roll"]).resolve(), key)
