"""The home of a supplier: a private directory.

HOME/               0700
  supplier.toml     0600   the supplier's id
  identity.key      0600   secret Ed25519 seed: signs its requests
  sealing.key       0600   secret X25519 key: opens its totals
"""

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
from parties.files.running import Supplier
from parties.files.toml import quoted, read_document

SETTINGS, IDENTITY, SEALING = "supplier.toml", "identity.key", "sealing.key"


@dataclass(frozen=True, slots=True)
class SupplierHome:
    """A supplier's home, opened. `supplier`: its id."""

    path: Path
    supplier: str
    identity: SigningKey = field(repr=False)
    sealing: SealingKey = field(repr=False)

    @property
    def public(self) -> Supplier:
        """The supplier as everyone may know it: what the registrar needs."""
        return Supplier(self.supplier, self.identity.public, self.sealing.public)


def make_supplier_home(path: Path, supplier: str) -> SupplierHome:
    """Make a home with fresh keys. Raises: InvalidSettingsError if the id is none; OutputError if there is a directory
    already: keys are never replaced.
    """
    home = SupplierHome(path, _id(supplier), SigningKey.generate(), SealingKey.generate())
    make_directory(path)
    write_new(path / IDENTITY, key_text(home.identity.seed()))
    write_new(path / SEALING, key_text(home.sealing.secret()))
    # last: a home without it was not finished
    write_new(path / SETTINGS, f"supplier = {quoted(supplier)}\n".encode())
    return home


def read_supplier_home(path: Path, problems: Problems) -> SupplierHome | None:
    """Read a home; None if there is any problem."""
    file = path / SETTINGS
    if not check_directory(path, problems) or read_private(file, problems) is None:
        return None
    document = read_document(str(file), problems)
    rows = None if document is None else document.read((), document.content, _READERS, problems, need=True)
    identity, sealing = read_key(path / IDENTITY, problems), read_key(path / SEALING, problems)
    if rows is None or identity is None or sealing is None:
        return None
    return SupplierHome(path, rows["supplier"], SigningKey(identity), SealingKey(sealing))


def _id(value: object) -> str:
    try:
        # the one place that says so; what is no text is refused there
        return check_id("supplier", value)  # type: ignore[arg-type]
    except WireError as error:
        raise InvalidSettingsError(str(error)) from None


_READERS: dict[str, Any] = {"supplier": _id}
