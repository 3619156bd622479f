"""How an additive sharing held by some parties becomes a Shamir sharing held by all [GRR98, CDI05].

Each dealer i holds z_i with Σ λ_i·z_i the secret. It deals a polynomial g_i of degree t with g_i(0) = λ_i·z_i; the
sum of all dealt values is the new share. The values of g_i at t other parties are drawn from the keystream that the
dealer has with each of them, so only m − 1 − t values travel. A keystream word ρ may stand for a multiple c·ρ of the
value, which is just as uniform: c is chosen such that all coefficients become small integers.

    g_i(x_k) = α_k·κ·z_i + Σ_j β_kj·ρ_j        kept (k = i) or sent
    g_i(x_j) = c_j·ρ_j                           drawn by party j
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import combinations
from math import lcm

from mpc_market.field.mersenne import GF, Field
from mpc_market.field.shamir import lagrange, residue, threshold


@dataclass(frozen=True)
class Dealing:
    """What one dealer does with its local value z, given one keystream word ρ_j per drawing party j.

    `factor` κ: the public factor of z, mod p. `drawn`: party → c_j. `kept` and `sent`: (α, {party j: β_j}).
    """

    factor: int
    drawn: dict[int, int]
    kept: tuple[int, dict[int, int]]
    sent: dict[int, tuple[int, dict[int, int]]]

    @property
    def weight(self) -> int:
        """How costly the arithmetic is, to compare plans by."""
        coefficients = [c for a, b in (self.kept, *self.sent.values()) for c in (a, *b.values())]
        return sum(map(abs, coefficients)) + 100 * (self.factor != 1)


def plan(parties: int, dealer: int, weight: Fraction, drawing: tuple[int, ...], field: Field = GF) -> Dealing:
    """The dealing of g with g(0) = weight · z when the parties `drawing` draw their values; numbers are 0-based."""
    points = (0, *(j + 1 for j in drawing))
    rows = {k: lagrange(points, k + 1) for k in range(parties) if k not in drawing}
    scales = [lcm(*(row[1 + j].denominator for row in rows.values())) for j in range(len(drawing))]
    values = [row[0] * weight for row in rows.values()]
    common = Fraction(lcm(*(v.denominator for v in values)))
    kappa = 1 / common
    lines = {
        k: (int(row[0] * weight / kappa), {j: int(row[1 + n] * scales[n]) for n, j in enumerate(drawing)})
        for k, row in rows.items()
    }
    return Dealing(
        factor=residue(kappa, field),
        drawn=dict(zip(drawing, scales, strict=True)),
        kept=lines[dealer],
        sent={k: line for k, line in lines.items() if k != dealer},
    )


@cache
def product_dealings(parties: int, field: Field = GF) -> tuple[Dealing, ...]:
    """For each party its dealing after a local product: all 2t + 1 parties deal, z_i the product of its shares.

    Of all choices of t drawing parties the one with the least arithmetic is taken, the first in ring order on a tie.
    """
    t = threshold(parties)
    dealers = range(2 * t + 1)
    weights = lagrange(tuple(i + 1 for i in dealers), 0)
    chosen = []
    for i in dealers:
        others = [(i + k) % parties for k in range(1, parties)]
        plans = [plan(parties, i, weights[i], drawing, field) for drawing in combinations(others, t)]
        chosen.append(min(plans, key=lambda p: p.weight))
    return tuple(chosen)


@cache
def holder_dealings(parties: int, holders: tuple[int, ...], field: Field = GF) -> dict[int, Dealing]:
    """The dealings of t + 1 holders, z_i their shares of degree t: the t other parties draw."""
    outside = tuple(k for k in range(parties) if k not in holders)
    weights = lagrange(tuple(i + 1 for i in holders), 0)
    return {i: plan(parties, i, w, outside, field) for i, w in zip(holders, weights, strict=True)}


@cache
def own_dealings(parties: int, field: Field = GF) -> tuple[Dealing, ...]:
    """The dealing by each party of a value that it alone knows; the next t parties in ring order draw."""
    t = threshold(parties)
    return tuple(
        plan(parties, i, Fraction(1), tuple(sorted((i + k) % parties for k in range(1, t + 1))), field)
        for i in range(parties)
    )
