"""What the check of a submission opens is 0, uniform, or a cheat's own noise: exactly, by counting over GF(31).

Every row is the same submission, checked under another combination of keystream words, through the market's own code.
"""

from itertools import combinations

import numpy as np
import pytest

from mpc_market.field.shamir import lagrange, residue, share, threshold
from mpc_market.rules.model import Market, Side
from mpc_market.secure import validity
from mpc_market.secure.pseudorandom import additive_zeros, random_shares
from mpc_market.secure.submissions import order_layout
from mpc_market.secure.validity import Verdict, find_verdicts
from tests.secure.enumeration import FIELD, Enumeration, TableStream, assert_exactly_uniform
from tests.secure.meters import Line, bits_of, deal
from tests.secure.runner import residues, run_on_shares

P = FIELD.modulus
MARKET, MAXIMUM = Market(1, 2), 2
SEED = bytes(range(32))
ORDERS: list[Line] = [(Side.SELL, 0, 0), (Side.BUY, 1, 2), (Side.BUY, 0, 1), (Side.SELL, 1, 2)]


class Chosen(Enumeration):
    """Every combination of the named keystreams, all others zero."""

    def __init__(self, parties: int, *names: str) -> None:
        super().__init__(parties, len(names), "")
        self.names = names

    def stream(self, holders, purpose) -> TableStream:
        if not any(purpose.startswith(f"{name} ") for name in self.names):
            return TableStream(np.zeros(self.rows, np.uint64))
        return super().stream(holders, purpose)


