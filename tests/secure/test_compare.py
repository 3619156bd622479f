"""Random bits, masks, and what is computed with them: lowest bits, signs, division by powers of two."""

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import ReuseError
from mpc_market.field.mersenne import GF, Field
from mpc_market.field.shamir import share, threshold
from mpc_market.secure.compare import (
    is_negative,
    lowest_bit,
    shift_right,
    sign_ranges,
    truncation_ranges,
)
from mpc_market.secure.randombits import random_bits, random_masks, weighted_sum
from mpc_market.secure.session import Session
from tests.secure.runner import recombined, residues, run_on_shares, run_parties
from tests.secure.uniformity import assert_uniform, cells_of

P = GF.modulus
EDGES = [0, 1, 2, 3, 2**58, 2**59 - 1, 2**59, 2**59 + 1, 2**60 - 2, 2**60 - 1]
SIZES = [1, 2, 3, 4, 5, 8, 9, 10, 15, 16, 17, 133, 134, 135, 269]  # 61·135 passes a block, so does 30·269

every_m = pytest.mark.parametrize("parties", [3, 5, 7])
examples = settings(max_examples=30, deadline=None)
small = st.integers(0, 2**60 - 1) | st.sampled_from(EDGES)


def some(size: int) -> list[int]:
    """Numbers below 2^60 of all lengths."""
    rng = random.Random(size)
    return [rng.randrange(2 ** rng.randint(0, 60)) for _ in range(size)]


async def negative(session, number):
    masks = await random_masks(session, number.size, sign_ranges(session.field.exponent))
    return await is_negative(session, number, masks)


async def lowest(session, number):
    masks = await random_masks(session, number.size, sign_ranges(session.field.exponent))
    return await lowest_bit(session, number, masks)


def shift_by(shift):
    async def protocol(session, number):
        masks = await random_masks(session, number.size, truncation_ranges(session.field.exponent, shift))
        return await shift_right(session, number, masks, shift)

    return protocol


# --- random bits ------------------------------------------------------------------------------------------


@every_m
def test_random_bits_are_fair(parties):
    async def protocol(session):
        return await random_bits(session, 32_000)

    bits = recombined(run_parties(protocol, parties=parties))
    assert set(bits.tolist()) == {0, 1}
    assert_uniform(bits.reshape(-1, 8) @ (2 ** np.arange(8, dtype=np.uint64)), 256)


@every_m
def test_no_t_parties_decide_or_know_a_random_bit(parties, monkeypatch):
    """Whichever t parties deal zeros only, the bits are as fair as ever."""
    inner = Session.deal_own
    for curious in combinations(range(parties), threshold(parties)):

        async def deal_zeros(self, dealers, size, own, curious=curious):
            if own is not None and self.party in curious:
                own = np.zeros(size, np.uint64)
            return await inner(self, dealers, size, own)

        monkeypatch.setattr(Session, "deal_own", deal_zeros)
        bits = recombined(run_parties(lambda session: random_bits(session, 1600), parties=parties))
        assert_uniform(bits.reshape(-1, 4) @ (2 ** np.arange(4, dtype=np.uint64)), 16)


@every_m
def test_masks(parties):
    """r is what its bits say, pairs are the products of neighbours, and r is uniform."""
    ranges = ((1, 61), (0, 44), (44, 61))

    async def protocol(session):
        masks = await random_masks(session, 2000, ranges)
        return masks.bits, masks.value, list(masks.pairs)

    bits, value, pairs = recombined(run_parties(protocol, parties=parties))
    assert set(bits.reshape(-1).tolist()) == {0, 1}
    numbers = [sum(int(bit) << k for k, bit in enumerate(column)) for column in bits.T]
    assert value.tolist() == [x % P for x in numbers]
    for (start, stop), products in zip(ranges, pairs, strict=True):
        even = stop - (stop - start) % 2
        assert np.array_equal(products, bits[start:even:2] * bits[start + 1 : even : 2])
    assert_uniform(cells_of(value, 64), 64)
    assert_uniform(value % np.uint64(31), 31)


def test_no_mask_is_given_twice():
    async def protocol(session):
        masks = await random_masks(session, 10, sign_ranges(61))
        taken = [masks.take(count) for count in (3, 1, 0, 6)]
        with pytest.raises(ReuseError):
            masks.take(1)
        return masks.value, [part.value for part in taken]

    value, taken = recombined(run_parties(protocol))
    assert np.concatenate(taken).tolist() == value.tolist()


# --- signs and bits ---------------------------------------------------------------------------------------


@every_m
def test_signs_at_the_edges(parties):
    numbers = EDGES + [-x for x in EDGES]
    assert recombined(run_parties(negative, numbers, parties=parties)).tolist() == [x < 0 for x in numbers]


