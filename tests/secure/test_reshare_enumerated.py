"""What any t parties see of a dealing is uniform: exactly, by counting over GF(31), through the market's own code.

A dealer's polynomial is fixed by its secret and by t keystream words, one for each of t other parties. The claims, for
every secret: any t shares that come out are jointly uniform, and so is all that any t parties draw or receive.
"""

from itertools import combinations, product

import numpy as np
import pytest

from mpc_market.field.shamir import share, threshold
from mpc_market.secure.keys import holder_sets
from mpc_market.secure.shuffle import Shuffle
from tests.secure.enumeration import FIELD, Enumeration, assert_exactly_uniform
from tests.secure.runner import recombined, run_on_shares

P = FIELD.modulus
SECRETS = [0, 1, 2, P // 2, P - 1]


def shared(secret: int, rows: int, parties: int) -> list[np.ndarray]:
    """One sharing of one number, the same in every row."""
    dealt = share(np.array([secret], np.uint64), parties, FIELD)
    return [np.broadcast_to(part, rows) for part in dealt]


def run(enumeration: Enumeration, protocol, *secrets: int) -> list[np.ndarray]:
    parties = len(enumeration.keys)
    dealt = [shared(secret, enumeration.rows, parties) for secret in secrets]
    options = {"keys": enumeration.keys, "networks": enumeration.networks}
    results = run_on_shares(protocol, *dealt, parties=parties, field=FIELD, **options)
    assert len(enumeration.columns) == enumeration.count, "fewer keystreams are used than were expected"
    expected = secrets[0] * (secrets[1] if len(secrets) > 1 else 1) % P
    assert set(recombined(results).tolist()) == {expected}
    return [result.words for result in results]


async def multiply(session, x, y):
    (xy,) = await session.reshare(x * y)
    return xy


# --- products ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b"), [*product(SECRETS, repeat=2), *((a, 1) for a in range(P))])
def test_each_share_of_a_product_is_uniform(a, b):
    """m = 3, over all words of all three dealers."""
    for share_ in run(Enumeration(3, 3, "reshare"), multiply, a, b):
        assert_exactly_uniform([share_])


@pytest.mark.parametrize(("a", "b"), [*product(SECRETS, repeat=2)])
def test_what_a_party_sees_of_a_product_is_uniform(a, b):
    """m = 3: the words it draws and those it receives, jointly; its own shares of a and b are fixed."""
    enumeration = Enumeration(3, 3, "reshare")
    run(enumeration, multiply, a, b)
    for party in range(3):
        view = enumeration.known_words(party) + enumeration.messages(party)
        assert len(view) == 3  # one value of each dealer's polynomial, its own being known by the word it draws
        assert_exactly_uniform(view)


@pytest.mark.parametrize("parties", [5, 7])
@pytest.mark.parametrize(("a", "b"), [(0, 0), (3, 1), (P - 1, P - 1)])
def test_any_t_shares_of_a_product_are_uniform_if_one_dealer_is_honest(parties, a, b):
    t = threshold(parties)
    for honest in range(parties):
        shares = run(Enumeration(parties, t, f"reshare {honest} to "), multiply, a, b)
        for some in combinations(shares, t):
            assert_exactly_uniform(list(some))


@pytest.mark.parametrize("parties", [5, 7])
@pytest.mark.parametrize(("a", "b"), [(0, 0), (3, 1), (P - 1, P - 1)])
def test_what_any_t_parties_see_of_an_honest_dealer_is_uniform(parties, a, b):
    t = threshold(parties)
    for honest in range(parties):
        enumeration = Enumeration(parties, t, f"reshare {honest} to ")
        run(enumeration, multiply, a, b)
        for curious in combinations([i for i in range(parties) if i != honest], t):
            assert_exactly_uniform(seen(enumeration, honest, curious))


def seen(
    enumeration: Enumeration, dealer: int, curious: tuple[int, ...], number: int | None = None
) -> list[np.ndarray]:
    """The values of a dealer's polynomial that some parties get: each draws its own or receives it."""
    columns = []
    for party in curious:
        values = enumeration.known_words(party) + enumeration.messages(party, dealer, number)
        assert len(values) == 1
        columns += values
    return columns


# --- what a dealer alone knows ----------------------------------------------------------------------------


@pytest.mark.parametrize("parties", [3, 5])
@pytest.mark.parametrize("secret", SECRETS)
def test_what_any_t_parties_see_of_a_dealt_secret_is_uniform(parties, secret):
    t = threshold(parties)

    for dealer in range(parties):
        enumeration = Enumeration(parties, t, f"own {dealer} to ")

        async def protocol(session, _, dealer=dealer, rows=enumeration.rows):
            own = np.full(rows, secret, np.uint64) if session.party == dealer else None
            (dealt,) = await session.deal_own([dealer], rows, own)
            return dealt

        shares = run(enumeration, protocol, secret)
        for some in combinations(shares, t):
            assert_exactly_uniform(list(some))
        for curious in combinations([i for i in range(parties) if i != dealer], t):
            assert_exactly_uniform(seen(enumeration, dealer, curious))


# --- passes of a shuffle ----------------------------------------------------------------------------------


@pytest.mark.parametrize("parties", [3, 5])
@pytest.mark.parametrize("secret", [0, 17])
def test_what_any_t_parties_see_of_a_pass_is_uniform(parties, secret):
    """For every pass and every holder of it that is honest. (The permutations are the identity here.)"""
    t = threshold(parties)

    async def protocol(session, x):
        shuffle = Shuffle(session, len(x), "name")
        return (await shuffle.shuffle(session, x.reshape(-1, 1))).reshape(-1)

    for number, holders in enumerate(holder_sets(parties)):
        for honest in holders:
            enumeration = Enumeration(parties, t, f"pass {holders} {honest} to ")
            run(enumeration, protocol, secret)
            for curious in combinations([i for i in range(parties) if i != honest], t):
                assert_exactly_uniform(seen(enumeration, honest, curious, number))


def test_each_share_after_the_last_pass_is_uniform():
    async def protocol(session, x):
        return (await Shuffle(session, len(x), "name").shuffle(session, x.reshape(-1, 1))).reshape(-1)

    for share_ in run(Enumeration(3, 2, "pass (1, 2)"), protocol, 17):
        assert_exactly_uniform([share_])


# --- the tests above can fail -----------------------------------------------------------------------------


def test_a_word_used_twice_is_noticed():
    """Two products under the same words: their difference shows."""
    first, second = (run(Enumeration(3, 3, "reshare"), multiply, 5, 6)[0] for _ in range(2))
    assert_exactly_uniform([first])
    with pytest.raises(AssertionError):
        assert_exactly_uniform([first, second])


def test_a_share_that_is_not_reshared_is_noticed():
    async def protocol(session, x):
        await multiply(session, x, x)
        return x

    shares = run(Enumeration(3, 3, "reshare"), protocol, 7)
    with pytest.raises(AssertionError):
        assert_exactly_uniform([shares[0]])


def test_shares_beyond_the_threshold_are_not_uniform():
    """t + 1 shares determine the secret."""
    shares = run(Enumeration(3, 3, "reshare"), multiply, 5, 6)
    with pytest.raises(AssertionError):
        assert_exactly_uniform(shares[:2])
