"""Shamir's sharing [Sha79] of a few words in plain Python, for roles without numpy: meters, suppliers, auditors.

Party j holds f(j + 1), f of degree ≤ t = (m − 1) / 2 with the secret at 0, mod p = 2^61 − 1: the convention of
`mpc_market.field.shamir`, whose shares are the same.
"""

import secrets
from collections.abc import Mapping, Sequence
from functools import cache

from mpc_market.wire.codec import P
from mpc_market.wire.committee import check_parties
from mpc_market.wire.errors import PolynomialError, WireError

PART_BYTES = 32
PART_WORDS = 5
PART_WORD_BITS = 52
"""A part of the randomness is dealt as 5 words of 52 bits (260 ≥ 256), the lowest first."""


def threshold(parties: int) -> int:
    """t = (m − 1) / 2."""
    return (parties - 1) // 2


def deal(values: Sequence[int], parties: int) -> list[tuple[int, ...]]:
    """Shares of some words for each of m parties, by fresh random polynomials. Run by whoever owns the values.

    Raises: WireError if a value is no residue, or m is not 3, 5 or 7.
    """
    check_parties(parties)
    if not all(0 <= value < P for value in values):
        raise WireError("a value to be shared is not a residue mod 2^61 − 1")
    # f(x) = c_0 + c_1·x + … + c_t·x^t, c_0 the value
    polynomials = [(value, *(secrets.randbelow(P) for _ in range(threshold(parties)))) for value in values]
    return [tuple(_evaluate(f, j + 1) for f in polynomials) for j in range(parties)]


def recombine(shares: Mapping[int, Sequence[int]], parties: int) -> tuple[int, ...]:
    """The words behind the shares of at least t + 1 parties, all of which must lie on one polynomial of degree ≤ t.

    Only with the shares of all m parties is every party checked: from t + 1 shares alone any polynomial follows.
    Raises: PolynomialError, which names a single wrong party where that can be said (m ≥ 5); WireError for too few
    shares or different numbers of words.
    """
    check_parties(parties)
    _check_shape(shares, parties)
    words = _fit(shares, parties)
    if words is None:
        suspect = _single_suspect(shares, parties)
        named = "" if suspect is None else f"; if only one party is wrong, it is party {suspect}"
        raise PolynomialError(f"the shares of parties {sorted(shares)} do not lie on one polynomial{named}", suspect)
    return words


def deal_part(part: bytes, parties: int) -> list[tuple[int, ...]]:
    """Shares of a 32-byte part of the randomness, 5 words for each party. Run by the party that drew it."""
    if len(part) != PART_BYTES:
        raise WireError(f"a part of the randomness has {PART_BYTES} bytes, not {len(part)}")
    number = int.from_bytes(part, "little")
    return deal([number >> (PART_WORD_BITS * k) & (2**PART_WORD_BITS - 1) for k in range(PART_WORDS)], parties)


def rebuild_part(shares: Mapping[int, Sequence[int]], parties: int) -> bytes:
    """The part of the randomness behind the shares of at least t + 1 parties; its commitment is still to be checked.

    Raises: PolynomialError; WireError if the words are those of no part.
    """
    words = recombine(shares, parties)
    number = sum(word << (PART_WORD_BITS * k) for k, word in enumerate(words))
    if len(words) != PART_WORDS or max(words) >= 2**PART_WORD_BITS or number >= 2 ** (8 * PART_BYTES):
        raise WireError("the shares are those of no part of the randomness")
    return number.to_bytes(PART_BYTES, "little")


def _evaluate(f: Sequence[int], x: int) -> int:
    value = 0
    for coefficient in reversed(f):
        value = (value * x + coefficient) % P
    return value


def _check_shape(shares: Mapping[int, Sequence[int]], parties: int) -> None:
    if not set(shares) <= set(range(parties)):
        raise WireError(f"shares of parties {sorted(shares)}: there are {parties}")
    if len(shares) <= threshold(parties):
        raise WireError(f"shares of {len(shares)} parties: at least {threshold(parties) + 1} of {parties} are needed")
    if len({len(words) for words in shares.values()}) > 1:
        raise WireError("the parties' shares are of different lengths")
    if not all(0 <= word < P for words in shares.values() for word in words):
        raise WireError("a share word that is not a residue mod 2^61 − 1")


def _fit(shares: Mapping[int, Sequence[int]], parties: int) -> tuple[int, ...] | None:
    """The words at 0 if the polynomials through the first t + 1 parties' shares go through all others too."""
    held = sorted(shares)
    base, others = held[: threshold(parties) + 1], held[threshold(parties) + 1 :]
    points = tuple(j + 1 for j in base)
    columns = list(zip(*(shares[j] for j in base), strict=True))
    for j in others:
        weights = _lagrange(points, j + 1)
        if any(_dot(weights, c) != word for c, word in zip(columns, shares[j], strict=True)):
            return None
    weights = _lagrange(points, 0)
    return tuple(_dot(weights, column) for column in columns)


def _single_suspect(shares: Mapping[int, Sequence[int]], parties: int) -> int | None:
    """The only party without which the rest fit, if what is left still checks itself (more than t + 1 shares)."""
    if len(shares) - 1 <= threshold(parties) + 1:
        return None
    fitting = [j for j in shares if _fit({i: w for i, w in shares.items() if i != j}, parties) is not None]
    return fitting[0] if len(fitting) == 1 else None


@cache
def _lagrange(points: tuple[int, ...], at: int) -> tuple[int, ...]:
    """λ_j with f(at) = Σ λ_j · f(points_j) for every f of degree < len(points)."""
    weights = []
    for point in points:
        numerator = denominator = 1
        for other in points:
            if other != point:
                numerator = numerator * (at - other) % P
                denominator = denominator * (point - other) % P
        weights.append(numerator * pow(denominator, -1, P) % P)
    return tuple(weights)


def _dot(weights: Sequence[int], values: Sequence[int]) -> int:
    return sum(w * v for w, v in zip(weights, values, strict=True)) % P
