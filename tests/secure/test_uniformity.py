"""The chi-square test itself: known quantiles, and that it rings."""

import numpy as np
import pytest

from tests.secure.uniformity import assert_uniform, cells_of, chi_square_tail, ranks


@pytest.mark.parametrize(
    ("statistic", "degrees", "tail"),
    [(3.8415, 1, 0.05), (5.9915, 2, 0.05), (124.342, 100, 0.05), (293.248, 255, 0.05), (37.325, 1, 1e-9), (0, 7, 1)],
)
def test_known_quantiles(statistic, degrees, tail):
    assert chi_square_tail(statistic, degrees) == pytest.approx(tail, rel=2e-3)


def test_uniform_values_pass():
    assert_uniform(np.random.default_rng(1).integers(0, 100, 10_000), 100)


def test_a_slightly_heavier_cell_is_noticed():
    values = np.random.default_rng(1).integers(0, 100, 100_000)
    values[:400] = 17
    with pytest.raises(AssertionError, match="probability"):
        assert_uniform(values, 100)


def test_a_value_out_of_range_is_noticed():
    with pytest.raises(AssertionError):
        assert_uniform([0, 1, 2] * 100, 2)


def test_cells():
    p = 2**61 - 1
    words = np.array([0, p // 4 - 1000, p // 4 + 1000, p - 1], np.uint64)
    assert cells_of(words, 4).tolist() == [0, 0, 1, 3]


def test_ranks_number_the_permutations():
    permutations = np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    assert ranks(permutations).tolist() == [0, 1, 2, 3, 4, 5]
