"""Keys and seed: agreed by those who should have them, by nobody else, and never used again."""

import asyncio
import random
import secrets
from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import pytest

from mpc_market.errors import InvalidSettingsError, ReuseError
from mpc_market.field.keystream import Keystream
from mpc_market.field.shamir import threshold
from mpc_market.network import memory_networks
from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Market, Rationing
from mpc_market.rules.ticket import ticket_order
from mpc_market.secure import keys as keys_module
from mpc_market.secure import randombits, seed, tickets
from mpc_market.secure.clearing import Method
from mpc_market.secure.keys import Keys, agree_keys, holder_sets, to_bytes, to_words
from mpc_market.secure.seed import agree_seed
from mpc_market.secure.tickets import ticket_index
from tests.books import random_book
from tests.secure.uniformity import assert_uniform
from tests.simulation import run_in_memory

every_m = pytest.mark.parametrize("parties", [3, 5, 7])


def agree(protocol, parties: int) -> list:
    async def main():
        return await asyncio.gather(*(protocol(network) for network in memory_networks(parties)))

    return asyncio.run(main())


def words_of(keys: Keys, holders: tuple[int, ...], purpose: str = "test") -> tuple[int, ...]:
    return tuple(keys.stream(holders, purpose).raw(4).tolist())


# --- agreement --------------------------------------------------------------------------------------------


@every_m
def test_holders_agree_and_nobody_else_can(parties):
    held = agree(agree_keys, parties)
    every_set = {*holder_sets(parties), *combinations(range(parties), 2)}
    seen = set()
    for holders in every_set:
        drawn = {words_of(held[party], holders) for party in holders}
        assert len(drawn) == 1
        seen |= drawn
        for party in set(range(parties)) - set(holders):
            with pytest.raises(KeyError):
                held[party].stream(holders, "test")
    assert len(seen) == len(every_set), "two sets of holders share a secret"


@every_m
def test_purposes_and_attempts_have_streams_of_their_own(parties):
    drawn = Counter(
        words_of(held[0], holders, purpose)
        for held in (agree(agree_keys, parties) for _ in range(2))
        for holders in holder_sets(parties)
        if 0 in holders
        for purpose in ("reshare 0 to 1 1", "reshare 1 to 0 1", "reshare 0 to 1 11", "own 0 to 1 1", "")
    )
    assert set(drawn.values()) == {1}


def test_a_stream_is_given_once():
    keys = agree(agree_keys, 3)[0]
    keys.stream((0, 1), "test")
    keys.stream((0, 1), "other")
    keys.stream((0, 2), "test")
    with pytest.raises(ReuseError):
        keys.stream((0, 1), "test")


def test_holder_sets():
    for parties in (3, 5, 7):
        t = threshold(parties)
        assert list(holder_sets(parties)) == list(combinations(range(parties), t + 1))
    assert [len(holder_sets(parties)) for parties in (3, 5, 7)] == [3, 10, 35]


def test_words_and_bytes():
    data = secrets.token_bytes(64)
    assert to_bytes(to_words(data)) == data
    assert to_words(bytes([1, *bytes(7), *bytes(7), 1])).tolist() == [1, 2**56]


# --- during a clearing ------------------------------------------------------------------------------------


@pytest.fixture
def streams(monkeypatch):
    """Every stream that anybody asks for: (party, holders, purpose, its key)."""
    made, asked = [], []

    class Recording(Keystream):
        __slots__ = ()

        def __init__(self, key, *rest):
            made.append(key)
            super().__init__(key, *rest)

    inner = Keys.stream

    def stream(self, holders, purpose):
        result = inner(self, holders, purpose)
        asked.append((self.party, holders, purpose, made[-1]))
        return result

    monkeypatch.setattr(keys_module, "Keystream", Recording)
    monkeypatch.setattr(Keys, "stream", stream)
    return asked


MARKETS = [Market(12, 16, Rationing.LOTTERY), Market(4, 24, Rationing.PRO_RATA)]


@pytest.mark.parametrize("parties", [3, 5])
@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("market", MARKETS)
def test_no_stream_is_asked_for_twice(streams, parties, method, market):
    """In one clearing: no party asks twice, holders draw alike, and streams differ by holders and purpose."""
    run_in_memory(random_book(random.Random(1), market, 5, "ties"), market, None, parties, method)
    assert len({(party, holders, purpose) for party, holders, purpose, _ in streams}) == len(streams) > 20
    by_name = defaultdict(set)
    for party, holders, purpose, key in streams:
        assert party in holders
        by_name[holders, purpose].add(key)
    assert {len(keys) for keys in by_name.values()} == {1}
    assert len(set.union(*by_name.values())) == len(by_name)
    drawers = Counter((holders, purpose) for _, holders, purpose, _ in streams)
    assert all(count == len(holders) for (holders, _), count in drawers.items())


