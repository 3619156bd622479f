"""The share served, ⌊2^F · A / G⌋, against Python's integers."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import ReuseError
from mpc_market.secure.compare import sign_ranges
from mpc_market.secure.divide import divide, masks_needed
from mpc_market.secure.randombits import random_masks
from tests.secure.runner import recombined, run_parties

every_m = pytest.mark.parametrize("parties", [3, 5, 7])


def quotients(pairs: list[tuple[int, int]], bits: int, divisor_bits: int, parties: int = 3) -> list[int]:
    async def protocol(session, dividend, divisor):
        count = dividend.size * masks_needed(bits, divisor_bits)
        masks = await random_masks(session, count, sign_ranges(61))
        result = await divide(session, dividend, divisor, bits, divisor_bits, masks)
        with pytest.raises(ReuseError):
            masks.take(1)  # as many masks as it said, none left
        return result

    dividends, divisors = zip(*pairs, strict=True)
    return recombined(run_parties(protocol, dividends, divisors, parties=parties)).tolist()


def expected(pairs: list[tuple[int, int]], bits: int) -> list[int]:
    """A = G, 0 = 0 included, saturates every digit."""
    return [2**bits - 1 if a == g else 2**bits * a // g for a, g in pairs]


@every_m
def test_edges(parties):
    top = 2**20 - 1
    pairs = [
        (0, 1),
        (1, 1),
        (0, 0),
        (1, 2),
        (0, top),
        (1, top),
        (top - 1, top),
        (top, top),
        (2**19, top),
        (1, 3),
        (2, 3),
    ]
    assert quotients(pairs, 44, 20, parties) == expected(pairs, 44)


@pytest.mark.parametrize(
    ("bits", "divisor_bits"),
    # F = 60 − quantity_bits beside the bits of n · (2^quantity_bits − 1), from the smallest books to the largest
    [(59, 1), (59, 20), (36, 24), (36, 36), (36, 48), (44, 16), (44, 30), (44, 44), (40, 40), (1, 1), (7, 53), (7, 54),
     (7, 58), (6, 5), (13, 57)],
)  # fmt: skip
def test_all_sizes_of_digits(bits, divisor_bits):
    """Digits get narrower where the divisor is so large that six bits of candidates would overflow."""
    rng = random.Random(bits * 100 + divisor_bits)
    top = 2**divisor_bits - 1
    pairs = [(0, top), (top, top), (max(top - 1, 0), top), (top // 2, top), (top // 3, top), (0, 1), (1, 1)]
    for _ in range(8):
        divisor = rng.randint(1, rng.randint(1, top))
        pairs.append((rng.randint(0, divisor), divisor))
    assert quotients(pairs, bits, divisor_bits) == expected(pairs, bits)


@pytest.mark.parametrize("bits", range(1, 15))
def test_every_number_of_bits(bits):
    """Also where the last digit is narrower than the others."""
    pairs = [(a, g) for g in (1, 2, 3, 7) for a in range(g + 1)]
    assert quotients(pairs, bits, 3) == expected(pairs, bits)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_any_quotient(data):
    bits, divisor_bits = data.draw(st.integers(1, 59)), data.draw(st.integers(1, 58))
    divisors = data.draw(st.lists(st.integers(0, 2**divisor_bits - 1), min_size=1, max_size=3))
    pairs = [(data.draw(st.integers(0, divisor)), divisor) for divisor in divisors]
    assert quotients(pairs, bits, divisor_bits) == expected(pairs, bits)
