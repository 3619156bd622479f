"""Validity of what meters send: honest ones always pass, every cheat is noticed, and nobody else pays for it."""

import asyncio
import random

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import PeerError, ReuseError
from mpc_market.field.mersenne import GF
from mpc_market.network import memory_networks
from mpc_market.rules.model import Market, Order, Side
from mpc_market.secure.session import Session
from mpc_market.secure.submissions import order_layout
from mpc_market.secure.validity import Coefficients, Verdict, find_verdicts
from mpc_market.wire.layout import order_bits
from mpc_market.wire.verdicts import Verdict as WireVerdict
from tests.secure.enumeration import FIELD, Listener
from tests.secure.lockstep import Lockstep
from tests.secure.meters import Line, Sent, bits_of, deal, every_cheat, honest, submissions_at
from tests.secure.runner import dealt_keys
from tests.secure.tampering import Tampering

SEED = bytes(range(32))
SMALL = Market(2, 3)
BUY, SELL = Side.BUY, Side.SELL

every_m = pytest.mark.parametrize("parties", [3, 5, 7])


def verdicts_on(
    sent: list[Sent], market: Market, each: int, parties: int, seed: bytes = SEED, networks=None, keys=None
) -> list[np.ndarray]:
    """What each party finds."""
    ends, held = networks or memory_networks(parties), keys or dealt_keys(parties)

    async def party(j: int) -> np.ndarray:
        mine = submissions_at(j, sent, market, each)
        return await find_verdicts(Session(ends[j], held[j]), mine.words, mine.maxima, order_layout(each, market), seed)

    async def main() -> list[np.ndarray]:
        return await asyncio.gather(*map(party, range(parties)))

    return asyncio.run(main())


def assert_found(sent: list[Sent], found: list[np.ndarray]) -> None:
    """All parties say of everybody what is to be said."""
    for verdicts in found:
        assert verdicts.dtype == np.uint8
        wrong = [(one.meter, code) for one, code in zip(sent, verdicts, strict=True) if code != one.verdict]
        assert wrong == []


def some_lines(rng: random.Random, market: Market, each: int, maximum: int) -> list[Line]:
    def line() -> Line:
        quantity = rng.choice((0, maximum, rng.randint(0, maximum)))
        return rng.choice((BUY, SELL)), rng.randrange(2**market.price_bits), quantity

    return [line() for _ in range(each)]


# --- honest meters ----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_honest_meters_pass(data):
    """Whatever they ask for, whatever they are enrolled with."""
    market = Market(data.draw(st.integers(1, 20)), data.draw(st.integers(1, 24)))
    each, parties = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([3, 3, 5, 7]))
    sent = []
    for i in range(data.draw(st.integers(0, 5))):
        maximum = data.draw(st.integers(0, 2**market.quantity_bits - 1))
        price, quantity = st.integers(0, 2**market.price_bits - 1), st.integers(0, maximum)
        lines = st.lists(st.tuples(st.sampled_from(Side), price, quantity), min_size=each, max_size=each)
        sent.append(honest(f"m{i}", data.draw(lines), maximum, market, parties))
    assert_found(sent, verdicts_on(sent, market, each, parties, data.draw(st.binary(min_size=32, max_size=32))))


@every_m
def test_thousands_of_honest_meters_pass(parties):
    """More than fit into one block."""
    rng, market = random.Random(parties), Market(12, 16)
    words = deal(np.stack([bits_of([(BUY, rng.randrange(4096), q)], 50_000, market)[0]
                           for q in (rng.randint(0, 50_000) for _ in range(5000))]), parties)  # fmt: skip
    sent = [Sent(str(i), [], 50_000, words[:, i : i + 1]) for i in range(5000)]
    sent[4097] = Sent("4097", [], 50_001, words[:, 4097:4098], Verdict.NOT_AN_ORDER)
    assert_found(sent, verdicts_on(sent, market, 1, parties))


def test_a_careless_meter_passes():
    """Shares that are the bits themselves hide nothing, but they are shares of an order."""
    bits = bits_of([(BUY, 3, 5)], 6, SMALL).astype(np.uint64)
    sent = [Sent("careless", [], 6, np.stack([bits] * 3))]
    assert_found(sent, verdicts_on(sent, SMALL, 1, 3))


def test_nobody_has_sent_anything():
    networks = memory_networks(3)
    assert_found([], verdicts_on([], SMALL, 2, 3, networks=networks))
    assert [network.sent for network in networks] == [[], [], []]


# --- cheats -----------------------------------------------------------------------------------------------


