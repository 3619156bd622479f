"""Whether what a meter sent is an order, or a reading, at all, found without looking at it (protocol.md "Input
validity").

A meter can send the parties anything. For each submission two numbers are opened, made with public coefficients ρ and
σ that were drawn after all submissions were fixed. b_k are the words of all its items (orders; import and export); a
quantity and a rest are weighted sums of such words.

    1.  Σ_k ρ_k·b_k + mask                                                  must lie on a polynomial of degree ≤ t
    2.  Σ_k ρ_k·b_k·(b_k − 1) + Σ_items σ·(quantity + rest − maximum)       must be 0

If any word is not on such a polynomial, what 1. has beyond degree t is a linear function of ρ that is not zero; if all
are, but one is no bit or a sum is not the maximum, so is 2. of ρ and σ. Either comes out as 0 with probability 1/p,
about 2^−61, however the words were chosen to cancel out, and however many meters work together (the same coefficients
serve all of them). What passes both is bits: both numbers are below 2^quantity_bits and their sum is the maximum,
which the quantity therefore does not exceed.

The coefficients belong to the round (or the settlement) and are the same at every attempt; mask and blinding belong to
the attempt. Two openings under one mask with different coefficients would give away a number made of the order.

Parties that follow the protocol agree on every verdict: each sends all others the same words, so all compute the same
function of the same numbers. Should one tell them different things, the verdicts that they sign afterwards differ, and
the round ends there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from numpy.typing import NDArray

from mpc_market.errors import InvalidSettingsError
from mpc_market.field.keystream import KEY_BYTES, Keystream
from mpc_market.field.mersenne import GF, Field, Vector, blocks
from mpc_market.field.shamir import lagrange, residue
from mpc_market.secure.inputs import check_range
from mpc_market.secure.pseudorandom import additive_zeros, random_shares
from mpc_market.secure.session import Session
from mpc_market.secure.types import Verdicts

_COLUMNS = 2048
"""Submissions worked on at a time, so that their words stay in the cache."""


class Verdict(IntEnum):
    """What is known of a submission after the check; any but VALID excludes it, and blames nobody.

    A share that a party altered looks like one that a meter made up.
    """

    VALID = 0
    OFF_POLYNOMIAL = 1
    NOT_AN_ORDER = 2  # nor a reading, where one is due


@dataclass(frozen=True)
class Layout:
    """What a submission must be: `items` of `words` bits, the last of which are those of a quantity and of its rest.

    `purpose` keeps the coefficients of one kind apart from those of another.
    """

    purpose: bytes
    items: int
    words: int
    quantity_bits: int

    @property
    def free(self) -> int:
        """Words of an item before its quantity."""
        return self.words - 2 * self.quantity_bits


@dataclass(frozen=True)
class Coefficients:
    """The public coefficients for submissions of K items of L words: `words` ρ (K, L), `sums` σ (K,)."""

    words: Vector
    sums: Vector
    field: Field

    def __repr__(self) -> str:
        return f"Coefficients(shape={self.words.shape})"

    @classmethod
    def derive(cls, check_seed: bytes, layout: Layout, field: Field = GF) -> Coefficients:
        """From the round's check seed, 32 uniform bytes that were made after the set was fixed: ρ, then σ.

        The words of AES-128 in counter mode under HKDF-Expand-SHA256(check seed, purpose).
        """
        stream = Keystream(HKDFExpand(SHA256(), KEY_BYTES, layout.purpose).derive(check_seed), field)
        words = stream.words(layout.items * layout.words).reshape(layout.items, -1)
        return cls(words, stream.words(layout.items), field)


async def find_verdicts(session: Session, words: Vector, maxima: Vector, layout: Layout, check_seed: bytes) -> Verdicts:
    """The verdict on every submission. Run by every party on its own words (s, K, L) of the same s submissions.

    `maxima` (s,): the enrolled maxima in lots, public, below 2^quantity_bits. `check_seed`: 32 bytes, public, made
    after the set of submissions was fixed and never made again for it.
    A session serves one call: its mask must not hide anything else.
    Leaks: the verdicts. Of a valid submission nothing else: what is opened in 1. is a uniformly random polynomial of
    degree t (to any t parties uniform among those through the points that they hold), in 2. parts that are uniform but
    for their sum, 0. Of any other submission what 1. has beyond degree t and the number in 2.: noise about a cheat's
    own input.
    Cost: 1 communication round, 2·(m − 1) words per submission and party; two products per share word.
    Raises: ReuseError on a second call; PeerError.
    """
    field, parties, count = session.field, session.parties, len(words)
    if count == 0:
        return np.empty(0, np.uint8)
    points = tuple(range(1, parties + 1))
    linear, square = _local_sums(words, maxima, layout, Coefficients.derive(check_seed, layout, field))
    masked = field.add(linear, random_shares(session, "validity mask", count))
    # The local sums of squares are a sharing of degree 2t; times the Lagrange coefficients, parts of a sum.
    part = field.scale(square, residue(lagrange(points, 0)[session.party], field))
    blinded = field.add(part, additive_zeros(session, "validity zero", count))
    opened = await session.show_all(np.stack([masked, blinded]))
    off = _beyond_degree(session.threshold, opened[:, 0], field)
    total = field.combined([(1, each) for each in opened[:, 1]])
    verdicts = np.where(total != 0, Verdict.NOT_AN_ORDER, Verdict.VALID)
    verdicts[off] = Verdict.OFF_POLYNOMIAL
    return verdicts.astype(np.uint8)


def check_known(verdicts: Verdicts | None, count: int) -> None:
    """Refuse known verdicts that are not on `count` submissions or readings. Raises: InvalidSettingsError."""
    if verdicts is not None:
        if verdicts.shape != (count,):
            raise InvalidSettingsError(f"verdicts of shape {verdicts.shape}, not ({count},)")
        check_range("verdicts", verdicts, len(Verdict))


def _local_sums(words: Vector, maxima: Vector, layout: Layout, coefficients: Coefficients) -> tuple[Vector, Vector]:
    """This party's shares of both numbers before mask and blinding: of degrees t and 2t if all is well. Shapes (s,).

    Σ ρ·b·(b − 1) + Σ σ·(quantity + rest) = Σ ρ·b² + Σ c·b,   c = σ·2^i − ρ for bit i of a quantity or rest, else −ρ.
    """
    field, count = coefficients.field, len(words)
    rho = coefficients.words.reshape(-1)
    powers = np.zeros(layout.words, np.uint64)
    powers[layout.free :] = np.tile(1 << np.arange(layout.quantity_bits, dtype=np.uint64), 2)
    c = field.subtract(field.multiply(coefficients.sums[:, None], powers).reshape(-1), rho)
    linear, square = np.empty(count, np.uint64), np.empty(count, np.uint64)
    for part in blocks(count, _COLUMNS):
        columns = np.ascontiguousarray(words[part].reshape(part.stop - part.start, -1).T)
        linear[part] = field.inner(rho, columns)
        square[part] = field.add(field.inner(rho, field.multiply(columns, columns)), field.inner(c, columns))
    # A public constant is its own share, at every party.
    return linear, field.subtract(square, field.scale(maxima, int(field.sum(coefficients.sums))))


def _beyond_degree(degree: int, shares: Vector, field: Field) -> NDArray[np.bool_]:
    """Which columns of (m, s) do not lie on a polynomial of at most that degree: (s,)."""
    base = tuple(range(1, degree + 2))
    off = np.zeros(shares.shape[1], np.bool_)
    for party in range(degree + 1, len(shares)):
        weights = [field.centred(residue(weight, field)) for weight in lagrange(base, party + 1)]
        off |= field.combined(list(zip(weights, shares, strict=False))) != shares[party]
    return off