@every_m
def test_lowest_bits_at_the_edges(parties):
    numbers = [*EDGES, P - 1, P - 2, 2**60, P // 2]
    assert recombined(run_parties(lowest, numbers, parties=parties)).tolist() == [x % 2 for x in numbers]


@every_m
@pytest.mark.parametrize("size", SIZES)
def test_sizes(parties, size):
    if parties == 7 and size > 20:
        return
    signed = [x - 2**59 for x in some(size)]
    assert recombined(run_parties(negative, signed, parties=parties)).tolist() == [x < 0 for x in signed]


@examples
@given(st.lists(st.tuples(small, small), min_size=1, max_size=8))
def test_comparisons(pairs):
    differences = [a - b for a, b in pairs]
    assert recombined(run_parties(negative, differences)).tolist() == [a < b for a, b in pairs]


def test_equal_numbers_are_not_less():
    assert recombined(run_parties(negative, [x - x for x in EDGES])).tolist() == [0] * len(EDGES)


@pytest.mark.parametrize("special", [0, 1, 2, 2**60, P // 2, P - 1])
def test_every_opened_value_is_handled(special):
    """c = a + r at its own edges: r is 61 uniform bits, so a = c − r makes c what we like."""

    async def protocol(session):
        masks = await random_masks(session, 8, sign_ranges(61))
        wanted = special - masks.value
        return masks.value, await lowest_bit(session, wanted, masks)

    r, bits = recombined(run_parties(protocol))
    assert bits.tolist() == [(special - int(x)) % P % 2 for x in r]


# --- division by powers of two ----------------------------------------------------------------------------


@every_m
@pytest.mark.parametrize("shift", [1, 2, 36, 44, 59, 60])
def test_shift_right_at_the_edges(parties, shift):
    numbers = sorted({y for x in (*EDGES, 2**shift) for y in (x - 1, x, x + 1) if 0 <= y < 2**60})
    shifted = recombined(run_parties(shift_by(shift), numbers, parties=parties))
    assert shifted.tolist() == [x >> shift for x in numbers]


@examples
@given(st.integers(1, 60), st.lists(small, min_size=1, max_size=8))
def test_shift_right(shift, numbers):
    assert recombined(run_parties(shift_by(shift), numbers)).tolist() == [x >> shift for x in numbers]


@pytest.mark.parametrize("size", SIZES)
def test_shift_right_sizes(size):
    assert recombined(run_parties(shift_by(44), some(size))).tolist() == [x >> 44 for x in some(size)]


@pytest.mark.parametrize("shift", [1, 36, 59])
def test_shift_right_at_every_carry(shift):
    """c and r agree in their high or their low part, or differ by one: masks made of given bits, all ones included."""
    high = [0, 1, 2 ** (61 - shift) - 2, 2 ** (61 - shift) - 1]
    low = sorted({0, 1 % 2**shift, 2**shift - 1})
    masks_values = [(upper << shift) + lower for upper in high for lower in low]
    numbers = sorted({y for x in (0, 2**shift, 2**60 - 1) for y in (x - 1, x, x + 1) if 0 <= y < 2**60})
    cases = [(y, r) for y in numbers for r in masks_values]
    got = shifted_with_masks([y for y, _ in cases], [r for _, r in cases], shift)
    assert got == [y >> shift for y, _ in cases]


def shifted_with_masks(numbers: list[int], masks_values: list[int], shift: int) -> list[int]:
    """`shift_right` with masks whose bits the test has chosen."""
    bits = np.array([[(r >> k) & 1 for r in masks_values] for k in range(61)], np.uint64)

    async def protocol(session, number, bits):
        masks = await random_masks(session, number.size, truncation_ranges(61, shift))
        masks.bits, masks.value = bits, weighted_sum(bits)
        pairs = []
        for start, stop in masks.ranges:
            even = stop - (stop - start) % 2
            pairs += await session.reshare(bits[start:even:2] * bits[start + 1 : even : 2])
        masks.pairs = tuple(pairs)
        return await shift_right(session, number, masks, shift)

    dealt = [share(residues(numbers), 3), share(bits, 3)]
    return recombined(run_on_shares(protocol, *dealt)).tolist()


@pytest.mark.parametrize("exponent", [5, 7, 31])
def test_smaller_fields(exponent):
    """The same code compares in any field GF(2^e − 1), numbers below 2^(e − 1)."""
    field = Field(exponent)
    top = 2 ** (exponent - 1)
    numbers = sorted({*range(9), *range(top - 5, top)})

    async def protocol(session, number):
        return await negative(session, number), await negative(session, -number)

    positive, opposite = recombined(run_parties(protocol, numbers, field=field))
    assert positive.tolist() == [0] * len(numbers)
    assert opposite.tolist() == [x > 0 for x in numbers]
