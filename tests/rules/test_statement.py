"""Statements: the published table to the cent, and that items, amount due and saving agree with the rule."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mpc_market.rules.money import Cents
from mpc_market.rules.settlement import Account, Booking, Line, Reading, bill, settle, value, without_market
from mpc_market.rules.statement import Item, charges_of, statement
from mpc_market.rules.tariff import Rates

RATES = Rates(retail=2000, feed_in=400, fee=300)
CENTS = Cents(1, 100_000)
NOVEMBER = Line(RATES, "2026-11")


def of(*bookings):
    (made,) = bill(Booking(Account("u", "s"), *each) for each in bookings).values()
    return statement(made, CENTS)


def test_the_published_table():
    """€/kWh and kWh: r = 0.20, f = 0.04, n = 0.03; U1 exports 2, U2 imports 4, U1 sells 2 to U2 at 0.11."""
    seller = of((NOVEMBER, 1100, settle(0, 2000, Reading(0, 2000))))
    buyer = of((NOVEMBER, 1100, settle(2000, 0, Reading(4000, 0))))
    assert (seller.due, seller.without_market, seller.saved, seller.rounding) == (-16, -8, 8, 0)
    assert (buyer.due, buyer.without_market, buyer.saved, buyer.rounding) == (62, 80, 18, 0)
    of_seller = {charge.item: (charge.quantity, charge.price, charge.cents) for charge in seller.charges[NOVEMBER]}
    assert of_seller == {
        Item.LOCAL_PURCHASES: (0, None, 0),
        Item.LOCAL_SALES: (2000, 1100, -22),
        Item.FEE_ON_SALES: (2000, 300, 6),
        Item.RESIDUAL_IMPORT: (0, 2000, 0),
        Item.RESIDUAL_EXPORT: (0, 400, 0),
    }
    of_buyer = {charge.item: charge.cents for charge in buyer.charges[NOVEMBER] if charge.cents}
    assert of_buyer == {Item.LOCAL_PURCHASES: 22, Item.RESIDUAL_IMPORT: 40}


def test_the_difference_of_rounding_is_shown():
    """Two items of 0.4 cents are printed as 0 each; 0.8 cents are due, which is 1."""
    line = Line(Rates(40_000, 0, 0), "2026-11")
    other = Line(Rates(40_000, 0, 1), "2026-11")
    made = of((line, None, settle(0, 0, Reading(1, 0))), (other, None, settle(0, 0, Reading(1, 0))))
    assert (made.due, made.rounding, sum(c.cents for each in made.charges.values() for c in each)) == (1, 1, 0)


LOTS = st.integers(0, 2**16 - 1)
ENTRIES = st.builds(lambda b, s, i, e: settle(b, s, Reading(i, e)), LOTS, LOTS, LOTS, LOTS)
LINES = st.builds(
    Line,
    st.builds(Rates, st.integers(-50, 4000), st.integers(-50, 4000), st.integers(0, 400)),
    st.sampled_from(["2026-10", "2026-11"]),
    st.booleans(),
)
BOOKINGS = st.lists(st.tuples(LINES, st.none() | st.integers(-100, 4000), ENTRIES, st.none() | ENTRIES), min_size=1)


def exactly(rates, price, entry):
    """market.md §6, spelt out in fractions of a cent."""
    p, d = price or 0, entry.imported - entry.exported - entry.bought + entry.sold
    pays = p * entry.bought - (p - rates.fee) * entry.sold + rates.retail * max(d, 0) - rates.feed_in * max(-d, 0)
    return Fraction(pays, 100_000)


@given(BOOKINGS)
def test_items_amount_due_and_saving_agree_with_the_rule(bookings):
    made = of(*bookings)
    due = before = Fraction(0)
    for line, price, entry, replaced in bookings:
        for each, sign in ((entry, 1), (replaced, -1)):
            if each is not None:
                due += sign * exactly(line.rates, price, each)
                before += sign * Fraction(without_market(each.imported, each.exported, line.rates), 100_000)
    half = Fraction(1, 2)
    assert made.due == (due + half).__floor__()
    assert made.without_market == (before + half).__floor__()
    assert made.saved == made.without_market - made.due
    charges = [charge for each in made.charges.values() for charge in each]
    assert sum(charge.exact for charge in charges) == due * 100_000
    assert all(charge.cents == (Fraction(charge.exact, 100_000) + half).__floor__() for charge in charges)
    assert made.due == made.rounding + sum(charge.cents for charge in charges)
    assert abs(made.rounding) <= half * (len(charges) + 1)


@given(ENTRIES, st.integers(0, 4000))
def test_what_was_exported_follows(entry, price):
    assert value(entry, price).exported == entry.exported


@given(LINES, st.integers(-100, 4000), ENTRIES, ENTRIES)
def test_the_price_of_a_charge_is_its_amount_per_lot(line, price, first, second):
    for charge in charges_of(line, value(first, price) + value(second, price), CENTS):
        sign = -1 if charge.item in (Item.LOCAL_SALES, Item.RESIDUAL_EXPORT) else 1
        assert charge.quantity == 0 or charge.exact == sign * charge.price * charge.quantity
        assert charge.price is not None or charge.quantity == 0
