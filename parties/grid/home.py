"""The home of a grid operator: a private directory.

HOME/              0700
  grid.toml        0600   the operator's id: of the region of a DSO, or of the area of a TSO; and which of them it is
  identity.key     0600   secret Ed25519 seed: signs its requests
  sealing.key      0600   secret X25519 key: opens its totals
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.claim import Claimant
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import check_id
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from parties.files.private import check_directory, key_text, make_directory, read_key, read_private, write_new
from parties.files.problems import Problems
from parties.files.toml import quoted, read_document

SETTINGS, IDENTITY, SEALING = "grid.toml", "identity.key", "sealing.key"
KINDS = {"dso": Claimant.DSO, "tso": Claimant.TSO}


@dataclass(frozen=True, slots=True)
class GridHome:
    """A grid operator's home, opened. `name`: the region of a DSO, the area of a TSO."""

    path: Path
    kind: Claimant
    name: str
    identity: SigningKey = field(repr=False)
    sealing: SealingKey = field(repr=False)


def make_grid_home(path: Path, kind: str, name: str) -> GridHome:
    """Make a home with fresh keys.

    Raises: InvalidSettingsError; OutputError if there is a directory already: keys are never replaced.
    """
    home = GridHome(path, _kind(kind), _id(name), SigningKey.generate(), SealingKey.generate())
    make_directory(path)
    write_new(path / IDENTITY, key_text(home.identity.seed()))
    write_new(path / SEALING, key_text(home.sealing.secret()))
    # last: a home without it was not finished
    write_new(path / SETTINGS, f"kind = {quoted(kind)}\nname = {quoted(name)}\n".encode())
    return home


def read_grid_home(path: Path, problems: Problems) -> GridHome | None:
    """Read a home; None if there is any problem."""
    file = path / SETTINGS
    if not check_directory(path, problems) or read_private(file, problems) is None:
        return None
    document = read_document(str(file), problems)
    rows = None if document is None else document.read((), document.content, _READERS, problems, need=True)
    identity, sealing = read_key(path / IDENTITY, problems), read_key(path / SEALING, problems)
    if rows is None or identity is None or sealing is None:
        return None
    return GridHome(path, rows["kind"], rows["name"], SigningKey(identity), SealingKey(sealing))


def _kind(value: object) -> Claimant:
    if not isinstance(value, str) or value not in KINDS:
        raise InvalidSettingsError('"dso" or "tso" is expected')
    return KINDS[value]


def _id(value: object) -> str:
    try:
        return check_id("region or area", value)  # type: ignore[arg-type]
    except WireError as error:
        raise InvalidSettingsError(str(error)) from None


_READERS: dict[str, Any] = {"kind": _kind, "name": _id}