@every_m
@pytest.mark.parametrize("each", [1, 2])
def test_every_cheat_is_noticed_and_nobody_else(parties, each):
    """Hundreds of cheats at once, honest meters between them."""
    rng = random.Random(each)
    sent = []
    for i in range(2):
        lines = some_lines(rng, SMALL, each, 5)
        for cheat in every_cheat(honest(f"m{i}", lines, 5, SMALL, parties), SMALL, parties):
            sent += [cheat, honest("honest", some_lines(rng, SMALL, each, 5), 5, SMALL, parties)]
    assert len(sent) > 300
    assert {one.verdict for one in sent} == set(Verdict)
    assert_found(sent, verdicts_on(sent, SMALL, each, parties))


def test_every_cheat_at_full_size():
    market, lines = Market(12, 16), [(BUY, 1234, 40_000)]
    sent = every_cheat(honest("m", lines, 50_000, market, 3), market, 3)
    assert_found(sent, verdicts_on(sent, market, 1, 3))


def test_a_check_is_passed_once_in_p():
    """Over GF(31): each of many cheats passes its check for about one seed in 31, so nothing but chance decides."""
    market, seeds, parties = Market(1, 2), 620, 3
    bits = bits_of([(BUY, 1, 2), (SELL, 0, 1)], 3, market)
    dealt, deserved = [], [Verdict.NOT_AN_ORDER, Verdict.OFF_POLYNOMIAL] * bits.size
    for place in np.ndindex(bits.shape):
        changed = bits.copy()
        changed[place] = 7
        dealt.append(deal(changed, parties, FIELD))
        off = deal(bits, parties, FIELD)
        off[(1, *place)] = (off[(1, *place)] + 7) % 31
        dealt.append(off)
    words, maxima = np.stack(dealt, axis=1), np.full(len(dealt), 3, np.uint64)
    passed, layout = np.zeros(len(dealt), int), order_layout(2, market)
    for number in range(seeds):

        async def main(seed: bytes = random.Random(number).randbytes(32)) -> list[np.ndarray]:
            ends = zip(memory_networks(parties), dealt_keys(parties, FIELD), words, strict=True)
            return await asyncio.gather(*(find_verdicts(Session(n, k), w, maxima, layout, seed) for n, k, w in ends))

        passed += asyncio.run(main())[0] != deserved
    assert passed.min() >= 2  # about 20 of 620; less than 2 or more than 60 happens once in 10^7 times
    assert passed.max() <= 60


# --- what parties send ------------------------------------------------------------------------------------


def traffic(sent: list[Sent], market: Market, each: int, parties: int) -> list:
    networks = memory_networks(parties)
    verdicts_on(sent, market, each, parties, networks=networks)
    return [network.sent for network in networks]


@every_m
def test_one_round_and_two_words_to_every_peer(parties):
    sent = [honest(f"m{i}", some_lines(random.Random(i), SMALL, 2, 5), 5, SMALL, parties) for i in range(9)]
    for party, messages in enumerate(traffic(sent, SMALL, 2, parties)):
        assert sorted(peer for peer, _, _ in messages) == [i for i in range(parties) if i != party]
        assert {words for _, _, words in messages} == {2 * len(sent)}
        assert len({label for _, label, _ in messages}) == 1


def test_traffic_is_the_same_whatever_was_sent():
    for each in (1, 2):
        cheats = every_cheat(honest("m", some_lines(random.Random(1), SMALL, each, 5), 5, SMALL, 3), SMALL, 3)
        good = [honest(f"m{i}", some_lines(random.Random(i), SMALL, each, 5), 5, SMALL, 3) for i in range(len(cheats))]
        assert traffic(cheats, SMALL, each, 3) == traffic(good, SMALL, each, 3)


def test_the_network_sees_one_round():
    sent = [honest("m", [(BUY, 1, 2)], 5, SMALL, 3)]
    lockstep = Lockstep(3)

    async def main() -> None:
        pump = asyncio.ensure_future(lockstep.deliver_forever())
        mine = [submissions_at(j, sent, SMALL, 1) for j in range(3)]
        sessions = [Session(*own) for own in zip(lockstep.ends, dealt_keys(3), strict=True)]
        await asyncio.gather(
            *(
                find_verdicts(s, m.words, m.maxima, order_layout(1, SMALL), SEED)
                for s, m in zip(sessions, mine, strict=True)
            )
        )
        pump.cancel()
        assert [session.rounds for session in sessions] == [1, 1, 1]

    asyncio.run(main())
    assert lockstep.deliveries == 1


# --- attempts ---------------------------------------------------------------------------------------------


def listened(sent: list[Sent]) -> tuple[list[np.ndarray], set[int]]:
    """The verdicts of an attempt, and all words that were under way."""
    ends = [Listener(network) for network in memory_networks(3)]
    found = verdicts_on(sent, SMALL, 1, 3, networks=ends)
    return found, {int(word) for end in ends for _, _, words in end.received for word in words}


