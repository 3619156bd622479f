"""No `repr` of anything that the engine works with shows a secret, at any stage of a clearing."""

import asyncio
import gc
import random
import re

import numpy as np
import pytest

from mpc_market.field.keystream import Keystream
from mpc_market.network import memory_networks
from mpc_market.rules.model import Market, Rationing
from mpc_market.secure.book import BookShares, share_book
from mpc_market.secure.clearing import Method
from mpc_market.secure.keys import Keys
from mpc_market.secure.randombits import Masks
from mpc_market.secure.round import RoundShares, compute_round
from mpc_market.secure.session import Session
from mpc_market.secure.shares import Shares, dot
from mpc_market.secure.shuffle import Shuffle
from mpc_market.secure.sort import SortedBook
from tests.books import random_book

WORD = 1234567890123456789
KEY = bytes(range(65, 97))
FORBIDDEN = re.compile(r"\d{12}|b'|array\(|0x[0-9a-f]{17}|(?:[0-9a-f]{2}){16}", re.IGNORECASE)
"""Words, bytes, arrays and keys; addresses (0x…, 12 digits of them hexadecimal) are none."""


def words(*shape: int) -> np.ndarray:
    return np.full(shape, WORD, np.uint64)


def planted() -> list[object]:
    """Objects that hold nothing but the planted word or key."""
    shares, keys = Shares(words(4)), Keys(0, 3, {(0, 1): KEY, (0, 2): KEY, (1, 2): KEY})
    session = Session(memory_networks(3)[0], keys)
    shuffle = Shuffle(session, 4, "name")
    return [
        shares,
        shares * shares,
        dot(shares, shares),
        BookShares(words(4), words(2, 4), words(3, 4)),
        keys,
        Keystream(KEY[:16]),
        session,
        shuffle,
        SortedBook([shares], shuffle, np.arange(4)),
        Masks(Shares(words(61, 4)), ((1, 61),), [Shares(words(30, 4))], shares),
        RoundShares(7, words(4), KEY, 66),
    ]


def assert_shows_nothing(thing: object) -> None:
    for shown in (repr(thing), str(thing), f"{thing}"):
        assert str(WORD) not in shown
        assert f"{WORD:x}" not in shown
        assert WORD.to_bytes(8, "little").hex() not in shown
        assert KEY.hex()[:12] not in shown
        assert "ABCDEF" not in shown
        found = FORBIDDEN.search(re.sub(r"at 0x[0-9a-f]+", "", shown))
        assert not found, f"{type(thing).__name__} shows {found.group()!r}"


@pytest.mark.parametrize("thing", planted(), ids=lambda thing: type(thing).__name__)
def test_what_is_planted_is_not_shown(thing):
    assert_shows_nothing(thing)
    assert_shows_nothing([thing])
    assert_shows_nothing({"held": (thing,)})


def test_the_search_finds_what_is_shown():
    for shown in (str(WORD), hex(WORD), words(1).tobytes().hex(), repr(words(2)), repr(KEY), KEY.hex()):
        with pytest.raises(AssertionError):
            assert_shows_nothing(shown)


def alive() -> list[object]:
    """Everything of the engine's own classes that exists now; plans of a dealing hold public constants only."""
    gc.collect()
    rooms = ("mpc_market.field", "mpc_market.secure", "mpc_market.network")
    found = [thing for thing in gc.get_objects() if str(type(thing).__module__).startswith(rooms)]
    return [thing for thing in found if type(thing).__name__ != "Dealing"]


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("parties", [3, 5])
def test_nothing_that_is_alive_during_a_clearing_shows_a_word(method, parties):
    market = Market(4, 8, Rationing.PRO_RATA)
    orders = random_book(random.Random(2), market, 6, "ties")
    ids = [order.order_id for order in orders]
    seen, stages = set(), []
    others = alive()  # constants of other tests of this process; held, so that no new object has the place of one
    not_of_here = {id(thing) for thing in others}

    def look(stage: str) -> None:
        stages.append(stage)
        for thing in alive():
            if id(thing) not in not_of_here:
                seen.add(type(thing).__name__)
                assert_shows_nothing(thing)

    async def main() -> None:
        ends = zip(memory_networks(parties), share_book(orders, market, parties), strict=True)
        await asyncio.gather(
            *(compute_round(n, ids, b, market, None, look if n.party == 0 else lambda _: None, method) for n, b in ends)
        )

    asyncio.run(main())
    assert stages == ["keys", "seed", method.value, "cut", "rationing", "deliver"]
    assert seen >= {"Shares", "BookShares", "Keys", "Keystream", "Session", "Masks"}