def check(enumeration: Enumeration, words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The verdicts by row; what each party shows of 1. and of 2., shapes (m, rows)."""
    parties = len(enumeration.keys)
    rows = enumeration.rows
    maxima = np.full(rows, MAXIMUM, np.uint64)
    dealt = [np.broadcast_to(part, (rows, *part.shape)) for part in words]

    async def protocol(session, mine):
        return await find_verdicts(session, mine.words, maxima, order_layout(1, MARKET), SEED)

    options = {"keys": enumeration.keys, "networks": enumeration.networks}
    found = run_on_shares(protocol, dealt, parties=parties, field=FIELD, **options)
    assert len(enumeration.columns) == enumeration.count, "fewer keystreams are used than were expected"
    assert all(np.array_equal(found[0], each) for each in found)
    shown = []
    for party in range(parties):
        (one, *others) = (enumeration.messages(peer, party)[0] for peer in range(parties) if peer != party)
        assert all(np.array_equal(one, other) for other in others), "a party shows different things to its peers"
        shown.append(one.reshape(2, rows))
    masked, parts = np.stack(shown, axis=1)
    return found[0], masked, parts


def outside(parties: int, curious: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(party for party in range(parties) if party not in curious)


def beyond_degree_t(masked: np.ndarray) -> np.ndarray:
    """The values at the parties from t + 1 on, less those of the polynomial through the others': (m − t − 1, rows)."""
    t = threshold(len(masked))
    base = tuple(range(1, t + 2))
    differences = []
    for party in range(t + 1, len(masked)):
        weights = [residue(weight, FIELD) for weight in lagrange(base, party + 1)]
        expected = sum(weight * column.astype(np.int64) for weight, column in zip(weights, masked, strict=False))
        differences.append((masked[party].astype(np.int64) - expected) % P)
    return np.array(differences)


def total(parts: np.ndarray) -> np.ndarray:
    return parts.astype(np.int64).sum(axis=0) % P


def sent(line: Line, parties: int = 3) -> np.ndarray:
    return deal(bits_of([line], MAXIMUM, MARKET), parties, FIELD)


def groups_of(parties: int) -> list[str]:
    return [str(group) for group in combinations(range(parties), threshold(parties) + 1)]


# --- honest meters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ORDERS)
def test_the_opened_polynomial_is_uniform(line):
    """m = 3, over all masks: each polynomial of degree 1 equally often, whatever the order."""
    verdicts, masked, parts = check(Chosen(3, *(f"validity mask {group}" for group in groups_of(3))), sent(line))
    assert set(verdicts) == {Verdict.VALID}
    assert_exactly_uniform([*masked[:2]])
    assert not beyond_degree_t(masked).any()
    assert not total(parts).any()


@pytest.mark.parametrize("line", ORDERS)
def test_the_opened_parts_are_uniform_but_for_their_sum(line):
    """m = 3, over all blindings."""
    verdicts, _, parts = check(Chosen(3, *(f"validity zero {pair}" for pair in groups_of(3))), sent(line))
    assert set(verdicts) == {Verdict.VALID}
    assert_exactly_uniform([*parts[:2]])
    assert not total(parts).any()


@pytest.mark.parametrize("line", ORDERS[:2])
@pytest.mark.parametrize("parties", [3, 5])
def test_what_any_t_parties_see_is_uniform(parties, line):
    """Given all that they hold, words and keystreams: one number of 1. is free to them, and t parts of 2.

    Everything else that they see follows from these and from what they have: so it tells nothing.
    """
    words = sent(line, parties)
    for curious in combinations(range(parties), threshold(parties)):
        honest = outside(parties, curious)
        # Of m = 5 the three honest parties share three words for the parts, any two of which will do.
        pairs = [*combinations(honest, 2)][: len(honest) - 1]
        names = [f"validity mask {honest}", *(f"validity zero {pair}" for pair in pairs)]
        verdicts, masked, parts = check(Chosen(parties, *names), words)
        assert set(verdicts) == {Verdict.VALID}
        assert_exactly_uniform([masked[honest[0]], *(parts[party] for party in honest[1:])])
        assert not beyond_degree_t(masked).any()
        assert not total(parts).any()
        for party in curious:  # what they show themselves, they knew before
            assert len(set(masked[party])) == len(set(parts[party])) == 1


@pytest.mark.parametrize("curious", range(3))
def test_all_orders_look_alike(curious):
    """m = 3: a party with given words of its own sees the same, equally often, whichever order it is."""
    views = set()
    own = np.random.default_rng(1).integers(0, P, 6)
    honest = outside(3, (curious,))
    for line in ORDERS:
        secret = bits_of([line], MAXIMUM, MARKET).reshape(-1)
        slope = [(int(o) - s) * pow(curious + 1, -1, P) for o, s in zip(own, secret, strict=True)]
        words = residues([[s + k * (j + 1) for s, k in zip(secret, slope, strict=True)] for j in range(3)], FIELD)
        assert np.array_equal(words[curious], own)
        names = (f"validity mask {honest}", f"validity zero {honest}")
        _, masked, parts = check(Chosen(3, *names), words.reshape(3, 1, 6))
        rows = np.concatenate([masked, parts]).T
        views.add(tuple(sorted(map(tuple, rows.tolist()))))
    assert len(views) == 1


# --- cheats -----------------------------------------------------------------------------------------------


def test_what_is_opened_of_other_polynomials_is_their_excess():
    """1. is uniform but for what it has beyond degree t, and that is Σ ρ·(excess of the words)."""
    words = sent(ORDERS[1])
    words[2, 0, 3] = (words[2, 0, 3] + 4) % P
    verdicts, masked, _ = check(Chosen(3, *(f"validity mask {group}" for group in groups_of(3))), words)
    assert set(verdicts) == {Verdict.OFF_POLYNOMIAL}
    assert_exactly_uniform([*masked[:2]])
    rho = int(validity.Coefficients.derive(SEED, order_layout(1, MARKET), FIELD).words[0, 3])
    assert set(beyond_degree_t(masked).reshape(-1)) == {4 * rho % P} != {0}


def test_what_is_opened_of_other_words_is_one_number():
    """2. is uniform but for its sum, and that is Σ ρ·b·(b − 1) + σ·(quantity + rest − maximum)."""
    secret = bits_of([ORDERS[1]], MAXIMUM, MARKET)
    secret[0, 1], secret[0, 5] = 9, 1 - secret[0, 5]  # a price bit; the rest is 2 lots more or less
    verdicts, masked, parts = check(
        Chosen(3, *(f"validity zero {pair}" for pair in groups_of(3))), deal(secret, 3, FIELD)
    )
    assert set(verdicts) == {Verdict.NOT_AN_ORDER}
    assert not beyond_degree_t(masked).any()
    assert_exactly_uniform([*parts[:2]])
    coefficients = validity.Coefficients.derive(SEED, order_layout(1, MARKET), FIELD)
    assert set(total(parts)) == {(72 * int(coefficients.words[0, 1]) + 2 * int(coefficients.sums[0])) % P} != {0}


# --- the sharings themselves ------------------------------------------------------------------------------


@pytest.mark.parametrize("parties", [3, 5, 7])
def test_every_group_moves_the_mask_and_no_party_outside_it(parties):
    t = threshold(parties)
    for group in combinations(range(parties), t + 1):
        enumeration = Chosen(parties, f"test {group}")
        shares = run_on_shares(lambda s: _random(s, P), parties=parties, field=FIELD, keys=enumeration.keys)
        shares = np.stack(shares)
        assert not beyond_degree_t(shares).any()
        weights = [residue(w, FIELD) for w in lagrange(tuple(range(1, parties + 1)), 0)]
        assert_exactly_uniform([sum(w * s.astype(np.int64) for w, s in zip(weights, shares, strict=True)) % P])
        for party in range(parties):
            assert shares[party].any() == (party in group)


@pytest.mark.parametrize("parties", [3, 5, 7])
def test_every_pair_moves_its_two_parts_of_zero(parties):
    for pair in combinations(range(parties), 2):
        enumeration = Chosen(parties, f"test {pair}")
        parts = np.stack(run_on_shares(lambda s: _zeros(s, P), parties=parties, field=FIELD, keys=enumeration.keys))
        assert not total(parts).any()
        for party in range(parties):
            assert len(set(parts[party])) == (P if party in pair else 1)


async def _random(session, count):
    return random_shares(session, "test", count)


async def _zeros(session, count):
    return additive_zeros(session, "test", count)


# --- the tests above can fail -----------------------------------------------------------------------------


def test_a_missing_mask_is_noticed(monkeypatch):
    monkeypatch.setattr(validity, "random_shares", lambda session, purpose, count: np.zeros(count, np.uint64))
    with pytest.raises(AssertionError):
        test_the_opened_polynomial_is_uniform(ORDERS[0])
    with pytest.raises(AssertionError):
        test_what_any_t_parties_see_is_uniform(3, ORDERS[0])


def test_a_missing_blinding_is_noticed(monkeypatch):
    monkeypatch.setattr(validity, "additive_zeros", lambda session, purpose, count: np.zeros(count, np.uint64))
    with pytest.raises(AssertionError):
        test_the_opened_parts_are_uniform_but_for_their_sum(ORDERS[0])
    with pytest.raises(AssertionError):
        test_what_any_t_parties_see_is_uniform(5, ORDERS[0])


def test_a_mask_that_one_party_knows_is_noticed(monkeypatch):
    """As if party 0 had dealt it alone."""

    def dealt(session, purpose, count):
        random_shares(session, purpose, count)  # draws the streams all the same
        return np.full(count, share(np.array([17], np.uint64), 3, FIELD)[session.party][0])

    monkeypatch.setattr(validity, "random_shares", dealt)
    with pytest.raises(AssertionError):
        test_what_any_t_parties_see_is_uniform(3, ORDERS[0])