def test_attempts_share_coefficients_and_no_mask(monkeypatch):
    """The same verdicts, and not one word that is opened twice: cheats would otherwise be shown once more as well."""
    derived, inner = [], Coefficients.derive

    def derive(*arguments):
        derived.append(inner(*arguments))
        return derived[-1]

    monkeypatch.setattr(Coefficients, "derive", derive)
    sent = every_cheat(honest("m", [(BUY, 1, 2)], 5, SMALL, 3), SMALL, 3)
    (first, seen), (second, seen_again) = listened(sent), listened(sent)
    assert_found(sent, first)
    assert_found(sent, second)
    assert len(seen) == len(seen_again) == 2 * 3 * len(sent)
    assert not seen & seen_again
    assert len(derived) == 6
    assert len({(each.words.tobytes(), each.sums.tobytes()) for each in derived}) == 1


def test_coefficients_of_a_round_are_its_own():
    one, same, other = (Coefficients.derive(seed, order_layout(2, SMALL)) for seed in (SEED, SEED, bytes(32)))
    assert np.array_equal(one.words, same.words)
    assert one.words.shape == (2, 9)
    assert one.sums.shape == (2,)
    everything = np.concatenate([each.reshape(-1) for c in (one, other) for each in (c.words, c.sums)])
    assert np.unique(everything).size == everything.size


def test_coefficients_are_those_of_the_documentation():
    """Anybody can make them again: AES-128-CTR under HKDF-Expand-SHA256(check seed, purpose), 61 bits a word."""
    key = HKDFExpand(SHA256(), 16, b"mpc-market check coefficients v1").derive(SEED)
    octets = Cipher(AES(key), CTR(bytes(16))).encryptor().update(bytes(8 * 10))
    expected = [int.from_bytes(octets[i : i + 8], "little") % 2**61 for i in range(0, 80, 8)]
    found = Coefficients.derive(SEED, order_layout(1, SMALL))
    assert [*found.words.reshape(-1).tolist(), *found.sums.tolist()] == expected


def test_a_session_checks_once():
    """Under one mask nothing is opened twice."""
    sent = [honest("m", [(BUY, 1, 2)], 5, SMALL, 3)]

    async def party(session: Session) -> None:
        mine = submissions_at(session.party, sent, SMALL, 1)
        for seed in (SEED, bytes(32)):
            await find_verdicts(session, mine.words, mine.maxima, order_layout(1, SMALL), seed)

    async def main() -> list[BaseException | None]:
        sessions = [Session(*own) for own in zip(memory_networks(3), dealt_keys(3), strict=True)]
        return await asyncio.gather(*map(party, sessions), return_exceptions=True)

    assert [type(end) for end in asyncio.run(main())] == [ReuseError] * 3


# --- parties ----------------------------------------------------------------------------------------------


@every_m
def test_a_party_that_alters_its_words_excludes_and_blames_nobody(parties):
    """Outside the passive model: its share looks like one that the meter made up."""

    def alter(peer, label, words):
        words[[2, 3 + 5]] += np.uint64(1)  # check 1 of submission 2, check 2 of submission 3, of five
        return words

    sent = [honest(f"m{i}", [(SELL, i % 4, i)], 5, SMALL, parties) for i in range(5)]
    networks = memory_networks(parties)
    networks[1] = Tampering(networks[1], alter)
    for party, verdicts in enumerate(verdicts_on(sent, SMALL, 1, parties, networks=networks)):
        assert verdicts.tolist() == ([0] * 5 if party == 1 else [0, 0, 1, 2, 0])


def test_a_word_that_is_no_field_element():
    def alter(peer, label, words):
        words[0] = GF.modulus
        return words

    sent = [honest("m", [(BUY, 1, 2)], 5, SMALL, 3)]
    networks = memory_networks(3)
    networks[1] = Tampering(networks[1], alter)
    with pytest.raises(PeerError) as caught:
        verdicts_on(sent, SMALL, 1, 3, networks=networks)
    assert caught.value.party == 1


# --- the wire's side of it --------------------------------------------------------------------------------


def test_meters_write_orders_as_parties_read_them():
    rng, market = random.Random(4), Market(7, 9)
    lines = some_lines(rng, market, 3, 400)
    orders = [Order(f"meter/{k}", *line) for k, line in enumerate(lines)]
    assert order_bits(orders, "meter", market, 400) == bits_of(lines, 400, market).reshape(-1).tolist()


def test_verdicts_have_the_same_codes_on_the_wire():
    assert {verdict.name: verdict.value for verdict in Verdict} == {each.name: each.value for each in WireVerdict}
