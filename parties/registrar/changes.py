"""What may be done to a roll: each function gives its next version, or notes every reason why not.

Enrolling is the one place where somebody vouches that a meter is real, so nothing is guessed: no id and no key twice,
no supplier that is not on the roll, no quantity that the market cannot express.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import id_key
from mpc_market.wire.roll import Roll, RollArea, RollEntry, RollRegion, RollSupplier
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


def add_operators(roll: Roll, found: Sequence[tuple[str, RollRegion | RollArea]], problems: Problems) -> Roll | None:
    """Add DSOs and TSOs, all or none: from then on they get the totals of their regions and areas.

    `found`: each with the file that names it. The area of a region must be on the roll, or among them.
    """
    before, regions, areas = problems.count, roll.by_region(), roll.by_area()
    known: list[RollRegion | RollArea] = [*roll.regions, *roll.areas]
    keys = {key: _operator(row) for row in known for key in (row.identity_key, row.sealing_key)}
    for where, row in found:
        name = _operator(row)
        if row.region in regions if isinstance(row, RollRegion) else row.area in areas:
            problems.add(where, f"{name} is on the roll already")
            continue
        for key in (row.identity_key, row.sealing_key):
            owner = keys.setdefault(key, name)
            if owner != name:
                problems.add(where, f"{name}: one of its keys is that of {owner}")
        if isinstance(row, RollRegion):
            regions[row.region] = row
        else:
            areas[row.area] = row
    for where, row in found:
        if row.area not in areas:
            listed = ", ".join(printable(area) for area in list(areas)[:10]) or "none"
            reason = f"no TSO of area '{printable(row.area)}' is on the roll (areas that are: {listed})"
            problems.add(where, f"{_operator(row)}: {reason}")
    return _with_operators(roll, regions.values(), areas.values()) if problems.count == before else None


def remove_region(roll: Roll, region: str, problems: Problems) -> Roll | None:
    """Take the DSO of a region off: nobody gets the totals of the region any more."""
    regions = roll.by_region()
    if regions.pop(region, None) is None:
        problems.add("--dso", f"no DSO of region '{printable(region)}' is on the roll")
        return None
    return _with_operators(roll, regions.values(), roll.areas)


def remove_area(roll: Roll, area: str, problems: Problems) -> Roll | None:
    """Take the TSO of an area off in which no region lies any more."""
    areas = roll.by_area()
    if areas.pop(area, None) is None:
        problems.add("--tso", f"no TSO of area '{printable(area)}' is on the roll")
        return None
    regions = [printable(row.region) for row in roll.regions if row.area == area]
    if regions:
        listed = ", ".join(regions[:10])
        problems.add("--tso", f"regions of area '{printable(area)}' are still on the roll: {listed}")
        return None
    return _with_operators(roll, roll.regions, areas.values())


def _operator(row: RollRegion | RollArea) -> str:
    if isinstance(row, RollRegion):
        return f"the DSO of region '{printable(row.region)}'"
    return f"the TSO of area '{printable(row.area)}'"


def _with_operators(roll: Roll, regions: Iterable[RollRegion], areas: Iterable[RollArea]) -> Roll:
    return replace(
        roll,
        version=roll.version + 1,
        regions=tuple(sorted(regions, key=lambda row: id_key(row.region))),
        areas=tuple(sorted(areas, key=lambda row: id_key(row.area))),
    )


def _next(roll: Roll, entries: Iterable[RollEntry], suppliers: Iterable[RollSupplier]) -> Roll:
    return replace(
        roll,
        version=roll.version + 1,
        entries=tuple(sorted(entries, key=lambda entry: id_key(entry.meter))),
        suppliers=tuple(sorted(suppliers, key=lambda row: id_key(row.supplier))),
    )


def _unknown_meter(meter: str) -> str:
    return f"no meter '{printable(meter)}' is enrolled"


def _unknown_supplier(roll: Roll, supplier: str) -> str:
    known = ", ".join(printable(row.supplier) for row in roll.suppliers[:10]) or "none"
    return f"no supplier '{printable(supplier)}' is on the roll (there are: {known})"
