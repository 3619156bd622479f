"""What a clearing needs besides orders: masks for comparisons and secret permutations.

None of it depends on an order, so it can be prepared while orders still come in, for up to n_max of them. It belongs
to one attempt at one round: used once, thrown away with the attempt, never on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mpc_market.secure.compare import sign_ranges, truncation_ranges
from mpc_market.secure.prices import PRICE_MASKS
from mpc_market.secure.randombits import Masks, random_masks
from mpc_market.secure.session import Session
from mpc_market.secure.shuffle import Permutations

ROUNDING_MAX = 1 << 16
"""Roundings prepared at most: the mask of one takes 750 bytes. A larger book makes them when it needs them."""


@dataclass
class Needs:
    """What a clearing of n orders uses at most; a clearing of fewer uses no more (below 2^48 orders, where a division's
    digits would become narrower).

    `comparisons`: masks for comparisons, besides those of the price. `roundings`: numbers to be rounded, by `shift`
    bits. `shuffles`: names of the shuffles.
    """

    n: int
    comparisons: int
    shuffles: Sequence[str] = ()
    roundings: int = 0
    shift: int = 0


@dataclass
class Material:
    """Made by `make_material` or `prepare_material`; `needs` says for what."""

    needs: Needs
    masks: Masks
    price_masks: Masks
    permutations: Permutations = field(default_factory=Permutations)
    roundings: Masks | None = None

    def __repr__(self) -> str:
        return f"Material(n={self.needs.n})"

    async def rounding_masks(self, session: Session, count: int) -> Masks:
        """Masks for `count` roundings: those prepared, or fresh ones. Cost: 0 or 2 + t rounds."""
        if self.roundings is not None:
            return self.roundings.take(count)
        return await random_masks(session, count, truncation_ranges(session.field.exponent, self.needs.shift))


async def make_material(session: Session, needs: Needs) -> Material:
    """Only the masks for comparisons, while the orders are being arranged; the rest is made when it is needed.

    Cost: 2 + t rounds.
    """
    ranges = sign_ranges(session.field.exponent)
    masks = await random_masks(session, needs.comparisons + PRICE_MASKS, ranges)
    return Material(needs, masks, masks.take(PRICE_MASKS))


async def prepare_material(session: Session, needs: Needs) -> Material:
    """Everything, before the orders are there. Run by every party with the same `needs`.

    Cost: as `make_material`; for roundings about 300 words each.
    """
    material = await make_material(session, needs)
    material.permutations.prepare(session, needs.shuffles, needs.n)
    if 0 < needs.roundings <= ROUNDING_MAX:
        material.roundings = await material.rounding_masks(session, needs.roundings)
    return material