def test_two_clearings_of_one_book_share_nothing(streams):
    market = MARKETS[0]
    orders, chosen = random_book(random.Random(1), market, 5, "ties"), bytes(32)
    _, first = run_in_memory(orders, market, chosen)
    count = len(streams)
    _, second = run_in_memory(orders, market, chosen)
    once, again = ({key for *_, key in part} for part in (streams[:count], streams[count:]))
    assert len(once) == len(again)
    assert not once & again
    assert [network.sent for network in first] == [network.sent for network in second]


def test_every_key_is_used_for_one_stream_only(monkeypatch):
    """Counting from the cipher's side: also what a dealer draws for itself."""
    used = Counter()

    class Counting(Keystream):
        __slots__ = ()

        def __init__(self, key, *rest):
            used[key] += 1
            super().__init__(key, *rest)

    monkeypatch.setattr(keys_module, "Keystream", Counting)
    monkeypatch.setattr(randombits, "Keystream", Counting)
    market = MARKETS[1]
    run_in_memory(random_book(random.Random(1), market, 5, "ties"), market, None)
    own = [key for key, count in used.items() if count == 1]
    # A pairwise key is held by two parties, both in this process; a dealer's own one by itself.
    assert max(used.values()) == 2
    assert len(own) >= 4, "each of two dealers draws its own bits for each batch of masks"


# --- the seed ---------------------------------------------------------------------------------------------


async def make_seed(network):
    return await agree_seed(network, 3)


@every_m
def test_all_parties_get_the_same_seed(parties):
    made = agree(make_seed, parties)
    assert len(set(made)) == 1
    assert len(made[0]) == 32
    assert made[0] != agree(make_seed, parties)[0]


def test_the_seed_is_uniform():
    octets = np.frombuffer(b"".join(agree(make_seed, 3)[0] for _ in range(400)), np.uint8)
    assert_uniform(octets, 256)


@every_m
def test_every_part_counts(parties, monkeypatch):
    """One honest party is enough: whatever the others choose, its part moves the seed."""

    def seed_of(chosen: list[bytes]) -> bytes:
        rest = iter(chosen)
        monkeypatch.setattr(seed.secrets, "token_bytes", lambda size: next(rest))
        return agree(make_seed, parties)[0]

    zero = [bytes(32)] * parties
    made = {seed_of(zero)} | {seed_of([*zero[:i], b"\1" * 32, *zero[i + 1 :]]) for i in range(parties)}
    assert len(made) == parties + 1


def test_a_commitment_cannot_be_copied():
    part = bytes(32)
    assert len({seed.commitment(party, part) for party in range(7)}) == 7
    assert seed.commitment(0, part) == seed.commitment(0, part)
    assert part not in seed.commitment(0, part)


def test_a_seed_that_is_given_is_the_one_that_is_used():
    market = MARKETS[0]
    orders = random_book(random.Random(4), market, 12, "ties")
    for chosen in (bytes(32), bytes(range(32)), None):
        results, _ = run_in_memory(orders, market, chosen)
        used = results[0].seed
        assert chosen in (None, used)
        assert results[0].price == clear(orders, market, used).price


# --- tickets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_tickets_come_in_the_sequence_of_the_rule(n):
    for chosen in (bytes(32), secrets.token_bytes(32)):
        ids = [f"métér-{i}" for i in range(n)]
        assert ticket_index(chosen, [i.encode() for i in ids]).tolist() == ticket_order(chosen, ids)


def test_tickets_that_differ_only_in_their_last_bytes(monkeypatch):
    """Once in 2^64 pairs: a digest is made that keeps the id itself behind equal leading bytes."""

    class Digest:
        def __init__(self, **_):
            self._data = b""

        def copy(self):
            return Digest()

        def update(self, data):
            self._data += data

        def digest(self):
            return bytes(8) + self._data.rjust(8, b"\0")

    monkeypatch.setattr(tickets, "blake2b", Digest)
    ids = [b"30", b"1", b"2", b"31", b"0"]
    assert ticket_index(bytes(32), ids).tolist() == [4, 1, 2, 0, 3]


def test_a_seed_has_32_bytes():
    with pytest.raises(InvalidSettingsError):
        run_in_memory([], MARKETS[0], bytes(31))
