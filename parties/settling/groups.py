"""Who reads which totals: a supplier those of its users, a DSO those of its region and of each supplier in it, a TSO
those of each region in its area. Groups have names; those that are too small have no totals at all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mpc_market.wire.claim import Claimant
from mpc_market.wire.identifiers import member
from mpc_market.wire.roll import Roll, RollArea, RollEntry, RollRegion, RollSupplier

Keys = tuple[bytes, bytes]
"""Identity and sealing key."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: `name` is the id of the supplier, of the DSO's region, of the TSO's area, or of the meter."""

    kind: Claimant
    name: str


def keys_by_name(kind: Claimant, roll: Roll) -> dict[str, Keys]:
    """The public keys of all readers of one kind that are on the roll."""
    rows: Mapping[str, RollEntry | RollSupplier | RollRegion | RollArea]
    match kind:
        case Claimant.METER:
            rows = roll.by_meter()
        case Claimant.SUPPLIER:
            rows = roll.by_supplier()
        case Claimant.DSO:
            rows = roll.by_region()
        case Claimant.TSO:
            rows = roll.by_area()
        case Claimant.ARBITER:
            rows = {}
    return {name: (row.identity_key, row.sealing_key) for name, row in rows.items()}


def shown_to(reader: Reader, roll: Roll) -> Iterator[tuple[str, str]]:
    """The groups whose totals a reader gets: name of the group, and of its row in the reader's sheet."""
    if reader.kind is Claimant.SUPPLIER:
        yield supplier_group(reader.name), member("supplier", reader.name)
    elif reader.kind is Claimant.DSO:
        yield region_group(reader.name), member("region", reader.name)
        for supplier in sorted(roll.by_supplier(), key=str.encode):
            yield part_group(reader.name, supplier), member("supplier", supplier)
    elif reader.kind is Claimant.TSO:
        for region in roll.regions:
            if region.area == reader.name:
                yield region_group(region.region), member("region", region.region)


def supplier_group(supplier: str) -> str:
    """All users of a supplier."""
    return member("supplier", supplier)


def region_group(region: str) -> str:
    """All users in a region."""
    return member("region", region)


def part_group(region: str, supplier: str) -> str:
    """The users of a supplier in a region. No id has a slash."""
    return f"part/{region}/{supplier}"
