"""The question of the month's bill: all entries of the user are put together again, and the bill computed by the rule.

which rounds     the set of the month's closing, which all parties have signed, says what it covers; what has a result
                 by its public record and is not covered, leaves the bill unproved
which entries    as many as the parties have signed for the account; each recomputed from what the user has signed
which rates      by `rules.tariff`, of the tariff in the set of each settlement, signed by the supplier with its key on
                 the roll
how much         `rules.settlement.bill`, to the cent, compared with the parties' shares of what is due
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mpc_market.rules.settlement import Account, Booking, Entry, Line, Volumes, bill
from mpc_market.rules.tariff import Tariff, rates_for, rates_of_correction
from mpc_market.wire.agreement import AgreedSet
from mpc_market.wire.codec import P
from mpc_market.wire.disclosure import AccountShare, MonthShares, Place, RoundShares
from mpc_market.wire.errors import PolynomialError, WireError
from mpc_market.wire.identifiers import MEMBER_SLASH, Stage, member, order_id
from mpc_market.wire.sharing import recombine
from mpc_market.wire.tariff import check_tariff, plain_tariff, split_tariff
from mpc_market.wire.verdicts import Verdict
from parties.arbiter.checking import UnknownError, entry_by_rule
from parties.arbiter.decisions import Decision, Question, disproved, not_proved, proved
from parties.arbiter.revealed import Round, in_set, named
from parties.files.running import RunningMarket
from parties.files.values import moment_text

Rounds = Mapping[tuple[Stage, int], Round]

_PROOF = "the signatures of all parties on what they disclose, and the user's and the supplier's on what it rests on"


@dataclass(frozen=True)
class Billed:
    """An account as the parties hold it, put together. `due`: cents; `lines`: volumes by facts."""

    entries: int
    due: int = field(repr=False)
    lines: Mapping[tuple[int, ...], Volumes] = field(repr=False)


def bill_is_right(
    user: str, closing: Round, rounds: Rounds, due: Mapping[tuple[Stage, int], bool], running: RunningMarket
) -> Decision:
    """Recompute the month's bill.

    `due`: what the closing should cover: has it a result (True), or can that not be said?
    """
    question, about = Question.BILL, closing.period
    if not closing.known:
        return not_proved(question, about, "there is no public record of the month's closing")
    if closing.result is None:
        return disproved(question, about, "the closing is void: no bill follows from it", "the outcome that was signed")
    try:
        covered = _covered(closing, running)
        _nothing_left_out(covered, due)
        billed = _billed(closing)
        bookings = [
            booking
            for key in covered
            if key in rounds and (booking := _booking(user, key, rounds, running)) is not None
        ]
    except UnknownError as error:
        return not_proved(question, about, str(error))
    except WireError as error:
        return disproved(question, about, str(error), _PROOF)
    return _compare(closing, billed, bookings, running)


def _compare(closing: Round, billed: Mapping[str, Billed], bookings: list[Booking], running: RunningMarket) -> Decision:
    question, about = Question.BILL, closing.period
    counted = dict.fromkeys(billed, 0)
    for booking in bookings:
        supplier = booking.account.supplier
        counted[supplier] = counted.get(supplier, 0) + 1 + (booking.replaces is not None)
    for supplier, count in counted.items():
        entries = billed[supplier].entries if supplier in billed else 0
        if count < entries:
            reason = f"{count} of the {entries} entries with supplier {supplier!r} are disclosed: name all periods"
            return not_proved(question, about, reason)
        if count > entries:
            reason = f"{entries} entries with supplier {supplier!r} were billed, of the {count} that were settled"
            return disproved(question, about, reason, _PROOF)
    by_rule = {account.supplier: made for account, made in bill(bookings).items()}
    cents = running.settings.scale.cents
    values: dict[str, object] = {
        "due": {supplier: each.due for supplier, each in billed.items()},
        "rule": {supplier: made.due(cents) for supplier, made in by_rule.items()},
    }
    for supplier, made in by_rule.items():
        lines = {_facts(line): volumes for line, volumes in made.lines.items()}
        if billed[supplier].lines != lines:
            return disproved(question, about, f"a line of the bill of {supplier!r} is not the rule's", _PROOF, **values)
        if billed[supplier].due != made.due(cents):
            reason = f"the amount due to supplier {supplier!r} is not the rule's"
            return disproved(question, about, reason, _PROOF, **values)
    entries = sum(each.entries for each in billed.values())
    reason = f"all {entries} entries are shown, and the rule makes the same amount of them, to the cent"
    return proved(question, about, reason, _PROOF, **values)


def _facts(line: Line) -> tuple[int, ...]:
    return (*line.rates.facts, int(line.month), int(line.estimated))


# --- what the closing covers, and what it came to ---------------------------------------------------------


def _contents(closing: Round) -> dict[int, MonthShares]:
    shares = {
        party: disclosed.content
        for party, disclosed in closing.disclosed.items()
        if isinstance(disclosed.content, MonthShares)
    }
    if not closing.complete:
        raise UnknownError("not all parties disclose what they hold of the month")
    return shares


def _covered(closing: Round, running: RunningMarket) -> list[tuple[Stage, int]]:
    """The settlements and corrections in the set of the closing. Raises: UnknownError."""
    terms, result = closing.terms, closing.result
    assert terms is not None
    assert result is not None
    for party, shares in _contents(closing).items():
        orders = running.staged(Stage.CLOSING).orders
        agreed = AgreedSet(closing.period, terms.challenge, terms.roll_digest, orders, shares.members)
        if agreed.digest() == result.set_digest:
            names = [item.name.partition(MEMBER_SLASH) for item in shares.members]
            stages = (Stage.SETTLEMENT, Stage.CORRECTION)
            return [(Stage(kind), int(start)) for kind, _, start in names if kind in stages]
        closing.fault(party, "discloses another set than all parties have signed")
    raise UnknownError("no party discloses the set of the closing")


def _nothing_left_out(covered: Collection[tuple[Stage, int]], due: Mapping[tuple[Stage, int], bool]) -> None:
    """Raises: UnknownError naming what the closing has left out, or may have."""
    billed = set(covered)
    for key, result in due.items():
        if key not in billed:
            name = f"the {key[0]} of {moment_text(key[1])}"
            if result:
                raise UnknownError(f"{name} has a result, and is not in the set of the closing: it was not billed")
            raise UnknownError(f"{name} is not in the set of the closing, and no public record says that it is void")


def _billed(closing: Round) -> dict[str, Billed]:
    """The user's accounts, by supplier. Raises: UnknownError."""
    contents = _contents(closing)
    shapes = {tuple(map(_shape, shares.accounts)) for shares in contents.values()}
    if len(shapes) > 1:
        raise UnknownError("the parties disclose different accounts of the user")
    try:
        return {
            accounts[0].supplier: _account(dict(zip(contents, accounts, strict=True)))
            for accounts in zip(*(shares.accounts for shares in contents.values()), strict=True)
        }
    except PolynomialError as error:
        raise UnknownError(f"the shares of the bill do not fit together{named(error)}") from None


