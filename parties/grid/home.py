"""The home of a grid operator: a home of keys (`files.key_home`) whose `grid.toml` says which operator it is.

kind = "dso", name = the id of its region; or kind = "tso", name = the id of its area
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.claim import Claimant
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from parties.files.key_home import id_of, make_key_home, read_key_home
from parties.files.problems import Problems

SETTINGS = "grid.toml"
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
    settings = {"kind": kind, "name": name}
    operator, own = _READERS["kind"](kind), _READERS["name"](name)
    keys = make_key_home(path, SETTINGS, settings)
    return GridHome(path, operator, own, keys.identity, keys.sealing)


def read_grid_home(path: Path, problems: Problems) -> GridHome | None:
    """Read a home; None if there is any problem."""
    found = read_key_home(path, SETTINGS, _READERS, problems)
    if found is None:
        return None
    settings, keys = found
    return GridHome(path, settings["kind"], settings["name"], keys.identity, keys.sealing)


def _kind(value: object) -> Claimant:
    if not isinstance(value, str) or value not in KINDS:
        raise InvalidSettingsError('"dso" or "tso" is expected')
    return KINDS[value]


_READERS: dict[str, Any] = {"kind": _kind, "name": id_of("region or area")}
