"""The roll: who is enrolled in a market, signed by the registrar, a new version for every change.

    version u8 = 1 ‖ market text ‖ roll version u64
    ‖ meters u32, each: meter text ‖ identity key 32 ‖ sealing key 32 ‖ supplier text ‖ region text ‖ maximum u32
    ‖ suppliers u16, each: supplier text ‖ identity key 32 ‖ sealing key 32
    ‖ regions u16, each: region text ‖ identity key 32 ‖ sealing key 32 ‖ area text
    ‖ areas u16, each: area text ‖ identity key 32 ‖ sealing key 32                            ‖ signature 64

    roll digest = digest("roll", version u8 ‖ market text ‖ roll version u64 ‖ rows u32, root 32)

root: of the Merkle tree (`merkle`) of all rows, meters, suppliers, regions, areas in this sequence; the leaf of one is
digest("roll meter" (… "supplier", "region", "area"), row). So one line can be shown without the others, and nothing
is told of these: each row holds a public key that does not follow from its id.

Each list in ascending sequence of the ids' bytes. Public keys only. The keys of a region are those of its DSO, the keys
of an area those of its TSO; of a region that is not listed, nobody gets the totals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from mpc_market.rules.model import QUANTITY_BITS_MAX
from mpc_market.wire.checks import (
    NUMBER_MAX,
    require_ascending,
    require_bytes,
    require_int,
    require_sealing_key,
    require_tuple,
)
from mpc_market.wire.codec import Reader, Writer
from mpc_market.wire.digest import DIGEST_BYTES, digest
from mpc_market.wire.errors import ContextError, WireError
from mpc_market.wire.identifiers import check_id, check_market_id, id_key
from mpc_market.wire.merkle import MerkleTree, root_of_path
from mpc_market.wire.signing import KEY_BYTES, SIGNATURE_BYTES, SigningKey, verify

PATH_MAX = 32
"""Steps of a path: a roll has fewer than 2^32 rows."""

MAXIMUM_MAX = 2**QUANTITY_BITS_MAX - 1


@dataclass(frozen=True, slots=True)
class RollEntry:
    """One meter. `identity_key`: public Ed25519; `sealing_key`: public X25519; `maximum`: largest quantity, lots."""

    meter: str
    identity_key: bytes
    sealing_key: bytes
    supplier: str
    region: str
    maximum: int

    def __post_init__(self) -> None:
        check_id("meter", self.meter)
        require_bytes("the identity key of a meter", self.identity_key, KEY_BYTES)
        require_sealing_key("the sealing key of a meter", self.sealing_key)
        check_id("supplier", self.supplier)
        check_id("region", self.region)
        require_int("the largest quantity of a meter", self.maximum, 0, MAXIMUM_MAX)

    def write(self, writer: Writer) -> None:
        writer.text(self.meter).fixed(self.identity_key, KEY_BYTES).fixed(self.sealing_key, KEY_BYTES)
        writer.text(self.supplier).text(self.region).u32(self.maximum)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        keys = reader.text(), reader.fixed(KEY_BYTES), reader.fixed(KEY_BYTES)
        return cls(*keys, reader.text(), reader.text(), reader.u32())


@dataclass(frozen=True, slots=True)
class RollSupplier:
    """One supplier. `identity_key`: public Ed25519; `sealing_key`: public X25519."""

    supplier: str
    identity_key: bytes
    sealing_key: bytes

    def __post_init__(self) -> None:
        check_id("supplier", self.supplier)
        require_bytes("the identity key of a supplier", self.identity_key, KEY_BYTES)
        require_sealing_key("the sealing key of a supplier", self.sealing_key)

    def write(self, writer: Writer) -> None:
        writer.text(self.supplier).fixed(self.identity_key, KEY_BYTES).fixed(self.sealing_key, KEY_BYTES)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.text(), reader.fixed(KEY_BYTES), reader.fixed(KEY_BYTES))


@dataclass(frozen=True, slots=True)
class RollArea:
    """The area of a TSO. `identity_key`: public Ed25519; `sealing_key`: public X25519."""

    area: str
    identity_key: bytes
    sealing_key: bytes

    def __post_init__(self) -> None:
        check_id("area", self.area)
        require_bytes("the identity key of a TSO", self.identity_key, KEY_BYTES)
        require_sealing_key("the sealing key of a TSO", self.sealing_key)

    def write(self, writer: Writer) -> None:
        writer.text(self.area).fixed(self.identity_key, KEY_BYTES).fixed(self.sealing_key, KEY_BYTES)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.text(), reader.fixed(KEY_BYTES), reader.fixed(KEY_BYTES))


@dataclass(frozen=True, slots=True)
class RollRegion:
    """The region of a DSO, and the TSO area that it lies in. Keys as in `RollArea`."""

    region: str
    identity_key: bytes
    sealing_key: bytes
    area: str

    def __post_init__(self) -> None:
        check_id("region", self.region)
        require_bytes("the identity key of a DSO", self.identity_key, KEY_BYTES)
        require_sealing_key("the sealing key of a DSO", self.sealing_key)
        check_id("area", self.area)

    def write(self, writer: Writer) -> None:
        writer.text(self.region).fixed(self.identity_key, KEY_BYTES).fixed(self.sealing_key, KEY_BYTES).text(self.area)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        return cls(reader.text(), reader.fixed(KEY_BYTES), reader.fixed(KEY_BYTES), reader.text())


_Row = RollEntry | RollSupplier | RollRegion | RollArea


@dataclass(frozen=True, slots=True)
class Roll:
    """One version of the roll.

    Raises: WireError if ids repeat or are out of sequence, or a supplier of a meter or the area of a region is not
    listed.
    """

    KIND: ClassVar[str] = "roll"

    market: str
    version: int
    entries: tuple[RollEntry, ...] = field(repr=False)
    suppliers: tuple[RollSupplier, ...] = field(repr=False)
    regions: tuple[RollRegion, ...] = field(default=(), repr=False)
    areas: tuple[RollArea, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        check_market_id(self.market)
        require_int("the version of a roll", self.version, 0, NUMBER_MAX)
        require_tuple("the meters of a roll", self.entries)
        require_tuple("the suppliers of a roll", self.suppliers, 0, 2**16 - 1)
        require_ascending("the meters of a roll", [id_key(entry.meter) for entry in self.entries])
        require_ascending("the suppliers of a roll", [id_key(row.supplier) for row in self.suppliers])
        missing = {entry.supplier for entry in self.entries} - {row.supplier for row in self.suppliers}
        if missing:
            raise WireError(f"supplier {min(missing)!r} has meters, but is not on the roll itself")
        require_tuple("the regions of a roll", self.regions, 0, 2**16 - 1)
        require_tuple("the areas of a roll", self.areas, 0, 2**16 - 1)
        require_ascending("the regions of a roll", [id_key(row.region) for row in self.regions])
        require_ascending("the areas of a roll", [id_key(row.area) for row in self.areas])
        missing = {region.area for region in self.regions} - set(self.by_area())
        if missing:
            raise WireError(f"area {min(missing)!r} has regions, but is not on the roll itself")

    def encode(self) -> bytes:
        """The bytes that the registrar signs (after the tag)."""
        writer = Writer().version().text(self.market).u64(self.version).u32(len(self.entries))
        for entry in self.entries:
            entry.write(writer)
        writer.u16(len(self.suppliers))
        for row in self.suppliers:
            row.write(writer)
        writer.u16(len(self.regions))
        for region in self.regions:
            region.write(writer)
        writer.u16(len(self.areas))
        for area in self.areas:
            area.write(writer)
        return writer.data()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises: WireError."""
        reader = Reader(data)
        reader.version()
        market, version = reader.text(), reader.u64()
        entries = tuple(RollEntry.read(reader) for _ in range(reader.u32()))
        suppliers = tuple(RollSupplier.read(reader) for _ in range(reader.u16()))
        regions = tuple(RollRegion.read(reader) for _ in range(reader.u16()))
        areas = tuple(RollArea.read(reader) for _ in range(reader.u16()))
        reader.end()
        return cls(market, version, entries, suppliers, regions, areas)

    @property
    def digest(self) -> bytes:
        """What openings and agreed sets name it by, 32 bytes."""
        tree = MerkleTree(self._leaves())
        return roll_digest(self.market, self.version, self._count, tree.root)

    def line(self, meter: str) -> "RollLine":
        """What the roll says of one meter, with the proof. Raises: WireError if it is not on it."""
        place = next((place for place, entry in enumerate(self.entries) if entry.meter == meter), None)
        if place is None:
            raise WireError(f"meter {meter!r} is not on version {self.version} of the roll")
        entry, tree = self.entries[place], MerkleTree(self._leaves())
        at = next(at for at, row in enumerate(self.suppliers) if row.supplier == entry.supplier)
        second = len(self.entries) + at
        return RollLine(
            self.version, self._count, entry, place, tree.path(place), self.suppliers[at], second, tree.path(second)
        )

    @property
    def _count(self) -> int:
        return len(self.entries) + len(self.suppliers) + len(self.regions) + len(self.areas)

    def _leaves(self) -> list[bytes]:
        lists: tuple[Sequence[_Row], ...] = (self.entries, self.suppliers, self.regions, self.areas)
        return [row_leaf(row) for rows in lists for row in rows]

    def by_meter(self) -> dict[str, RollEntry]:
        """All entries by meter id; build it once per version."""
        return {entry.meter: entry for entry in self.entries}

    def by_supplier(self) -> dict[str, RollSupplier]:
        """All suppliers by id."""
        return {row.supplier: row for row in self.suppliers}

    def by_region(self) -> dict[str, RollRegion]:
        """All regions that are listed, by id."""
        return {row.region: row for row in self.regions}

    def by_area(self) -> dict[str, RollArea]:
        """All areas by id."""
        return {row.area: row for row in self.areas}


