"""Grid operators introduce themselves to the registrar with tables of public keys: a DSO and a TSO one each.

[[dso]]    region, area that it lies in, identity_key, sealing_key
[[tso]]    area, identity_key, sealing_key
"""

from mpc_market.wire.roll import RollArea, RollRegion
from parties.files import values
from parties.files.key_home import id_of
from parties.files.problems import Problems, printable
from parties.files.toml import quoted, read_document

Operator = RollRegion | RollArea
"""A DSO is on the roll by its region, a TSO by its area."""

_KEYS = {"identity_key": values.octets(32), "sealing_key": values.sealing_key}
_TABLES = {
    "dso": {"region": id_of("region"), "area": id_of("TSO's area"), **_KEYS},
    "tso": {"area": id_of("TSO's area"), **_KEYS},
}


def operator_text(operator: Operator) -> str:
    """One table."""
    keys = {"identity_key": operator.identity_key.hex(), "sealing_key": operator.sealing_key.hex()}
    if isinstance(operator, RollRegion):
        name, rows = "dso", {"region": operator.region, "area": operator.area, **keys}
    else:
        name, rows = "tso", {"area": operator.area, **keys}
    return f"[[{name}]]\n" + "".join(f"{key} = {quoted(value)}\n" for key, value in rows.items())


def read_operators(path: str, problems: Problems) -> list[Operator]:
    """The tables of a file that holds nothing else."""
    document = read_document(path, problems)
    if document is None:
        return []
    for key in document.content:
        if key not in _TABLES:
            where = document.where((), key)
            problems.add(where, f"'{printable(key)}': only [[dso]] and [[tso]] tables are expected here")
    if not document.content:
        problems.add(f"{path}:1", "there is no [[dso]] and no [[tso]]")
    found: list[Operator] = []
    for name, readers in _TABLES.items():
        for i, table in document.array(name, problems):
            row = document.read((name, i), table, readers, problems, need=True)
            if row is not None:
                found.append(RollRegion(**row) if name == "dso" else RollArea(**row))
    return found
