"""Sharing in plain Python: the twin of the engine's, and what is noticed of a wrong share."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import ShareError
from mpc_market.field import shamir
from mpc_market.wire.codec import P
from mpc_market.wire.errors import PolynomialError, WireError
from mpc_market.wire.sharing import deal, deal_part, rebuild_part, recombine, threshold

PARTIES = st.sampled_from([3, 5, 7])
WORDS = st.lists(st.one_of(st.integers(0, P - 1), st.sampled_from([0, 1, P - 1])), min_size=1, max_size=4)


@given(PARTIES, WORDS)
def test_any_t_plus_1_shares_give_the_words_back(parties, words):
    shares = deal(words, parties)
    for chosen in combinations(range(parties), threshold(parties) + 1):
        assert list(recombine({j: shares[j] for j in chosen}, parties)) == words
    assert list(recombine(dict(enumerate(shares)), parties)) == words


@given(PARTIES, WORDS)
def test_the_engine_reads_these_shares(parties, words):
    shares = [np.array(share, np.uint64) for share in deal(words, parties)]
    assert shamir.recombine(shares, threshold(parties)).tolist() == words


@given(PARTIES, WORDS)
def test_the_shares_of_the_engine_are_read(parties, words):
    shares = shamir.share(np.array(words, np.uint64), parties)
    assert list(recombine({j: share.tolist() for j, share in enumerate(shares)}, parties)) == words


def test_t_shares_are_fresh_each_time():
    """The same word twice, and twice in one dealing: no party sees the same share."""
    dealt = [deal([5, 5], 3) for _ in range(3)]
    for party in range(3):
        assert len({word for shares in dealt for word in shares[party]}) == 6


@settings(max_examples=50)
@given(st.data(), PARTIES, WORDS, st.integers(1, P - 1))
def test_one_wrong_share_is_noticed_and_from_5_parties_on_named(data, parties, words, error):
    shares = {j: list(share) for j, share in enumerate(deal(words, parties))}
    liar = data.draw(st.integers(0, parties - 1))
    where = data.draw(st.integers(0, len(words) - 1))
    shares[liar][where] = (shares[liar][where] + error) % P
    with pytest.raises(PolynomialError) as caught:
        recombine(shares, parties)
    assert caught.value.suspect == (liar if parties > 3 else None)
    assert isinstance(caught.value, ShareError)


def test_two_liars_are_noticed_and_nobody_is_named():
    shares = {j: list(share) for j, share in enumerate(deal([1, 2], 7))}
    shares[1][0] = (shares[1][0] + 1) % P
    shares[4][1] = (shares[4][1] + 1) % P
    with pytest.raises(PolynomialError) as caught:
        recombine(shares, 7)
    assert caught.value.suspect is None


def test_too_few_shares_to_name_anybody():
    """Of four shares of five parties any three lie on a polynomial: nobody can be named."""
    shares = {j: list(share) for j, share in enumerate(deal([7], 5)) if j != 4}
    shares[2][0] = (shares[2][0] + 1) % P
    with pytest.raises(PolynomialError) as caught:
        recombine(shares, 5)
    assert caught.value.suspect is None


@pytest.mark.parametrize(
    ("shares", "parties"),
    [
        ({}, 3),
        ({0: [1]}, 3),
        ({0: [1], 1: [1, 2]}, 3),
        ({0: [1], 3: [1]}, 3),
        ({-1: [1], 1: [1]}, 3),
        ({0: [1], 1: [P]}, 3),
        ({0: [1], 1: [-1]}, 3),
        ({0: [1], 1: [1]}, 5),
        ({0: [1], 1: [1]}, 2),
    ],
)
def test_bad_shares(shares, parties):
    with pytest.raises(WireError):
        recombine(shares, parties)


@pytest.mark.parametrize(("values", "parties"), [([P], 3), ([-1], 3), ([1], 4)])
def test_bad_values(values, parties):
    with pytest.raises(WireError):
        deal(values, parties)


def test_no_words_are_no_words():
    assert recombine(dict(enumerate(deal([], 3))), 3) == ()


@given(PARTIES, st.one_of(st.binary(min_size=32, max_size=32), st.sampled_from([bytes(32), b"\xff" * 32])))
def test_a_part_of_the_randomness_comes_back(parties, part):
    shares = deal_part(part, parties)
    assert all(len(share) == 5 for share in shares)
    for chosen in combinations(range(parties), threshold(parties) + 1):
        assert rebuild_part({j: shares[j] for j in chosen}, parties) == part


@pytest.mark.parametrize("words", [[2**52, 0, 0, 0, 0], [0, 0, 0, 0, 2**48], [0, 0, 0, 0], [0] * 6, [P - 1] * 5])
def test_bad_part(words):
    with pytest.raises(WireError, match="no part"):
        rebuild_part(dict(enumerate(deal(words, 3))), 3)


def test_bad_length_of_a_part():
    with pytest.raises(WireError, match="32 bytes, not 31"):
        deal_part(bytes(31), 3)
