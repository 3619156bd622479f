"""Shamir's secret sharing of vectors [Sha79]: party i holds f(i + 1), f of degree ≤ t with the secret at 0.

The convention is that of MPyC's `thresha`: such a share vector is at the same time a valid MPyC share.
"""

import secrets
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from math import prod

import numpy as np

from mpc_market.errors import ShareError
from mpc_market.field.keystream import Keystream
from mpc_market.field.mersenne import GF, Field, Vector, flat


def threshold(parties: int) -> int:
    """The largest t with an honest majority, ⌊(m − 1) / 2⌋."""
    return (parties - 1) // 2


@cache
def lagrange(points: tuple[int, ...], at: int) -> tuple[Fraction, ...]:
    """λ_j with f(at) = Σ λ_j · f(points_j) for every f of degree < len(points); exact rationals."""
    return tuple(
        prod((Fraction(at - other, point - other) for other in points if other != point), start=Fraction(1))
        for point in points
    )


def residue(fraction: Fraction, field: Field = GF) -> int:
    """A rational as a number mod p."""
    return fraction.numerator * field.inverse(fraction.denominator) % field.modulus


def share(values: Vector, parties: int, field: Field = GF, degree: int | None = None) -> list[Vector]:
    """Deal shares of a vector of residues: m vectors of its shape, one per party.

    Run by whoever owns the values. f(x) = v + c_1·x + … + c_t·x^t with fresh uniform c_k.
    """
    degree = threshold(parties) if degree is None else degree
    stream = Keystream(secrets.token_bytes(16), field)
    secret = flat(values)
    coefficients = [stream.words(secret.size) for _ in range(degree)]
    dealt = []
    for point in range(1, parties + 1):
        terms = [(1, secret), *((point**k, c) for k, c in enumerate(coefficients, 1))]
        dealt.append(field.combined(terms).reshape(values.shape))
    return dealt


def recombine(shares: Sequence[Vector], degree: int, field: Field = GF) -> Vector:
    """The shared vector from the shares of ALL m parties, in order of party number.

    Raises: ShareError if they do not lie on polynomials of degree ≤ `degree`: some party's share is wrong.
    """
    sizes = {s.shape for s in shares}
    if len(sizes) != 1 or len(shares) <= degree:
        raise ShareError(
            f"{len(shares)} share vectors of shapes {sorted(sizes)}, more than {degree} of one shape needed"
        )
    base = tuple(range(1, degree + 2))
    for party in range(degree + 1, len(shares)):
        expected = _interpolate(shares, base, party + 1, field)
        if not np.array_equal(expected, shares[party]):
            wrong = int(np.count_nonzero(expected != shares[party]))
            raise ShareError(f"{wrong} of {expected.size} shared values do not lie on a polynomial of degree {degree}")
    return _interpolate(shares, base, 0, field)


def _interpolate(shares: Sequence[Vector], base: tuple[int, ...], at: int, field: Field) -> Vector:
    terms = [
        (field.centred(residue(c, field)), flat(shares[x - 1])) for c, x in zip(lagrange(base, at), base, strict=True)
    ]
    return field.combined(terms).reshape(shares[0].shape)
