"""A home of keys, as suppliers, grid operators and arbiters have one: two secret keys and who it is.

HOME/               0700
  …                 0600   settings: who it is
  identity.key      0600   secret Ed25519 seed: signs its requests
  sealing.key       0600   secret X25519 key: opens what is sealed to it
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpc_market.errors import InvalidSettingsError
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import check_id
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from parties.files.private import check_directory, key_text, make_directory, read_key, read_private, write_new
from parties.files.problems import Problems
from parties.files.toml import Readers, quoted, read_document

IDENTITY, SEALING = "identity.key", "sealing.key"

_ROLES = {"supplier.toml": "a supplier", "grid.toml": "a grid operator", "arbiter.toml": "an arbiter"}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The keys of a home."""

    identity: SigningKey = field(repr=False)
    sealing: SealingKey = field(repr=False)


def make_key_home(path: Path, name: str, settings: Mapping[str, str]) -> KeyPair:
    """Make a home with fresh keys. `name`: of the file of settings. The caller has checked those.

    Raises: OutputError if there is a directory already: keys are never replaced.
    """
    keys = fresh_keys()
    write_key_home(path, name, keys, "".join(f"{key} = {quoted(value)}\n" for key, value in settings.items()))
    return keys


def fresh_keys() -> KeyPair:
    """Made here, nowhere else known."""
    return KeyPair(SigningKey.generate(), SealingKey.generate())


def write_key_home(path: Path, name: str, keys: KeyPair, settings: str) -> None:
    """Make the directory with keys that are known already. Raises: OutputError as `make_key_home`."""
    make_directory(path)
    write_new(path / IDENTITY, key_text(keys.identity.seed()))
    write_new(path / SEALING, key_text(keys.sealing.secret()))
    # last: a home without it was not finished
    write_new(path / name, settings.encode())


def read_key_home(
    path: Path, name: str, readers: Readers, problems: Problems
) -> tuple[Mapping[str, Any], KeyPair] | None:
    """The settings, all of which must be there, and the keys; None if there is any problem."""
    if not is_key_home(path, name, problems):
        return None
    document = read_document(str(path / name), problems)
    rows = None if document is None else document.read((), document.content, readers, problems, need=True)
    keys = read_keys(path, problems)
    return None if rows is None or keys is None else (rows, keys)


def is_key_home(path: Path, name: str, problems: Problems) -> bool:
    """Whether there is a private directory with such a file of settings; what is wrong is noted."""
    if not check_directory(path, problems):
        return False
    if not (path / name).exists():
        role = _ROLES.get(name, name.removesuffix(".toml"))
        problems.add(str(path / name), f"no such file: is this the home of {role}?")
        return False
    return read_private(path / name, problems) is not None


def read_keys(path: Path, problems: Problems) -> KeyPair | None:
    """The keys of a home; None if there is any problem."""
    identity, sealing = read_key(path / IDENTITY, problems), read_key(path / SEALING, problems)
    if identity is None or sealing is None:
        return None
    return KeyPair(SigningKey(identity), SealingKey(sealing))


def id_of(what: str) -> Callable[[object], str]:
    """Reads the id of a supplier, region or area, in a home as in a table. Raises: InvalidSettingsError."""

    def read(value: object) -> str:
        try:
            # the one place that says so; what is no text is refused there
            return check_id(what, value)  # type: ignore[arg-type]
        except WireError as error:
            raise InvalidSettingsError(str(error)) from None

    return read
