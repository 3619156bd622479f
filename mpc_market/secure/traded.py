"""What users have bought and sold in a round: each of them, kept for settlement, and those of a supplier together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpc_market.field.mersenne import Vector
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares, dot, stack
from mpc_market.secure.types import Index


@dataclass(frozen=True)
class Traded:
    """This party's shares in lots. `users` (v, 2): what each user has bought and sold, to be kept by the parties.
    `bought` and `sold` (supplier_count,): totals over the users of each supplier, to be shown to it.
    """

    users: Vector
    bought: Vector
    sold: Vector

    def __repr__(self) -> str:
        return f"Traded({len(self.users)} users, {self.bought.size} suppliers)"


async def find_traded(
    session: Session, side: Shares, accepted: Shares, suppliers: Index, supplier_count: int
) -> Traded:
    """What was bought and sold. `side`, `accepted`: shapes (v, K), user by user. `suppliers` (v,): public.

    Leaks: nothing. The shares of the totals are fresh ones, made from products of their own: a supplier that is shown
    those of all parties sees its two totals and a uniformly random polynomial through each, which has nothing to do
    with the polynomials of its users.
    Cost: 1 communication round, (m − 1 − t) words per user and 2·(m − 1 − t) per supplier.
    """
    count, each = side.shape
    ends = np.cumsum(np.bincount(suppliers, minlength=supplier_count)).tolist()
    by_supplier = np.argsort(suppliers, kind="stable")
    sorted_side, sorted_accepted = (Shares(s.words[by_supplier].reshape(-1), s.field) for s in (side, accepted))
    sides = stack([sorted_side, 1 - sorted_side], axis=1)
    # Σ accepted·[buy], Σ accepted·[sell]: inner products, so that only the totals are reshared.
    parts = zip([0, *ends], ends, strict=False)
    totals = [dot(sorted_accepted[a * each : b * each], sides[a * each : b * each]) for a, b in parts]
    of_user = sum((side[:, k] * accepted[:, k] for k in range(1, each)), start=side[:, 0] * accepted[:, 0])
    bought, *shown = await session.reshare(of_user, *totals)
    users = np.stack([bought.words, (accepted.sum() - bought).words], axis=1).reshape(count, 2)
    table = np.stack([total.words for total in shown]) if shown else np.empty((0, 2), np.uint64)
    return Traded(users, *map(np.ascontiguousarray, table.T))
