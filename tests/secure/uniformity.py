"""Is it uniform? Pearson's chi-square test with a false-alarm rate of 1e-9."""

from collections.abc import Sequence
from math import erfc, exp, lgamma, log, sqrt

import numpy as np

FALSE_ALARM = 1e-9


def assert_uniform(values: Sequence[int] | np.ndarray, cells: int) -> None:
    """Fail if values in 0 … cells − 1 are too unevenly distributed to be uniform."""
    counts = np.bincount(np.asarray(values).astype(np.intp), minlength=cells)
    assert counts.size == cells, f"a value is not below {cells}"
    assert_counts_uniform(counts)


def assert_counts_uniform(counts: np.ndarray) -> None:
    """The same for numbers of values per cell."""
    expected = counts.sum() / counts.size
    assert expected >= 5, f"too few values ({counts.sum()}) for {counts.size} cells"
    statistic = float(((counts - expected) ** 2).sum() / expected)
    p_value = chi_square_tail(statistic, counts.size - 1)
    assert p_value > FALSE_ALARM, f"χ² = {statistic:.1f} over {counts.size} cells: probability {p_value:.1e}"


def chi_square_tail(statistic: float, degrees: int) -> float:
    """P[χ² ≥ statistic] = Q(degrees / 2, statistic / 2), by Q(a + 1, y) = Q(a, y) + y^a·e^−y / Γ(a + 1)."""
    y = statistic / 2
    if y == 0:
        return 1.0
    a, q = (1.0, exp(-y)) if degrees % 2 == 0 else (0.5, erfc(sqrt(y)))
    while a < degrees / 2:
        q += exp(a * log(y) - y - lgamma(a + 1))
        a += 1
    return q


def cells_of(words: np.ndarray, cells: int, modulus: int = 2**61 - 1) -> np.ndarray:
    """In which of `cells` equal stretches of 0 … modulus − 1 each residue lies."""
    return (words.astype(np.float64) / modulus * cells).astype(np.intp).clip(0, cells - 1)


def ranks(permutations: np.ndarray) -> np.ndarray:
    """Lehmer codes of permutations of 0 … n − 1, shape (k, n): numbers 0 … n! − 1."""
    count, n = permutations.shape
    code = np.zeros(count, np.intp)
    for i in range(n):
        code = code * (n - i) + (permutations[:, i + 1 :] < permutations[:, i : i + 1]).sum(axis=1)
    return code
