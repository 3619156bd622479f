"""What may be done to a roll: each function gives its next version, or notes every reason why not.

Enrolling is the one place where somebody vouches that a meter is real, so nothing is guessed: no id and no key twice,
no supplier that is not on the roll, no quantity that the market cannot express.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import id_key
from mpc_market.wire.roll import Roll, RollEntry, RollSupplier
from parties.files.problems import Problems, printable


@dataclass(frozen=True, slots=True)
class Candidate:
    """A meter that is to be enrolled. `where`: the file (and line) that names it, for messages."""

    where: str
    entry: RollEntry


def first_roll(market: str, suppliers: Iterable[RollSupplier]) -> Roll:
    """Version 1: nobody enrolled yet. Raises: WireError if two suppliers have one id."""
    return Roll(market, 1, (), tuple(sorted(suppliers, key=lambda row: id_key(row.supplier))))


def enrol(roll: Roll, candidates: Sequence[Candidate], problems: Problems) -> Roll | None:
    """Add meters, all or none."""
    before = problems.count
    suppliers, enrolled = roll.by_supplier(), roll.by_meter()
    keys = {key: entry.meter for entry in roll.entries for key in (entry.identity_key, entry.sealing_key)}
    if not candidates:
        problems.add("enrol", "no meter was named")
    for candidate in candidates:
        entry, where = candidate.entry, candidate.where
        name = f"meter '{printable(entry.meter)}'"
        if entry.meter in enrolled:
            problems.add(where, f"{name} is enrolled already: `change` or `remove` it")
        if entry.supplier not in suppliers:
            problems.add(where, f"{name}: {_unknown_supplier(roll, entry.supplier)}")
        for what, key in (("identity", entry.identity_key), ("sealing", entry.sealing_key)):
            owner = keys.setdefault(key, entry.meter)
            if owner != entry.meter:
                problems.add(where, f"{name}: its {what} key is that of meter '{printable(owner)}': each has its own")
        if entry.identity_key == entry.sealing_key:
            problems.add(where, f"{name}: identity key and sealing key are the same")
        enrolled.setdefault(entry.meter, entry)
    return _next(roll, enrolled.values(), suppliers.values()) if problems.count == before else None


def change(
    roll: Roll,
    meter: str,
    problems: Problems,
    *,
    supplier: str | None = None,
    region: str | None = None,
    maximum: int | None = None,
) -> Roll | None:
    """Another supplier, region or largest quantity (lots) for a meter that moves, or changes its contract."""
    enrolled, suppliers = roll.by_meter(), roll.by_supplier()
    entry = enrolled.get(meter)
    if entry is None:
        problems.add("METER", _unknown_meter(meter))
        return None
    if supplier is not None and supplier not in suppliers:
        problems.add("--supplier", _unknown_supplier(roll, supplier))
        return None
    try:
        enrolled[meter] = replace(
            entry,
            supplier=entry.supplier if supplier is None else supplier,
            region=entry.region if region is None else region,
            maximum=entry.maximum if maximum is None else maximum,
        )
    except WireError as error:
        problems.add("change", str(error))
        return None
    if enrolled[meter] == entry:
        problems.add("change", f"meter '{printable(meter)}' is enrolled so already")
        return None
    return _next(roll, enrolled.values(), suppliers.values())


def remove(roll: Roll, meters: Sequence[str], problems: Problems) -> Roll | None:
    """Take meters off, all or none. Rounds that have opened already still know them."""
    enrolled = roll.by_meter()
    before = problems.count
    for meter in meters:
        if enrolled.pop(meter, None) is None:
            problems.add("METER", _unknown_meter(meter))
    return _next(roll, enrolled.values(), roll.suppliers) if problems.count == before else None


def add_suppliers(roll: Roll, found: Sequence[tuple[str, RollSupplier]], problems: Problems) -> Roll | None:
    """Add suppliers, all or none; then their meters can be enrolled. `found`: each with the file that names it."""
    before, suppliers = problems.count, roll.by_supplier()
    for where, row in found:
        name = f"supplier '{printable(row.supplier)}'"
        if row.supplier in suppliers:
            problems.add(where, f"{name} is on the roll already")
            continue
        for other in suppliers.values():
            if {other.identity_key, other.sealing_key} & {row.identity_key, row.sealing_key}:
                problems.add(where, f"{name}: one of its keys is that of supplier '{printable(other.supplier)}'")
        suppliers[row.supplier] = row
    return _next(roll, roll.entries, suppliers.values()) if problems.count == before else None


def remove_supplier(roll: Roll, supplier: str, problems: Problems) -> Roll | None:
    """Take a supplier off that has no meters any more."""
    suppliers = roll.by_supplier()
    if suppliers.pop(supplier, None) is None:
        problems.add("SUPPLIER", _unknown_supplier(roll, supplier))
        return None
    users = sum(entry.supplier == supplier for entry in roll.entries)
    if users:
        problems.add("SUPPLIER", f"supplier '{printable(supplier)}' still has {users} meters on the roll")
        return None
    return _next(roll, roll.entries, suppliers.values())


def _next(roll: Roll, entries: Iterable[RollEntry], suppliers: Iterable[RollSupplier]) -> Roll:
    return Roll(
        roll.market,
        roll.version + 1,
        tuple(sorted(entries, key=lambda entry: id_key(entry.meter))),
        tuple(sorted(suppliers, key=lambda row: id_key(row.supplier))),
        roll.regions,
        roll.areas,
    )


def _unknown_meter(meter: str) -> str:
    return f"no meter '{printable(meter)}' is enrolled"


def _unknown_supplier(roll: Roll, supplier: str) -> str:
    known = ", ".join(printable(row.supplier) for row in roll.suppliers[:10]) or "none"
    return f"no supplier '{printable(supplier)}' is on the roll (there are: {known})"