@dataclass(frozen=True, slots=True)
class RollLine:
    """One meter and its supplier on a version of the roll of `count` rows, with their places and paths.

        version u64 ‖ count u32 ‖ meter row ‖ index u32 ‖ steps u8, 32 each
        ‖ supplier row ‖ index u32 ‖ steps u8, 32 each

    Raises: WireError if the supplier is another than the meter's.
    """

    version: int
    count: int
    entry: RollEntry
    entry_index: int
    entry_path: tuple[bytes, ...] = field(repr=False)
    supplier: RollSupplier
    supplier_index: int
    supplier_path: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if self.entry.supplier != self.supplier.supplier:
            raise WireError(f"the line of a meter with supplier {self.supplier.supplier!r}, which is not its own")

    def digest(self, market: str) -> bytes:
        """Of the roll that it is a line of. `market`: the id alone. Raises: WireError if the two are of no one roll."""
        root = root_of_path(row_leaf(self.entry), self.entry_index, self.count, self.entry_path)
        if root != root_of_path(row_leaf(self.supplier), self.supplier_index, self.count, self.supplier_path):
            raise WireError("a meter and a supplier of different rolls")
        return roll_digest(market, self.version, self.count, root)

    def write(self, writer: Writer) -> None:
        writer.u64(self.version).u32(self.count)
        self.entry.write(writer)
        _write_path(writer, self.entry_index, self.entry_path)
        self.supplier.write(writer)
        _write_path(writer, self.supplier_index, self.supplier_path)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        version, count = reader.u64(), reader.u32()
        entry, place = RollEntry.read(reader), _read_path(reader)
        return cls(version, count, entry, *place, RollSupplier.read(reader), *_read_path(reader))


