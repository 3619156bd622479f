"""The plaintext rule of settlement: the published table, and what must hold of every community (market.md §6)."""

from dataclasses import fields
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.errors import InvalidSettingsError
from mpc_market.rules.model import VOLUMES
from mpc_market.rules.money import Cents
from mpc_market.rules.settlement import (
    Account,
    Booking,
    Entry,
    Line,
    Reading,
    Volumes,
    amounts,
    bill,
    estimate,
    network_fee,
    settle,
    supplier_owes,
    total,
    value,
    without_market,
)
from mpc_market.rules.tariff import NO_TARIFF, Rates

RATES = Rates(retail=2000, feed_in=400, fee=300)
"""0.20, 0.04 and 0.03 per kWh in ticks of 0.0001."""

CENTS = Cents(1, 100_000)
"""A tick of 0.0001 and a lot of 0.001."""

LOTS = st.integers(0, 50)


def pays(entry, price, rates=RATES):
    return amounts(value(entry, price), rates).total


def test_words_of_volumes():
    assert len(fields(Volumes)) == VOLUMES


def test_the_published_table():
    """€/kWh and kWh: r = 0.20, f = 0.04, n = 0.03; U1 exports 2, U2 imports 4, U1 sells 2 to U2 at 0.11."""
    readings = [Reading(0, 2000), Reading(4000, 0)]
    before = [CENTS.of(without_market(each.imported, each.exported, RATES)) for each in readings]
    entries = [settle(0, 2000, readings[0]), settle(2000, 0, readings[1])]
    after = [CENTS.of(pays(entry, 1100)) for entry in entries]
    fee = CENTS.of(sum(network_fee(each.imported, each.exported, RATES) for each in readings))
    assert (before, after, fee) == ([-8, 80], [-16, 62], 18)
    assert (sum(before) - fee, sum(after) - fee) == (54, 28)  # what the supplier keeps
    changes = [Fraction(b - a, a) for a, b in zip([*map(abs, before), fee, 54], [16, 62, 18, 28], strict=True)]
    assert [round(100 * float(change), 2) for change in changes] == [100, -22.5, 0, -48.15]


@st.composite
def communities(draw):
    """Users with suppliers, rates, accepted quantities (bought = sold in total) and readings; a price or none."""
    n = draw(st.integers(1, 8))
    price = draw(st.none() | st.integers(-100, 3000))
    suppliers = draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    rates = {s: Rates(*draw(st.tuples(*[st.integers(-100, 3000)] * 2, st.integers(0, 500)))) for s in "abc"}
    traded = [[0, 0] for _ in range(n)]
    for _ in range(0 if price is None else draw(st.integers(0, 6))):
        buyer, seller, quantity = draw(st.integers(0, n - 1)), draw(st.integers(0, n - 1)), draw(LOTS)
        traded[buyer][0] += quantity
        traded[seller][1] += quantity
    readings = [Reading(draw(LOTS), draw(LOTS)) for _ in range(n)]
    return price, suppliers, rates, traded, readings


@given(communities())
def test_money_in_is_money_out(community):
    """Over users, suppliers and grid; and what suppliers owe each other sums to zero."""
    price, suppliers, rates, traded, readings = community
    entries = [settle(*each, reading) for each, reading in zip(traded, readings, strict=True)]
    paid = [pays(entry, price, rates[s]) for entry, s in zip(entries, suppliers, strict=True)]
    keeps = dict.fromkeys(suppliers, 0)
    grid = owed = 0
    for s in keeps:
        own = [entry for entry, each in zip(entries, suppliers, strict=True) if each == s]
        over = total(own)
        assert over.users == suppliers.count(s)
        fee = network_fee(over.imported, over.exported, rates[s])
        owes = supplier_owes(price, sum(e.bought for e in own), sum(e.sold for e in own))
        keeps[s] = sum(amount for amount, each in zip(paid, suppliers, strict=True) if each == s) - fee - owes
        # What a supplier earns is its own trade with its users alone: energy they took or gave beyond the market.
        assert keeps[s] == sum(
            rates[s].retail * e.residual_import - rates[s].feed_in * e.residual_export for e in own
        ) - rates[s].fee * (over.imported + over.exported - sum(e.sold for e in own))
        grid, owed = grid + fee, owed + owes
    assert owed == 0
    assert sum(paid) == sum(keeps.values()) + grid


@given(LOTS, LOTS, LOTS, st.integers(-100, 3000))
def test_who_delivers_what_was_traded_deviates_by_nothing(bought, sold, through, price):
    entry = settle(bought, sold, Reading(bought + through, sold + through))
    assert (entry.residual_import, entry.residual_export) == (0, 0)
    assert pays(entry, price) == price * bought - (price - RATES.fee) * sold


@given(LOTS, LOTS, LOTS, st.booleans(), st.integers(700, 2000))
def test_who_delivers_at_least_what_was_traded_is_never_worse_off(traded, more, other, buys, price):
    """When f + n ≤ p* ≤ r. Net: a seller exports, a buyer imports at least that much more than the other way."""
    net = traded + more
    imported, exported = (net + other, other) if buys else (other, net + other)
    entry = settle(*((traded, 0) if buys else (0, traded)), Reading(imported, exported))
    assert pays(entry, price) <= without_market(imported, exported, RATES)


CHARGED = st.builds(Rates, *[st.integers(-3, 3) | st.integers(-100, 3000)] * 3)
PRICES = st.none() | st.integers(-3000, 3000)


