"""Bills on shares: lines, amounts due to the cent, and whole months against the plaintext rule."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.errors import AmountsTooLargeError, InvalidSettingsError, ShareError
from mpc_market.field.mersenne import GF
from mpc_market.field.shamir import recombine, share, threshold
from mpc_market.network import memory_networks
from mpc_market.rules.model import VOLUMES, Market
from mpc_market.rules.money import Cents, Scale
from mpc_market.rules.settlement import Account, Booking, Entry, Line, Reading, Volumes, bill, estimate, settle, value
from mpc_market.rules.tariff import Rates
from mpc_market.secure.cents import to_cents
from mpc_market.secure.closing import Month
from tests.secure.listening import listening
from tests.secure.runner import recombined, residues, run_parties
from tests.secure.settlements import (
    Row,
    Settlement,
    entries_of,
    run_closing,
    run_settlement,
    signed,
    volumes_of,
)

P = GF.modulus
CENTS = Cents(1, 100_000)
SCALE = Scale(Market(), -100, 1, 3072, CENTS)
every_m = pytest.mark.parametrize("parties", [3, 5, 7])


def in_cents(amounts, cents, largest, parties=3):
    results = run_parties(lambda s, a: to_cents(s, a, cents, largest), amounts, parties=parties)
    return signed(recombined(results))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_rounding_to_cents(data):
    """Exact for every amount within the bound, whatever a cent is."""
    cents = Cents(data.draw(st.integers(1, 50)), data.draw(st.integers(1, 10**6)))
    top = (2**58 - 2 * cents.denominator) // cents.numerator
    largest = min(top, data.draw(st.sampled_from([1, 10**3, 10**9, 2**50, top])))
    amounts = data.draw(st.lists(st.integers(-largest, largest), min_size=1, max_size=4))
    amounts += [-largest, largest, 0]
    assert in_cents(amounts, cents, largest) == [cents.of(amount) for amount in amounts]


@every_m
def test_halves_go_up(parties):
    amounts = [k * 100_000 + half + d for k in (-2, -1, 0, 1) for half in (-50_000, 50_000) for d in (-1, 0, 1)]
    assert in_cents(amounts, CENTS, 300_000, parties) == [CENTS.of(amount) for amount in amounts]


def test_amounts_that_might_be_too_large_are_refused():
    with pytest.raises(AmountsTooLargeError):
        in_cents([1], CENTS, 2**59)


# --- months -----------------------------------------------------------------------------------------------


def month_of(bookings, share_of, parties):
    """As each party would: volumes added up locally, by `share_of(entry)[party]`."""
    accounts = sorted({booking.account for booking in bookings})
    lines = list(dict.fromkeys((booking.account, booking.line) for booking in bookings))
    tables = [np.zeros((len(lines), VOLUMES), object) for _ in range(parties)]
    count = np.zeros(len(accounts), np.intp)
    for booking in bookings:
        place = lines.index((booking.account, booking.line))
        for entry, sign in ((booking.entry, 1), (booking.replaces, -1)):
            if entry is None:
                continue
            count[accounts.index(booking.account)] += 1
            for party, words in enumerate(share_of(entry)):
                # linear: the plaintext rule does it on shares as well
                volumes = value(Entry(*map(int, words)), booking.price)
                signed_words = [sign * getattr(volumes, name) for name in Volumes.__dataclass_fields__]
                tables[party][place] += np.array(signed_words, object)
    rates = np.array([[x.rates.retail, x.rates.feed_in, x.rates.fee] for _, x in lines], np.int64).reshape(-1, 3)
    index = np.array([accounts.index(account) for account, _ in lines], np.intp)
    ids = [f"{account}{line}" for account, line in lines]
    no_totals = np.empty((0, 2), np.uint64)
    return accounts, lines, [
        Month(ids, index, rates, count, np.array(table % P, np.uint64).reshape(-1, VOLUMES), no_totals)
        for table in tables
    ]  # fmt: skip


def dealt(parties):
    """Fresh shares of an entry's words, by party; the same entry is the same shares."""
    known = {}

    def share_of(entry):
        if id(entry) not in known:
            words = [getattr(entry, name) for name in Entry.__dataclass_fields__]
            known[id(entry)] = (entry, share(residues(words), parties))
        return known[id(entry)][1]

    return share_of


def assert_month(bookings, share_of, parties, scale=SCALE):
    accounts, lines, months = month_of(bookings, share_of, parties)
    results = run_closing(months, scale)
    bills = bill(bookings)
    due = signed(recombine([result.due for result in results], threshold(parties)))
    assert due == [bills[account].due(scale.cents) for account in accounts]
    assert volumes_of(results) == [bills[account].lines[line] for account, line in lines]
    return months, results