def row_leaf(row: _Row) -> bytes:
    """The leaf of a row in the tree of the roll."""
    writer = Writer()
    row.write(writer)
    return digest(_TAGS[type(row)], writer.data())


def roll_digest(market: str, version: int, count: int, root: bytes) -> bytes:
    """The digest of a roll from the root of its tree. `market`: the id alone; `count`: rows."""
    head = Writer().version().text(market).u64(version).u32(count).data()
    return digest("roll", head, root)


def _write_path(writer: Writer, index: int, path: tuple[bytes, ...]) -> None:
    writer.u32(index).u8(len(path))
    for step in path:
        writer.fixed(step, DIGEST_BYTES)


def _read_path(reader: Reader) -> tuple[int, tuple[bytes, ...]]:
    index, length = reader.u32(), reader.u8()
    if length > PATH_MAX:
        raise WireError(f"a path of {length} steps: there are at most {PATH_MAX}")
    return index, tuple(reader.fixed(DIGEST_BYTES) for _ in range(length))


_TAGS = {RollEntry: "roll meter", RollSupplier: "roll supplier", RollRegion: "roll region", RollArea: "roll area"}


def sign_roll(roll: Roll, key: SigningKey) -> bytes:
    """The roll as a file: message ‖ signature. Run by the registrar."""
    encoded = roll.encode()
    return encoded + key.sign(Roll.KIND, encoded)


def read_roll(data: bytes, market: str, registrar: bytes) -> Roll:
    """Parse and check a roll. `registrar`: the registrar's public key. Raises: WireError, SignatureError, ContextError.

    The signature is checked before the lists are taken apart.
    """
    if len(data) < SIGNATURE_BYTES:
        raise WireError(f"{len(data)} bytes are too few for a roll")
    encoded, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    verify(registrar, Roll.KIND, encoded, signature)
    roll = Roll.decode(encoded)
    if roll.market != market:
        raise ContextError("market", f"the roll of market {roll.market}, not {market}")
    return roll