def taken(rates: Rates) -> bool:
    """Whether a market that settles takes them."""
    try:
        rates.check_charges()
    except InvalidSettingsError:
        return False
    return True


@given(LOTS, LOTS, LOTS, LOTS, st.integers(0, 50), PRICES, CHARGED.filter(taken) | st.just(NO_TARIFF))
def test_withholding_a_reading_never_pays(bought, sold, imported, exported, above, price, rates):
    """Whatever was traded at whichever price, a negative one too, and at every tariff that is taken."""
    maximum = max(imported, exported) + above
    assert pays(settle(bought, sold, estimate(maximum)), price, rates) >= pays(
        settle(bought, sold, Reading(imported, exported)), price, rates
    )
    assert estimate(maximum).estimated


@pytest.mark.parametrize(
    ("rates", "traded", "reading"),
    [
        (Rates(-10, -20, 0), (0, 0), Reading(10, 0)),  # import that is paid for: more of it is estimated
        (Rates(10, -10, 0), (50, 0), Reading(0, 0)),  # what was bought and not drawn is fed in, at a price
    ],
)
def test_at_negative_prices_it_would_pay_so_they_are_refused(rates, traded, reading):
    assert pays(settle(*traded, estimate(20)), 5, rates) < pays(settle(*traded, reading), 5, rates)
    assert not taken(rates)


@given(CHARGED)
def test_tariffs_that_are_taken_are_those_in_order(rates):
    """r includes n, and nobody earns by importing and exporting at once."""
    assert taken(rates) == (0 <= rates.fee <= rates.retail and 0 <= rates.feed_in <= rates.retail)


def test_only_one_residual_is_not_zero():
    for bought, sold, imported, exported in ((3, 0, 5, 0), (3, 0, 2, 1), (0, 4, 0, 4), (0, 4, 1, 9), (0, 0, 0, 0)):
        entry = settle(bought, sold, Reading(imported, exported))
        assert min(entry.residual_import, entry.residual_export) == 0
        assert entry.residual_import - entry.residual_export == (imported - exported) - (bought - sold)


# --- bills ------------------------------------------------------------------------------------------------

MARCH, APRIL = Line(RATES, "2026-03"), Line(RATES, "2026-04")
ANNA = Account("anna", "green")


def test_a_period_is_booked_when_its_reading_is_there():
    """On time, late, and never: the estimate of a March period is on the bill of April, flagged."""
    late = Booking(ANNA, MARCH, 1100, settle(5, 0, Reading(7, 0)))
    never = Booking(ANNA, Line(RATES, "2026-03", estimated=True), 1100, settle(5, 0, estimate(100)))
    own = Booking(ANNA, APRIL, 1000, settle(0, 3, Reading(0, 4)))
    lines = bill([late, never, own])[ANNA].lines
    assert [(line.month, line.estimated) for line in lines] == [
        ("2026-03", False),
        ("2026-03", True),
        ("2026-04", False),
    ]
    assert [amounts(volumes, line.rates).total for line, volumes in lines.items()] == [
        1100 * 5 + 2000 * 2, 1100 * 5 + 2000 * 95, -(1000 - 300) * 3 - 400,
    ]  # fmt: skip


@given(*[LOTS] * 6, st.integers(-100, 3000))
def test_a_correction_makes_good_what_was_booked_before(bought, sold, i1, e1, i2, e2, price):
    """What March and April have booked together is what the right reading is worth; March stays as it was."""
    first, right = settle(bought, sold, Reading(i1, e1)), settle(bought, sold, Reading(i2, e2))
    march = bill([Booking(ANNA, MARCH, price, first)])[ANNA]
    april = bill([Booking(ANNA, MARCH, price, right, replaces=first)])[ANNA]
    assert march.total == pays(first, price)
    assert march.total + april.total == pays(right, price)


def test_who_changes_the_supplier_within_the_month_has_two_bills():
    other = Rates(1900, 500, 250)
    bookings = [
        Booking(ANNA, MARCH, None, settle(0, 0, Reading(2, 0))),
        Booking(Account("anna", "blue"), Line(other, "2026-03"), None, settle(0, 0, Reading(3, 0))),
        Booking(Account("anna", "blue"), Line(RATES, "2026-03"), None, settle(0, 0, Reading(1, 0))),  # its new tariff
    ]
    bills = bill(bookings)
    assert {account.supplier: each.total for account, each in bills.items()} == {"green": 4000, "blue": 7700}
    assert len(bills[Account("anna", "blue")].lines) == 2


def test_the_amount_due_is_rounded_once():
    """Three items of 0.4 cents: each is printed as 0, the amount due is 1.2 cents, that is 1."""
    lines = {Line(Rates(40_000, 0, n), "2026-03"): value(Entry(0, 0, 1, 0, 1), None) for n in range(3)}
    one = bill([Booking(ANNA, line, None, Entry(0, 0, 1, 0, 1)) for line in lines])[ANNA]
    assert [CENTS.of(amounts(volumes, line.rates).total) for line, volumes in one.lines.items()] == [0, 0, 0]
    assert one.due(CENTS) == 1


def test_nothing_secret_is_printed():
    entry = settle(77, 0, Reading(7777, 0))
    shown = [Reading(7777, 0), entry, value(entry, 77), amounts(value(entry, 77), RATES), total([entry])]
    assert not any("77" in repr(each) for each in shown)
