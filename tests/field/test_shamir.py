"""Shamir sharing of vectors: any m and t, wrong shares, and MPyC's own recombination."""

import json
import subprocess
import sys
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import ShareError
from mpc_market.field.mersenne import BLOCK, GF, Field
from mpc_market.field.shamir import lagrange, recombine, residue, share, threshold
from tests.secure.uniformity import assert_uniform, cells_of

SETTINGS = [(m, t) for m in range(1, 10) for t in range(m)]
every_setting = pytest.mark.parametrize(("parties", "degree"), SETTINGS)


def numbers(size: int) -> np.ndarray:
    return np.random.default_rng(size).integers(0, GF.modulus, size, np.uint64)


@every_setting
def test_share_and_recombine(parties, degree):
    values = np.array([0, 1, GF.modulus - 1, 2**60, 12345], np.uint64)
    dealt = share(values, parties, degree=degree)
    assert len(dealt) == parties
    assert all(GF.is_canonical(part) for part in dealt)
    assert recombine(dealt, degree).tolist() == values.tolist()


@pytest.mark.parametrize("parties", [3, 5, 7])
@pytest.mark.parametrize("shape", [(0,), (1,), (2, 3), (BLOCK - 1,), (BLOCK,), (BLOCK + 1,), (3, 2 * BLOCK)])
def test_shapes(parties, shape):
    values = numbers(int(np.prod(shape))).reshape(shape)
    dealt = share(values, parties)
    assert [part.shape for part in dealt] == [shape] * parties
    assert np.array_equal(recombine(dealt, threshold(parties)), values)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([5, 7, 31, 61]), st.sampled_from([1, 3, 5, 7]), st.data())
def test_fields(exponent, parties, data):
    field = Field(exponent)
    secret = data.draw(st.lists(st.integers(0, field.modulus - 1), max_size=5))
    dealt = share(np.array(secret, np.uint64), parties, field)
    assert recombine(dealt, threshold(parties), field).tolist() == secret


def test_threshold_is_the_largest_with_an_honest_majority():
    assert [threshold(m) for m in range(1, 10)] == [0, 0, 1, 1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize("parties", [3, 5, 7])
def test_one_wrong_share_is_noticed(parties):
    values = numbers(4)
    for wrong in range(parties):
        for place in range(4):
            dealt = [part.copy() for part in share(values, parties)]
            dealt[wrong][place] = (int(dealt[wrong][place]) + 1) % GF.modulus
            with pytest.raises(ShareError, match=f"degree {threshold(parties)}$"):
                recombine(dealt, threshold(parties))


@every_setting
def test_too_high_a_degree_is_noticed(parties, degree):
    if degree == 0:
        return
    dealt = share(numbers(8), parties, degree=degree)
    with pytest.raises(ShareError):
        recombine(dealt, degree - 1)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_shares_are_refused(count):
    with pytest.raises(ShareError, match="more than 2"):
        recombine(share(numbers(2), 5)[:count], 2)


def test_shares_of_several_shapes_are_refused():
    dealt = share(numbers(6), 3)
    with pytest.raises(ShareError, match="shapes"):
        recombine([dealt[0], dealt[1], dealt[2][:5]], 1)


def test_an_error_does_not_repeat_a_share():
    dealt = share(numbers(3), 3)
    planted = dealt[1][1] = np.uint64(1234567890123456789)
    with pytest.raises(ShareError) as caught:
        recombine(dealt, 1)
    assert str(planted) not in str(caught.value)


@pytest.mark.parametrize("parties", [3, 5, 7])
def test_any_t_shares_are_uniform_whatever_is_shared(parties):
    t = threshold(parties)
    dealt = share(np.zeros(60_000, np.uint64), parties)
    cells = {1: 64, 2: 16, 3: 6}[t]
    for some in combinations(range(parties), t):
        joint = np.zeros(60_000, np.intp)
        for party in some:
            joint = joint * cells + cells_of(dealt[party], cells)
        assert_uniform(joint, cells**t)


def test_no_two_dealings_are_alike():
    first, second = share(numbers(5), 3), share(numbers(5), 3)
    assert not any(np.any(a == b) for a, b in zip(first, second, strict=True))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=7, unique=True), st.integers(-20, 20), st.data())
def test_lagrange_coefficients_interpolate(points, at, data):
    coefficients = [data.draw(st.integers(-9, 9)) for _ in points]

    def f(x: int) -> int:
        return sum(c * x**k for k, c in enumerate(coefficients))

    weights = lagrange(tuple(points), at)
    assert sum(w * f(x) for w, x in zip(weights, points, strict=True)) == f(at)


def test_a_fraction_as_a_residue():
    assert residue(Fraction(1, 2)) * 2 % GF.modulus == 1
    assert residue(Fraction(-3, 7)) * 7 % GF.modulus == GF.modulus - 3


# Importing mpyc parses sys.argv, reads the environment and sets up logging: it gets a process of its own.
MPYC = """
import json, sys
from mpyc import thresha
from mpyc.finfields import GF

field = GF(2**61 - 1)
job = json.load(sys.stdin)
points = [(i + 1, share) for i, share in job["shares"]]
recombined = thresha.recombine(field, points)
dealt = thresha.random_split(field, [field(x) for x in job["secrets"]], job["t"], job["m"])
json.dump([[field(x).value for x in recombined], [[int(x) for x in part] for part in dealt]], sys.stdout)
"""


@pytest.mark.parametrize("parties", [3, 5, 7])
def test_shares_are_shares_of_mpyc(parties):
    """MPyC recombines ours (from any t + 1 parties), and we recombine MPyC's."""
    t = threshold(parties)
    values = numbers(6)
    dealt = share(values, parties)
    some = list(range(parties))[-t - 1 :]
    job = {"m": parties, "t": t, "secrets": values.tolist(), "shares": [(i, dealt[i].tolist()) for i in some]}
    command = [sys.executable, "-I", "-c", MPYC]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=True, timeout=60)
    by_mpyc, dealt_by_mpyc = json.loads(done.stdout)
    assert by_mpyc == values.tolist()
    assert recombine([np.array(part, np.uint64) for part in dealt_by_mpyc], t).tolist() == values.tolist()