def _shape(account: AccountShare) -> tuple[object, ...]:
    lines = tuple((line.facts, line.entries) for line in account.lines)
    return account.supplier, account.entries, account.estimated, lines


def _account(shares: Mapping[int, AccountShare]) -> Billed:
    parties, first = len(shares), next(iter(shares.values()))
    (due,) = _signed(recombine({party: (share.due,) for party, share in shares.items()}, parties))
    lines = {}
    for place, line in enumerate(first.lines):
        words = recombine({party: share.lines[place].words for party, share in shares.items()}, parties)
        lines[line.facts] = Volumes(*_signed(words))
    return Billed(first.entries, due, lines)


def _signed(words: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(word if word <= P // 2 else word - P for word in words)


# --- the entries, by the rule -----------------------------------------------------------------------------


def _booking(user: str, key: tuple[Stage, int], rounds: Rounds, running: RunningMarket) -> Booking | None:
    """The user's entry of a settlement or correction on its way to the bill; None if there is none.

    Raises: UnknownError; WireError.
    """
    stage, start = key
    found, clearing = rounds[key], rounds[Stage.CLEARING, start]
    settlement = rounds[Stage.SETTLEMENT, start]
    entry = _entry(found, clearing, settlement, running)
    if entry is None:
        return None
    if found.enrolled is None:
        raise UnknownError(f"{found.period}: no party discloses a line of the user that is on the roll of the round")
    supplier = found.enrolled.entry.supplier
    replaces, rates = None, rates_for(_tariffs(found, running), supplier, start)
    if stage is Stage.CORRECTION:
        replaces = _entry(settlement, clearing, settlement, running)
        settled = rates_for(_tariffs(settlement, running), supplier, start)
        rates = rates_of_correction(settled, rates, replaces=replaces is not None)
    price = None if clearing.result is None else clearing.result.price
    if found.result is not None and found.result.price != price:
        raise WireError(f"{found.period}: it was settled at another price than it was cleared at")
    calendar = running.calendar
    assert calendar is not None, "a market that only clears has no bills"
    line = Line(rates, str(calendar.months.of(start)), found.estimated)
    money = None if price is None else running.settings.scale.money_price(price)
    return Booking(Account(user, supplier), line, money, entry, replaces)


def _entry(found: Round, clearing: Round, settlement: Round, running: RunningMarket) -> Entry | None:
    """Raises: UnknownError; WireError."""
    if not found.known:
        if found.there:
            raise UnknownError(f"{found.period}: there is no public record of it")
        return None
    if found.result is None or found.nothing_of_user:
        return None
    if not found.complete:
        raise UnknownError(f"{found.period}: not all parties disclose")
    if found.verdict is None:
        raise UnknownError(f"{found.period}: the parties differ on what there is of the user")
    if found.verdict is not Verdict.VALID:
        return None
    return entry_by_rule(found, clearing, settlement, running.settings.rules)


def _tariffs(found: Round, running: RunningMarket) -> list[Tariff]:
    """The tariff of the user's supplier that the parties have agreed on; empty if no party shows one.

    Its digest does not cover its signature, so each party's copy is tried. Raises: UnknownError if none holds.
    """
    shown = {
        party: disclosed.content.tariff
        for party, disclosed in found.disclosed.items()
        if isinstance(disclosed.content, RoundShares) and disclosed.content.tariff is not None
    }
    held: list[Tariff] = []
    for party, (data, place) in shown.items():
        try:
            held = [_tariff(found, data, place, running)]
        except WireError as error:
            found.fault(party, f"discloses a tariff that does not hold: {error}")
    if held:
        for party in sorted(set(found.disclosed) - set(shown)):
            found.fault(party, "discloses no tariff, and there is one in the set that all parties have signed")
    elif shown:
        raise UnknownError(f"{found.period}: no tariff that is shown holds")
    elif found.result is not None and not found.complete:
        raise UnknownError(f"{found.period}: not all parties disclose whether there was a tariff")
    return held


def _tariff(found: Round, data: bytes, place: Place, running: RunningMarket) -> Tariff:
    """What a party shows as the tariff of the user's supplier. Raises: WireError if it does not hold."""
    if found.enrolled is None:
        raise WireError("no party discloses the line of the user's supplier on the roll of the round")
    enrolled = found.enrolled.supplier
    supplier = enrolled.supplier
    tariff, signature = split_tariff(data)
    plain = plain_tariff(tariff, running.settings.base)
    if (plain.supplier, plain.holds(found.period.start)) != (supplier, True):
        raise WireError("it is not that of the supplier for this period")
    if not in_set(found, [(order_id(member("tariff", supplier), 0), tariff.digest)], place):
        raise WireError("it is not in the set that all parties have signed")
    check_tariff(tariff, signature, running.id, enrolled.identity_key, running.settings.price_bits)
    return plain
