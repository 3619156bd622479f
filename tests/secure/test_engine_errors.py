"""What goes wrong is noticed by those it is done to, with the right error and the right party named."""

import random
import re

import numpy as np
import pytest

from mpc_market.errors import (
    BookTooLargeError,
    InvalidOrderError,
    InvalidSettingsError,
    PeerError,
    ProtocolError,
    ShareError,
)
from mpc_market.field.mersenne import GF
from mpc_market.rules.model import Market, Order, Rationing, Side
from mpc_market.secure.book import BookShares, share_book
from mpc_market.secure.clearing import Method
from tests.books import random_book
from tests.secure.tampering import Alter, attempt, empty_book

MARKET = Market(4, 8, Rationing.LOTTERY)
SEED = bytes(range(32))
ORDERS = random_book(random.Random(3), MARKET, 6, "ties")
PROTOCOL = 1 << 16  # labels of the protocol proper; those below serve the agreement on keys and seed

SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
]


def errors(cheat: int, alter: Alter, parties: int = 3, seed: bytes | None = SEED) -> dict[int, BaseException]:
    """Who ends with an error, when one party's messages are altered."""
    ends, _ = attempt(ORDERS, MARKET, seed, parties, cheat, alter)
    return {party: end for party, end in enumerate(ends) if isinstance(end, BaseException)}


def assert_blamed(raised: dict[int, BaseException], cheat: int, reason: str) -> None:
    """Somebody has noticed, and nobody blames anyone else; no message repeats what was sent."""
    assert set(raised) - {cheat}
    for party, error in raised.items():
        if party != cheat:
            assert isinstance(error, PeerError)
            assert error.party == cheat
            assert re.search(reason, error.reason)
            assert not re.search(r"\d{7}|[0-9a-f]{12}", str(error))


def on(number: int, change: Alter, labels: range = range(PROTOCOL, 2**63)) -> Alter:
    """Alter the message with that number among those with these labels."""
    count = iter(range(10**9))

    def alter(peer, label, words):
        return change(peer, label, words) if label in labels and next(count) == number else words

    return alter


def first_word(value: int) -> Alter:
    def change(_peer, _label, words):
        words[0] = value
        return words

    return change


# --- words and lengths ------------------------------------------------------------------------------------


@pytest.mark.parametrize("parties", [3, 5])
@pytest.mark.parametrize("cheat", [0, 2])
@pytest.mark.parametrize("word", [GF.modulus, 2**61, 2**64 - 1])
def test_a_word_that_is_no_field_element(parties, cheat, word):
    raised = errors(cheat, on(0, first_word(word), range(PROTOCOL, 2**63)), parties)
    assert_blamed(raised, cheat, "not below 2\\^61 − 1")


def test_a_word_that_is_no_field_element_in_any_message():
    """From the first to the last message of the protocol."""
    networks = attempt(ORDERS, MARKET, SEED)[1]
    count = sum(label >= PROTOCOL for _, label, _ in networks[1].sent)
    assert count > 40
    for number in range(0, count, 4):
        raised = errors(1, on(number, first_word(GF.modulus)))
        assert_blamed(raised, 1, "not below 2\\^61 − 1")


@pytest.mark.parametrize("number", [0, 1, 7, 30])
@pytest.mark.parametrize("times", [0.5, 2, 3])
def test_a_message_of_another_length(number, times):
    raised = errors(1, on(number, lambda p, n, w: np.resize(w, int(w.size * times) or 2)))
    assert_blamed(raised, 1, r"sent \d+ words where \d+ were due")


@pytest.mark.parametrize("label", range(5))
def test_a_message_of_another_length_before_the_protocol(label):
    raised = errors(2, on(0, lambda p, n, w: w[:-1], range(label, label + 1)), parties=5, seed=None)
    assert_blamed(raised, 2, r"sent \d+ words where \d+ were due")


# --- public input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"seed": bytes(32)},
        {"seed": None},
        {"order_ids": [f"x{i}" for i in range(6)]},
        {"order_ids": [o.order_id for o in reversed(ORDERS)]},
        {"market": Market(4, 8, Rationing.PRO_RATA)},
        {"method": Method.SELECT},
        {"market": Market(3, 8, Rationing.LOTTERY), "book": empty_book(Market(3, 8), 6)},
        {"market": Market(4, 7, Rationing.LOTTERY), "book": empty_book(Market(4, 7), 6)},
        {"order_ids": [o.order_id for o in ORDERS[:5]], "book": empty_book(MARKET, 5)},
    ],
)
@pytest.mark.parametrize("odd", [0, 2])
def test_parties_that_were_given_different_public_input(other, odd):
    """Everybody notices, and the honest ones name the odd one."""
    ends, _ = attempt(ORDERS, MARKET, SEED, given={odd: other})
    for party, end in enumerate(ends):
        assert isinstance(end, PeerError)
        assert "other orders, settings or seed" in end.reason
        if party != odd:
            assert end.party == odd


