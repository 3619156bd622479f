"""What the users of each supplier have bought and sold together in a round (market.md §6)."""

from __future__ import annotations

import numpy as np

from mpc_market.field.mersenne import Vector
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares, dot, stack
from mpc_market.secure.shuffle import Index


async def supplier_totals(
    session: Session, side: Shares, accepted: Shares, suppliers: Index, supplier_count: int
) -> tuple[Vector, Vector]:
    """This party's shares of the totals bought and sold over the orders of each supplier, in lots.

    `side`, `accepted`: shapes (n,). `suppliers` (n,): whose each order is, public. Returns shapes (supplier_count,).
    Leaks: nothing. The shares are fresh ones: a supplier that is shown those of all parties sees its two totals and a
    uniformly random polynomial through each.
    Cost: 1 communication round, 2·(m − 1 − t) words per supplier.
    """
    if not supplier_count:
        return np.empty(0, np.uint64), np.empty(0, np.uint64)
    by_supplier = np.argsort(suppliers)
    ends = np.cumsum(np.bincount(suppliers, minlength=supplier_count)).tolist()
    side, accepted = side.take(by_supplier), accepted.take(by_supplier)
    sides = stack([side, 1 - side], axis=1)
    # Σ accepted·[buy], Σ accepted·[sell]: inner products, so that only the totals are reshared.
    totals = await session.reshare(
        *(dot(accepted[start:end], sides[start:end]) for start, end in zip([0, *ends], ends, strict=False))
    )
    bought, sold = np.stack([total.words for total in totals], axis=1)
    return bought, sold
