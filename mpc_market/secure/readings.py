"""What one compute party holds of the users of one or more periods that are to be settled.

A row is a user in a period. The words of a reading are this party's shares of bits, each kind low bit first:

    import (quantity_bits) · rest of import (quantity_bits) · export (quantity_bits) · rest of export (quantity_bits)

where rest = enrolled maximum − quantity: twice what an order says of its quantity, so that the same check serves both.
Nobody trusts a meter: until `validity` has passed them they may be shares of anything, or of nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from mpc_market.errors import InvalidSettingsError, ShareError
from mpc_market.field.mersenne import GF, Vector
from mpc_market.rules.model import Market
from mpc_market.secure.inputs import check_range, check_shares
from mpc_market.secure.types import Index
from mpc_market.secure.validity import Layout


def reading_layout(market: Market) -> Layout:
    """What the words of a reading must be."""
    return Layout(b"mpc-market reading coefficients v1", 2, market.reading_words // 2, market.quantity_bits)


@dataclass(frozen=True)
class Readings:
    """n rows, of which `metered` ones, M, have a reading; the others are estimated.

    Public, and the same at all parties: `ids`, n, which name rows and whatever else the parties must have alike (which
    version of a reading, say); `maxima` (n,), the enrolled maxima in lots; `periods`, `suppliers`, `regions` (n,),
    numbers below `period_count`, `supplier_count`, `region_count`; `metered` (n,); `counted` (n,), whether the row
    belongs to the totals of its period, which a late, corrected or estimated one does not.
    Secret: `traded` (n, 2), shares of what was bought and sold, as the clearing has left them (0 and 0, its own share,
    for who took no part and after a void round); `words` (M, 2, 2·quantity_bits), in the sequence of the metered rows.
    """

    ids: Sequence[str]
    maxima: Vector
    periods: Index
    period_count: int
    suppliers: Index
    supplier_count: int
    regions: Index
    region_count: int
    metered: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    traded: Vector
    words: Vector

    def __repr__(self) -> str:
        return f"Readings({len(self.ids)} rows, {len(self.words)} metered)"

    def check(self, market: Market) -> None:
        """Refuse what cannot belong together; of the words only whether they are field elements.

        Raises: InvalidSettingsError, ShareError.
        """
        n = len(self.ids)
        metered = int(np.count_nonzero(self.metered))
        shapes = {each.shape for each in self._columns}
        if shapes != {(n,)}:
            raise InvalidSettingsError(f"{n} ids, and columns of shapes {sorted(shapes)}")
        if len(set(self.ids)) != n:
            raise InvalidSettingsError("two rows have one id")
        layout = reading_layout(market)
        due = ((n, 2), (metered, layout.items, layout.words))
        if (self.traded.shape, self.words.shape) != due:
            raise ShareError(f"share words of shapes {self.traded.shape} and {self.words.shape}, not {due}")
        for name, numbers, stop in (
            ("enrolled maxima in lots", self.maxima, 2**market.quantity_bits),
            ("numbers of periods", self.periods, self.period_count),
            ("numbers of suppliers", self.suppliers, self.supplier_count),
            ("numbers of regions", self.regions, self.region_count),
        ):
            check_range(name, numbers, stop)
        if np.any(self.counted & ~self.metered):
            raise InvalidSettingsError("an estimate belongs to no total")
        check_shares(self.words, self.traded)

    @property
    def _columns(self) -> tuple[NDArray[np.generic], ...]:
        return self.maxima, self.periods, self.suppliers, self.regions, self.metered, self.counted

    def public(self) -> tuple[object, ...]:
        """What all parties must have been given alike, besides the ids."""
        digests = [sha256(np.ascontiguousarray(each, "<u8").tobytes()).digest() for each in self._columns]
        return self.period_count, self.supplier_count, self.region_count, digests

    def metered_quantities(self, market: Market) -> tuple[Vector, Vector]:
        """Shares of import and export of all rows, (n,) each: Σ 2^i·bit_i of a reading, or the estimate, public."""
        bits = market.quantity_bits
        columns = np.moveaxis(self.words[:, :, :bits], 2, 0).reshape(bits, -1)
        quantities = GF.weighted_sum(np.ascontiguousarray(columns)).reshape(-1, 2)
        imported = self.maxima.copy()  # a public number is its own share
        exported = np.zeros(len(self.ids), np.uint64)
        imported[self.metered], exported[self.metered] = quantities[:, 0], quantities[:, 1]
        return imported, exported
