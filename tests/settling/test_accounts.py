"""A month added up on shares is the month added up in the clear: `rules.settlement.bill` is the specification."""

from dataclasses import astuple

from hypothesis import given, settings
from hypothesis import strategies as st

from mpc_market.rules import settlement as rule
from mpc_market.rules.tariff import Rates
from mpc_market.wire.codec import P
from mpc_market.wire.sharing import deal, recombine
from parties.settling.accounts import Account, Booking, LineKey, month_books

KEY = 32 * "ab"
LOTS = st.integers(0, 2**16 - 1)
ENTRIES = st.builds(
    lambda bought, sold, imported, exported: rule.settle(bought, sold, rule.Reading(imported, exported)),
    *(LOTS,) * 4,
)
RATES = st.builds(Rates, st.integers(-50, 4000), st.integers(-50, 4000), st.integers(0, 400))


@st.composite
def bookings(draw: st.DrawFn) -> list[rule.Booking]:
    made = []
    for _ in range(draw(st.integers(0, 12))):
        account = rule.Account(draw(st.sampled_from("abc")), draw(st.sampled_from(["sun", "wind"])))
        line = rule.Line(draw(st.sampled_from(draw(st.lists(RATES, min_size=1, max_size=2)))), "0", draw(st.booleans()))
        replaces = draw(st.none() | ENTRIES)
        price = draw(st.none() | st.integers(-100, 4095))
        made.append(rule.Booking(account, line, price, draw(ENTRIES), replaces))
    return made


def shared(entry: rule.Entry | None) -> list[tuple[int, ...] | None]:
    return [None] * 3 if entry is None else deal([word % P for word in astuple(entry)], 3)


def signed(word: int) -> int:
    return word if word <= P // 2 else word - P


def at_parties(given_: list[rule.Booking], minimum: int = 1):
    by_party = [[] for _ in range(3)]
    for booking in given_:
        account = Account(booking.account.user, booking.account.supplier, KEY)
        line = LineKey(booking.line.rates, int(booking.line.month), booking.line.estimated)
        for own, entry, replaces in zip(by_party, shared(booking.entry), shared(booking.replaces), strict=True):
            corrected = booking.replaces is not None
            own.append(Booking(account, line, "north", booking.price, corrected, entry, replaces))
    return [month_books(own, minimum) for own in by_party]


@settings(max_examples=60, deadline=None)
@given(bookings())
def test_lines_on_shares_are_the_lines_of_the_rule(given_):
    books = at_parties(given_)
    assert books[0].accounts == books[1].accounts == books[2].accounts
    expected = rule.bill(given_)
    assert {(each.meter, each.supplier) for each in books[0].accounts} == {(a.user, a.supplier) for a in expected}
    for account in books[0].accounts:
        bill = expected[rule.Account(account.meter, account.supplier)]
        found = {}
        for key in books[0].lines[account]:
            words = recombine({j: books[j].lines[account][key].volumes for j in range(3)}, 3)
            found[rule.Line(key.rates, str(key.month), key.estimated)] = rule.Volumes(*map(signed, words))
        assert found == bill.lines
        assert books[0].entries(account) == sum(
            1 + (each.replaces is not None)
            for each in given_
            if each.account == rule.Account(account.meter, account.supplier)
        )


@settings(max_examples=40, deadline=None)
@given(bookings(), st.integers(1, 3))
def test_totals_of_corrections_are_the_differences_of_enough_users(given_, minimum):
    books = at_parties(given_, minimum)
    corrected = [each for each in given_ if each.replaces is not None and not each.line.estimated]
    for supplier in ("sun", "wind"):
        own = [each for each in corrected if each.account.supplier == supplier]
        users = {each.account.user for each in own}
        name = f"supplier/{supplier}"
        assert (name in books[0].totals) == (len(users) >= minimum)
        if name in books[0].totals:
            words = recombine({j: books[j].totals[name][1] for j in range(3)}, 3)
            imported = sum(each.entry.imported - each.replaces.imported for each in own)
            exported = sum(each.entry.exported - each.replaces.exported for each in own)
            assert tuple(map(signed, words)) == (imported, exported)
            assert books[0].totals[name][0] == len(users)


def test_nothing_of_a_small_group_follows_from_the_others():
    entry = rule.settle(0, 0, rule.Reading(1, 0))
    line = rule.Line(Rates(5, 1, 1), "0")

    def of(user: str, supplier: str) -> rule.Booking:
        return rule.Booking(rule.Account(user, supplier), line, None, entry, entry)

    books = at_parties([*(of(f"s{i}", "sun") for i in range(5)), of("w", "wind")], 2)[0]
    # all six are in the region: with the five of `sun` beside them the one of `wind` would be known
    assert set(books.totals) == {"supplier/sun", "region/north"}


def test_no_share_is_in_a_repr():
    entry = rule.settle(123456, 0, rule.Reading(1, 0))
    given_ = [rule.Booking(rule.Account("a", "sun"), rule.Line(Rates(5, 1, 1), "0"), 7, entry, None)]
    assert "123456" not in repr(at_parties(given_))
