"""Vectors modulo a Mersenne prime against Python's integers."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.field.mersenne import BLOCK, GF, Field, blocks

FIELDS = [Field(exponent) for exponent in (61, 31, 7, 5)]
SIZES = [0, 1, 2, 7, 1023, 1024, 1025, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1]

every_field = pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"2^{field.exponent}-1")
every_size = pytest.mark.parametrize("size", SIZES)
examples = settings(max_examples=150, deadline=None)


def edges(field: Field) -> list[int]:
    """Residues at the ends of the field, of its halves, and of the words that kernels split it into."""
    p = field.modulus
    numbers = [x + d for x in (0, p, p // 2, 2**29, 2**31, 2**32, 2**60) for d in (-2, -1, 0, 1, 2)]
    return sorted({x for x in numbers if 0 <= x < p})


def residues(field: Field) -> st.SearchStrategy[int]:
    return st.sampled_from(edges(field)) | st.integers(0, field.modulus - 1)


@st.composite
def vectors(draw: st.DrawFn, count: int) -> tuple[Field, list[list[int]]]:
    """A field, and `count` vectors of one length over it."""
    field, size = draw(st.sampled_from(FIELDS)), draw(st.integers(0, 12))
    return field, [draw(st.lists(residues(field), min_size=size, max_size=size)) for _ in range(count)]


def words(numbers: list[int]) -> np.ndarray:
    return np.array(numbers, np.uint64)


def random_words(field: Field, shape: int | tuple[int, ...]) -> np.ndarray:
    """Residues of the whole field, the edges among them."""
    rng = np.random.default_rng([field.exponent, *np.atleast_1d(shape)])
    out = rng.integers(0, field.modulus, shape, np.uint64)
    flat, ends = out.reshape(-1), words(edges(field))
    places = rng.integers(0, max(flat.size, 1), min(flat.size, 3 * ends.size))
    flat[places] = ends[np.arange(places.size) % ends.size]
    return out


def exact(array: np.ndarray) -> np.ndarray:
    """The same numbers as Python's integers."""
    return array.astype(object)


def assert_residues(actual: np.ndarray, expected: np.ndarray | list[int], field: Field) -> None:
    """Equal mod p, and canonical."""
    assert actual.dtype == np.uint64
    expected = np.asarray(expected, object)
    assert actual.shape == expected.shape
    assert exact(actual).tolist() == (expected % field.modulus).tolist()


# --- element by element -----------------------------------------------------------------------------------


@every_field
def test_all_pairs_of_edges(field):
    pairs = list(product(edges(field), repeat=2))
    a, b = words([x for x, _ in pairs]), words([y for _, y in pairs])
    assert_residues(field.add(a, b), [x + y for x, y in pairs], field)
    assert_residues(field.subtract(a, b), [x - y for x, y in pairs], field)
    assert_residues(field.multiply(a, b), [x * y for x, y in pairs], field)
    assert_residues(field.negate(a), [-x for x, _ in pairs], field)


@pytest.mark.parametrize("field", FIELDS[2:], ids=lambda field: f"2^{field.exponent}-1")
def test_all_pairs_of_a_small_field(field):
    a, b = (side.reshape(-1) for side in np.mgrid[: field.modulus, : field.modulus].astype(np.uint64))
    assert_residues(field.add(a, b), exact(a) + exact(b), field)
    assert_residues(field.subtract(a, b), exact(a) - exact(b), field)
    assert_residues(field.multiply(a, b), exact(a) * exact(b), field)


@examples
@given(vectors(2))
def test_element_by_element(case):
    field, (x, y) = case
    a, b = words(x), words(y)
    assert_residues(field.add(a, b), [i + j for i, j in zip(x, y, strict=True)], field)
    assert_residues(field.subtract(a, b), [i - j for i, j in zip(x, y, strict=True)], field)
    assert_residues(field.multiply(a, b), [i * j for i, j in zip(x, y, strict=True)], field)
    assert_residues(field.negate(a), [-i for i in x], field)
    assert (a.tolist(), b.tolist()) == (x, y), "an argument was changed"