def test_ids_that_only_look_alike_when_joined():
    """'ab', 'c' and 'a', 'bc' are different books."""
    orders = [Order("ab", Side.BUY, 1, 1), Order("c", Side.SELL, 1, 1)]
    ends, _ = attempt(orders, MARKET, SEED, given={1: {"order_ids": ["a", "bc"]}})
    assert all(isinstance(end, PeerError) for end in ends)


# --- keys and seed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("parties", [3, 5])
@pytest.mark.parametrize("key", SMALL_ORDER)
def test_a_public_key_of_small_order(parties, key):
    """The agreed secret would be zero, whatever the other key is."""
    words = np.frombuffer(bytes.fromhex(key), "<u8").astype(np.uint64)
    raised = errors(1, on(0, lambda p, n, w: words, range(1, 2)), parties)
    assert_blamed(raised, 1, "X25519 public key of small order")


def test_secrets_of_holders_that_do_not_open():
    def flip(_peer, _label, words):
        words[-1] ^= np.uint64(1)
        return words

    for number in range(3):  # party 0 deals for holders that include each of the others
        raised = errors(0, on(number, flip, range(2, 3)), parties=5)
        assert_blamed(raised, 0, "secrets that do not open")


@pytest.mark.parametrize("label", [3, 4])
@pytest.mark.parametrize("parties", [3, 5])
def test_a_part_of_the_seed_that_was_not_committed_to(parties, label):
    """The commitment or the part is altered on its way to one party."""
    raised = errors(1, on(0, first_word(7), range(label, label + 1)), parties, seed=None)
    assert_blamed(raised, 1, "part of the seed that it had not committed to")


# --- what a party is given --------------------------------------------------------------------------------


def refused(error: type[Exception], match: str, **others: object) -> None:
    """A party that gets such arguments refuses them before it sends anything."""
    ends, networks = attempt(ORDERS, MARKET, SEED, given={1: others})
    assert type(ends[1]) is error
    assert re.search(match, str(ends[1]))
    assert networks[1].sent == []


def test_a_book_that_is_too_large():
    """market.md §4: n · 4^quantity_bits ≤ 2^60."""
    market, n = Market(1, 24), 2**12
    for orders, error in ((n + 1, BookTooLargeError), (n, None)):
        given = {"market": market, "order_ids": [str(i) for i in range(orders)], "book": empty_book(market, orders)}
        ends, networks = attempt(ORDERS, MARKET, SEED, given={1: given})
        if error:
            assert type(ends[1]) is error
            assert "4097 orders at 24 quantity bits" in str(ends[1])
            assert networks[1].sent == []
        else:
            assert isinstance(ends[1], PeerError)  # it has gone on, and met parties with another book


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_seed_of_another_length(seed):
    refused(InvalidSettingsError, f"the seed has {len(seed)} bytes, not 32", seed=seed)


@pytest.mark.parametrize("word", [GF.modulus, 2**64 - 1])
@pytest.mark.parametrize("array", [0, 1, 2])
def test_a_share_that_is_no_field_element(word, array):
    arrays = [part.copy() for part in share_book(ORDERS, MARKET, 3)[1].arrays]
    arrays[array].reshape(-1)[-1] = word
    refused(ShareError, "not below 2\\^61 − 1", book=BookShares(*arrays))


@pytest.mark.parametrize(
    "book", [empty_book(MARKET, 5), empty_book(MARKET, 7), empty_book(Market(5, 8), 6), empty_book(Market(4, 7), 6)]
)
def test_shares_of_another_shape(book):
    refused(ShareError, "shapes", book=book)


@pytest.mark.parametrize(
    "order",
    [
        Order("x", Side.BUY, 16, 1),
        Order("x", Side.BUY, -1, 1),
        Order("x", Side.SELL, 1, 256),
        Order("x", Side.SELL, 1, -1),
        Order(ORDERS[0].order_id, Side.SELL, 1, 1),
    ],
)
def test_orders_that_do_not_fit_are_not_shared(order):
    with pytest.raises(InvalidOrderError):
        share_book([*ORDERS, order], MARKET, 3)
    with pytest.raises(BookTooLargeError):
        share_book([Order(str(i), Side.BUY, 1, 1) for i in range(2**12 + 1)], Market(1, 24), 3)


# --- shares that are wrong --------------------------------------------------------------------------------


def test_a_wrong_share_of_a_key_is_noticed():
    """A party with altered shares of the price: what is opened as destinations is no permutation."""
    books = share_book(ORDERS, MARKET, 3)
    prices = GF.add(books[1].price_bits, np.array([5], np.uint64))
    wrong = BookShares(books[1].side, prices, books[1].quantity_bits)
    given = {0: {"book": books[0]}, 1: {"book": wrong}, 2: {"book": books[2]}}
    ends, _ = attempt(ORDERS, MARKET, SEED, given=given)
    assert any(isinstance(end, ProtocolError) and "not a permutation" in str(end) for end in ends)
    assert not any(isinstance(end, PeerError) for end in ends), "who it was cannot be told"


def test_an_undisturbed_attempt_ends_well():
    """So every error above comes from what was altered."""
    for parties in (3, 5):
        assert errors(0, lambda p, n, w: w, parties, seed=None) == {}
