"""The home of a supplier: a home of keys (`files.key_home`) whose `supplier.toml` holds the supplier's id."""

from dataclasses import dataclass, field
from pathlib import Path

from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.signing import SigningKey
from parties.files.key_home import id_of, make_key_home, read_key_home
from parties.files.problems import Problems
from parties.files.running import Supplier

SETTINGS = "supplier.toml"

_READERS = {"supplier": id_of("supplier")}


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
    name = _READERS["supplier"](supplier)
    keys = make_key_home(path, SETTINGS, {"supplier": name})
    return SupplierHome(path, name, keys.identity, keys.sealing)


def read_supplier_home(path: Path, problems: Problems) -> SupplierHome | None:
    """Read a home; None if there is any problem."""
    found = read_key_home(path, SETTINGS, _READERS, problems)
    if found is None:
        return None
    settings, keys = found
    return SupplierHome(path, settings["supplier"], keys.identity, keys.sealing)