@every_field
@every_size
def test_element_by_element_at_block_boundaries(field, size):
    a, b = random_words(field, size), random_words(field, size + 1)[1:]
    assert_residues(field.add(a, b), exact(a) + exact(b), field)
    assert_residues(field.subtract(a, b), exact(a) - exact(b), field)
    assert_residues(field.multiply(a, b), exact(a) * exact(b), field)
    assert_residues(field.scale(a, 5), 5 * exact(a), field)


SHAPES = [
    ((4,), (1,)), ((1,), (4,)), ((1,), (1,)), ((4,), ()), ((), (4,)), ((3, 4), (1,)), ((1,), (3, 4)),
    ((3, 4), (4,)), ((3, 1), (1, 4)), ((3, 1), (4,)), ((2, 3, 4), (3, 1)), ((1, 1), (4,)), ((4,), (1, 1)),
    ((0,), (1,)), ((0, 4), (4,)), ((3, BLOCK), (3, 1)), ((3, BLOCK), (BLOCK,)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_broadcasting(left, right):
    a, b = random_words(GF, left), random_words(GF, (*right, 1))[..., 0]
    assert_residues(GF.add(a, b), exact(a) + exact(b), GF)
    assert_residues(GF.subtract(a, b), exact(a) - exact(b), GF)
    assert_residues(GF.multiply(a, b), exact(a) * exact(b), GF)


def test_arrays_that_are_not_contiguous():
    table = random_words(GF, (6, 10))
    a, b = table[::2, ::-1], table.T[:10:1, 1:6:2].T
    assert_residues(GF.add(a, b), exact(a) + exact(b), GF)
    assert_residues(GF.subtract(a, b), exact(a) - exact(b), GF)
    assert_residues(GF.multiply(a, b), exact(a) * exact(b), GF)
    assert_residues(GF.negate(a), -exact(a), GF)
    assert_residues(GF.scale(a, -9), -9 * exact(a), GF)
    assert_residues(GF.prefix_sums(a), np.cumsum(exact(a), axis=-1), GF)
    assert_residues(GF.sum(a, axis=0), exact(a).sum(axis=0), GF)


# --- sums and multiples -----------------------------------------------------------------------------------


@examples
@given(vectors(1), st.integers(-(2**70), 2**70) | st.integers(-9, 9))
def test_scale(case, factor):
    field, (x,) = case
    assert_residues(field.scale(words(x), factor), [factor * i for i in x], field)


coefficients = st.integers(-9, 9) | st.integers(-(2**60), 2**60)


@examples
@given(st.data())
def test_combine(data):
    field, terms = data.draw(vectors(data.draw(st.integers(0, 7))))
    numbers = [data.draw(coefficients) for _ in terms]
    size = len(terms[0]) if terms else 3
    out = np.full(size, 77, np.uint64)
    field.combine([(c, words(x)) for c, x in zip(numbers, terms, strict=True)], out)
    expected = [sum(c * x[i] for c, x in zip(numbers, terms, strict=True)) for i in range(size)]
    assert_residues(out, expected, field)


@examples
@given(st.data())
def test_combine_into_one_of_its_terms(data):
    field, terms = data.draw(vectors(data.draw(st.integers(1, 5))))
    numbers = [data.draw(coefficients) for _ in terms]
    columns = zip(*terms, strict=True)
    expected = [sum(c * x for c, x in zip(numbers, column, strict=True)) for column in columns]
    arrays = [words(x) for x in terms]
    place = data.draw(st.integers(0, len(terms) - 1))
    field.combine(list(zip(numbers, arrays, strict=True)), arrays[place])
    assert_residues(arrays[place], expected, field)
    untouched = [x if k != place else arrays[k].tolist() for k, x in enumerate(terms)]
    assert [a.tolist() for a in arrays] == untouched


@every_field
def test_combine_where_the_weights_add_up(field):
    """Unreduced sums come closest to 2^64 where every term is p − 1 or 0."""
    top = field.modulus - 1
    a, b = words([top, 0, top]), words([0, top, top])
    for i, j, k in product((-7, -4, -1, 0, 3, 7, 8), repeat=3):
        out = np.empty(3, np.uint64)
        field.combine([(i, a), (j, b), (k, a)], out)
        assert_residues(out, (i + k) * exact(a) + j * exact(b), field)


@every_field
@every_size
def test_combine_at_block_boundaries(field, size):
    a, b, c = (random_words(field, size + k)[k:] for k in range(3))
    out = np.empty(size, np.uint64)
    field.combine([(3, a), (-3, b), (1, c)], out)
    assert_residues(out, 3 * exact(a) - 3 * exact(b) + exact(c), field)


@every_field
@every_size
def test_totals(field, size):
    a = random_words(field, (3, size))
    assert_residues(field.sum(a), exact(a).sum(axis=-1) if size else [0, 0, 0], field)
    assert_residues(field.sum(a, axis=0), exact(a).sum(axis=0), field)
    assert_residues(field.prefix_sums(a), np.cumsum(exact(a), axis=-1), field)
    assert_residues(field.prefix_sums(a[0]), np.cumsum(exact(a[0])), field)


@every_field
def test_the_largest_totals(field):
    """A million times p − 1: halves of sums stay in a word."""
    count = 1_000_000
    a = np.full(count, field.modulus - 1, np.uint64)
    assert int(field.sum(a)) == -count % field.modulus
    assert int(field.prefix_sums(a)[-1]) == -count % field.modulus
    assert int(field.inner(a, a)[0]) == count % field.modulus


@every_field
@every_size
def test_inner_products(field, size):
    a, table = random_words(field, size), random_words(field, (size, 5))
    assert_residues(field.inner(a, a), [sum(x * x for x in a.tolist())], field)
    rows = [sum(x * y for x, y in zip(a.tolist(), table[:, k].tolist(), strict=True)) for k in range(5)]
    assert_residues(field.inner(a, table), rows, field)


@every_field
@every_size
def test_sums_of_products(field, size):
    a, b, c = (random_words(field, size + k)[k:] for k in range(3))
    out = c.copy()
    field.add_product(a, b, out)
    assert_residues(out, exact(c) + exact(a) * exact(b), field)
    field.add_product(a, c, out, -1)
    assert_residues(out, exact(c) + exact(a) * exact(b) - exact(a) * exact(c), field)


@every_field
@pytest.mark.parametrize("size", [0, 1, 5, 1025])
def test_weighted_sums(field, size):
    for count in (1, 2, field.exponent):
        bits = random_words(field, (count, size))
        assert_residues(field.weighted_sum(bits), sum(2**k * exact(bits[k]) for k in range(count)), field)


# --- public numbers ---------------------------------------------------------------------------------------


@every_field
def test_public_numbers(field):
    p = field.modulus
    numbers = [0, 1, -1, p, -p, p - 1, p + 1, 2**61, -(2**70), 10**30]
    assert_residues(field.vector(numbers), numbers, field)
    assert field.vector([]).shape == (0,)
    for number in (1, 2, p - 1, p // 2, p + 2, -3):
        assert number * field.inverse(number) % p == 1


@every_field
def test_is_canonical(field):
    p = field.modulus
    assert field.is_canonical(words([]))
    assert field.is_canonical(words([0, 1, p - 1]))
    for bad in (p, p + 1, 2**64 - 1):
        assert not field.is_canonical(words([0, bad, 1]))


def test_fields_are_equal_by_their_exponent():
    assert Field(61) == GF != Field(31)
    assert len({Field(61), GF, Field(31)}) == 2


@pytest.mark.parametrize("size", SIZES)
def test_blocks_cover_everything_once(size):
    covered = [i for part in blocks(size) for i in range(part.start, part.stop)]
    assert covered == list(range(size))
    assert all(part.stop - part.start <= BLOCK for part in blocks(size))