def random_bookings(rng, count):
    """Changes of tariff and supplier, corrections, late and estimated periods, rounds without a price."""
    rates = [Rates(2000, 400, 300), Rates(2100, -90, 300), Rates(1999, 0, 0)]
    bookings = []
    for _ in range(count):
        account = Account(rng.choice("uvw"), rng.choice("ab"))
        price = rng.choice((None, 0, -100, 1100, 3995))
        bought, sold = (0, 0) if price is None else rng.choice(((rng.randrange(65536), 0), (0, rng.randrange(65536))))
        estimated = rng.random() < 0.2
        reading = estimate(65535) if estimated else Reading(rng.randrange(65536), rng.randrange(65536))
        before = None
        if not estimated and rng.random() < 0.3:
            before = settle(bought, sold, Reading(rng.randrange(65536), rng.randrange(65536)))
        line = Line(rng.choice(rates), rng.choice(("2026-02", "2026-03")), estimated)
        bookings.append(Booking(account, line, price, settle(bought, sold, reading), before))
    return bookings


@pytest.mark.parametrize(("parties", "count"), [(3, 12), (5, 3), (7, 1)])
def test_any_month(parties, count):
    for number in range(count):
        rng = random.Random(number)
        assert_month(random_bookings(rng, rng.randrange(1, 30)), dealt(parties), parties)


def test_nobody_and_nothing():
    empty = Month([], np.empty(0, np.intp), np.empty((0, 3), np.int64), np.empty(0, np.intp),
                  np.empty((0, VOLUMES), np.uint64), np.empty((0, 2), np.uint64))  # fmt: skip
    results = run_closing([empty] * 3, SCALE)
    assert results[0].due.shape == (0,)


@every_m
def test_the_published_table_from_readings_to_cents(parties):
    """Entries from the secure settlement, added up as shares, closed to cents: −0.16 and 0.62 (market.md §6)."""
    rates = Rates(2000, 400, 300)
    rows = [Row(0, 2000, Reading(0, 2000), 65535), Row(2000, 0, Reading(4000, 0), 65535)]
    results, _ = run_settlement(Settlement(rows, Market(), parties))
    entries = entries_of(results)
    shares = {id(entry): [result.entries[k] for result in results] for k, entry in enumerate(entries)}
    bookings = [
        Booking(Account(user, "s"), Line(rates, "2026-03"), 1100, entry)
        for user, entry in zip(("u1", "u2"), entries, strict=True)
    ]
    _, closed = assert_month(bookings, lambda entry: shares[id(entry)], parties)
    assert signed(recombine([each.due for each in closed], threshold(parties))) == [-16, 62]


def test_what_is_opened_and_sent():
    """Uniform numbers, different ones each time; traffic by public numbers alone."""
    rng, seen, sequences = random.Random(1), [], set()
    bookings = random_bookings(rng, 12)
    _, _, months = month_of(bookings, dealt(3), 3)
    zeros = [Month(m.ids, m.accounts, m.rates, m.bookings, m.volumes * np.uint64(0), m.totals) for m in months]
    for given_months in (months, months, zeros):
        networks = memory_networks(3)
        with listening() as openings:
            run_closing(given_months, SCALE, networks)
        accounts = len(months[0].bookings)
        assert {words.shape for words in openings.words} == {(accounts,)}
        opened = np.concatenate(openings.words)
        assert opened.min() > 2**32
        seen.append(set(opened.tolist()))
        sequences.add(tuple(tuple(network.sent) for network in networks))
    assert not seen[0] & seen[1]
    assert len(sequences) == 1


def test_what_is_revealed_is_fresh():
    bookings = random_bookings(random.Random(2), 8)
    months, first = assert_month(bookings, dealt(3), 3)
    second = run_closing(months, SCALE)
    for name in ("due", "volumes"):
        words = [set(getattr(each, name).reshape(-1).tolist()) for each in (first[0], second[0])]
        assert not words[0] & words[1]
    assert not set(first[0].volumes.reshape(-1).tolist()) & set(months[0].volumes.reshape(-1).tolist())


def test_what_does_not_belong_together_is_refused():
    _, _, months = month_of(random_bookings(random.Random(3), 5), dealt(3), 3)
    month = months[0]
    names = tuple(Month.__dataclass_fields__)

    def changed(**others):
        return Month(**({name: getattr(month, name) for name in names} | others))

    lines = len(month.accounts)
    for others, error, words in (
        ({"accounts": np.full(lines, 99)}, InvalidSettingsError, "numbers of accounts"),
        ({"rates": np.full((lines, 3), 4097)}, InvalidSettingsError, "rates must be at most 4096"),
        ({"rates": np.zeros((lines, 2), np.int64)}, ShareError, "of shapes"),
        ({"volumes": np.full((lines, VOLUMES), P, np.uint64)}, ShareError, "not below"),
        ({"totals": np.full((1, 2), P, np.uint64)}, ShareError, "not below"),
    ):
        with pytest.raises(error, match=words):
            changed(**others).check(SCALE)
    many = changed(bookings=np.full(len(month.bookings), 2**40))
    with pytest.raises(AmountsTooLargeError):
        run_closing([many] * 3, SCALE)
    assert repr(month) == f"Month({len(month.bookings)} accounts, {lines} lines)"
