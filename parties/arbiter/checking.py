"""The questions about one period: the order, the accepted quantities, the reading, the entry.

Whether the user lies, and whether a party does, is decided by the same evidence: the headers that the user has signed,
opened by shares that all fit the digests in them.
"""

from itertools import combinations

from mpc_market.errors import MarketError
from mpc_market.rules.model import Market, Order, Side
from mpc_market.rules.settlement import Entry, Reading, estimate, settle
from mpc_market.wire.agreement import contradict
from mpc_market.wire.errors import DeliveryError, PolynomialError, WireError
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.layout import orders_of_bits, reading_of_bits
from mpc_market.wire.reception import check_quantity
from mpc_market.wire.verdicts import Verdict
from parties.arbiter.decisions import Decision, Question, disproved, not_proved, proved
from parties.arbiter.revealed import Round, Submitted

_USER = "the user's signature on the header"
_ALL = "the signatures of all parties on the set and the result"
_DISCLOSED = "the signatures of all parties on what they disclose"
_NO_VERDICT = "the parties do not all disclose the same verdict on what was submitted"


class UnknownError(MarketError):
    """Something is not established; says what."""


# --- what is opened ---------------------------------------------------------------------------------------


def orders_of(found: Round, submitted: Submitted, market: Market) -> tuple[Order, ...]:
    """The orders that the user has signed. Raises: UnknownError; WireError if it has signed what is no order."""
    return orders_of_bits(_bits(submitted), submitted.header.meter, market, _maximum(found))


def reading_of(found: Round, submitted: Submitted, market: Market) -> Reading:
    """The same for a reading."""
    opened = reading_of_bits(_bits(submitted), market, _maximum(found))
    return Reading(opened.imported, opened.exported)


def _bits(submitted: Submitted) -> tuple[int, ...]:
    try:
        return submitted.bits()
    except PolynomialError:
        raise WireError("the shares that the user has signed lie on no polynomial") from None
    except WireError as error:
        raise UnknownError(str(error)) from None


def _maximum(found: Round) -> int:
    if found.enrolled is None:
        raise UnknownError("no party discloses a line of the user that is on the roll of the round")
    return found.enrolled.entry.maximum


# --- the order --------------------------------------------------------------------------------------------


def user_lies(found: Round, market: Market) -> Decision | None:
    """Is the order that the user says it has submitted the one that it has signed? None if it says nothing of one."""
    said = [each for each in found.submissions.values() if each.claimed is not None and each.claimed.orders is not None]
    if not said:
        return None
    submitted = max(said, key=lambda each: each.header.number)
    assert submitted.claimed is not None
    number = submitted.header.number
    try:
        signed = orders_of(found, submitted, market)
    except UnknownError as error:
        return not_proved(Question.USER_LIES, found.period, str(error))
    except WireError as error:
        return proved(Question.USER_LIES, found.period, f"submission {number} holds no order: {error}", _USER)
    values = {
        "signed": [_words(order) for order in signed],
        "said": [_words(o) for o in submitted.claimed.orders or ()],
    }
    if signed == submitted.claimed.orders:
        reason = f"the header of submission {number} opens to exactly the order that the user says"
        return disproved(Question.USER_LIES, found.period, reason, _USER, **values)
    reason = f"the header of submission {number} opens to another order than the user says"
    return proved(Question.USER_LIES, found.period, reason, _USER, **values)


def omitted(found: Round, market: Market) -> Decision:  # noqa: PLR0911  (a list of cases, the first that fits)
    """Was the highest submission that all parties had acknowledged left out of the set?"""
    question, period = Question.OMITTED, found.period
    acknowledged = [each for each in found.submissions.values() if each.acknowledged]
    if not acknowledged:
        shown = max((len(each.receipts) for each in found.submissions.values()), default=0)
        return not_proved(question, period, f"receipts of {shown} parties are shown for one submission, not of all")
    highest = max(acknowledged, key=lambda each: each.header.number)
    number = highest.header.number
    if not found.known:
        return not_proved(question, period, "there is no public record of the round")
    if found.result is None:
        return disproved(
            question, period, "the round is void: nobody's submission counts", "the outcome that was signed"
        )
    if found.member is not None:
        if found.member.header.number >= number:
            reason = f"submission {found.member.header.number} is in the set"
            return disproved(question, period, reason, _ALL)
        reason = f"submission {number} was acknowledged by all, and {found.member.header.number} was computed on"
        return proved(question, period, reason + _whose(found, highest), "the receipts of all parties, and " + _ALL)
    if _contradicts(found):
        reason = "the user has signed two headers with one number, and is left out for it"
        return disproved(question, period, reason, _USER)
    if found.estimated:
        try:
            reading_of(found, highest, market)
        except UnknownError as error:
            return not_proved(question, period, str(error))
        except WireError:
            return disproved(question, period, "what was acknowledged is no reading within the maximum", _USER)
    if not (found.complete and (found.nothing_of_user or found.estimated)):
        return not_proved(question, period, "not all parties disclose, and none shows a place in the set")
    instead = "an estimate was settled" if found.estimated else "nothing of the user is in the set"
    reason = f"submission {number} was acknowledged by all, and {instead}"
    return proved(question, period, reason + _whose(found, highest), "the receipts of all parties, and " + _DISCLOSED)


def _whose(found: Round, submitted: Submitted) -> str:
    """Who acknowledged it, and has signed a disclosure without it: of who discloses nothing, nothing is proved."""
    lacking = sorted(submitted.receipts & set(found.disclosed) - submitted.held)
    if lacking:
        return f": of those that signed a receipt, the parties {lacking} disclose that they do not have it"
    silent = sorted(submitted.receipts - set(found.disclosed))
    if silent:
        return f": the parties {silent} disclose nothing: which one left it out cannot be said"
    return ": all parties have it; which one left it out cannot be said"


def _contradicts(found: Round) -> bool:
    """Whether the user has: `found` holds only headers that it has signed."""
    return any(contradict(a.header, b.header) for a, b in combinations(found.submissions.values(), 2))


def accepted(found: Round, market: Market) -> Decision | None:  # noqa: PLR0911
    """Do the accepted quantities fit the order and the price? None if the round has no result of the user."""
    question, period, member = Question.ACCEPTED, found.period, found.member
    if found.result is None or member is None:
        return None
    if found.verdict is None:
        return not_proved(question, period, _NO_VERDICT)
    if found.verdict is not Verdict.VALID:
        return _excluded(found, market)
    try:
        orders = orders_of(found, member, market)
        lots, bought, sold = traded_words(found, len(orders))
        for order, quantity in zip(orders, lots, strict=True):
            check_quantity(order, quantity, found.result.price)
    except UnknownError as error:
        return not_proved(question, period, str(error))
    except DeliveryError as error:
        return disproved(question, period, str(error), _ALL)
    except WireError as error:
        return disproved(question, period, f"something was accepted of what is no order: {error}", _USER)
    values = {"accepted": list(lots), "price": found.result.price}
    buys = sum(lot for order, lot in zip(orders, lots, strict=True) if order.side is Side.BUY)
    if (buys, sum(lots) - buys) != (bought, sold):
        return disproved(question, period, "what is settled is not what was accepted", _DISCLOSED, **values)
    return proved(question, period, "they are what the rule allows at the clearing price", _ALL, **values)


def _excluded(found: Round, market: Market) -> Decision:
    """The parties have excluded the submission: rightly, if it is no order."""
    assert found.member is not None
    question, period = Question.ACCEPTED, found.period
    try:
        orders_of(found, found.member, market)
    except UnknownError as error:
        return not_proved(question, period, str(error))
    except WireError as error:
        return proved(question, period, f"nothing is accepted of what is no order: {error}", _USER)
    reason = "the submission was excluded, and opens to an order within the maximum"
    return disproved(question, period, reason, _DISCLOSED)


def traded_words(found: Round, orders: int) -> tuple[tuple[int, ...], int, int]:
    """Accepted quantities, and what was bought and sold in total. Raises: UnknownError."""
    if found.words is None or len(found.words) != orders + 2:
        raise UnknownError("the shares of what was accepted are not all there, or do not fit together")
    return found.words[:orders], found.words[orders], found.words[orders + 1]


# --- the reading, and the entry ---------------------------------------------------------------------------


def reading_differs(found: Round, market: Market) -> Decision | None:  # noqa: PLR0911
    """Is the reading that was settled, and that the user says, the one that the user has signed?"""
    question, period = Question.READING_DIFFERS, found.period
    said = [
        each for each in found.submissions.values() if each.claimed is not None and each.claimed.reading is not None
    ]
    about = found.member or max(said, key=lambda each: each.header.number, default=None)
    if about is None:
        return None
    try:
        signed = reading_of(found, about, market)
    except UnknownError as error:
        return not_proved(question, period, str(error))
    except WireError as error:
        return proved(question, period, f"what the user has signed is no reading: {error}", _USER)
    values: dict[str, object] = {"signed": [signed.imported, signed.exported]}
    if about.claimed is not None and about.claimed.reading is not None:
        own = about.claimed.reading
        values["said"] = [own.imported, own.exported]
        if (own.imported, own.exported) != (signed.imported, signed.exported):
            return proved(question, period, "the user says another reading than it has signed", _USER, **values)
    if about is not found.member or found.verdict is not Verdict.VALID:
        return not_proved(question, period, "no valid reading of the user was agreed on in this round")
    try:
        settled = entry_words(found)
    except UnknownError as error:
        return not_proved(question, period, str(error))
    values["settled"] = [settled.imported, settled.exported]
    if (settled.imported, settled.exported) != (signed.imported, signed.exported):
        return proved(question, period, "another reading was settled than the user has signed", _DISCLOSED, **values)
    return disproved(
        question, period, "what was settled, and what the user says, is what it has signed", _USER, **values
    )


def entry_follows(found: Round, clearing: Round, settlement: Round, market: Market) -> Decision | None:
    """Is the entry what the rule says? None if the round has no entry of the user.

    `settlement`: of the same period, perhaps the round itself.
    """
    question, period = Question.ENTRY, found.period
    if found.result is None or found.verdict is not Verdict.VALID:
        return None
    try:
        expected, settled = entry_by_rule(found, clearing, settlement, market), entry_words(found)
    except UnknownError as error:
        return not_proved(question, period, str(error))
    except WireError as error:
        return disproved(question, period, str(error), _DISCLOSED)
    values = {"entry": _entry(settled), "rule": _entry(expected)}
    if settled != expected:
        return disproved(question, period, "it is not what the rule makes of them", _DISCLOSED, **values)
    reason = "an estimate: no valid reading was agreed on" if found.estimated else "it is what the rule makes of them"
    return proved(question, period, reason, _DISCLOSED, **values)


def entry_by_rule(found: Round, clearing: Round, settlement: Round, market: Market) -> Entry:
    """The entry of a settlement or correction by the rule in the clear. `settlement`: of the same period.

    Raises: UnknownError; WireError if the parties have all signed what no rule makes an entry of.
    """
    bought, sold = traded(clearing)
    if found.estimated:
        if settlement.verdict is Verdict.VALID:
            raise WireError(f"{found.period}: an estimate, where a valid reading was settled before")
        return settle(bought, sold, estimate(_maximum(found)))
    if found.member is None:
        raise UnknownError("no reading of the user is shown in the set")
    try:
        return settle(bought, sold, reading_of(found, found.member, market))
    except WireError as error:
        raise WireError(f"{found.period}: an entry was made of what is no reading: {error}") from None


def traded(clearing: Round) -> tuple[int, int]:
    """What the user has bought and sold in a period. Raises: UnknownError."""
    if not clearing.known:
        if clearing.there:
            raise UnknownError("there is no public record of the clearing")
        return 0, 0  # no party has ever heard of it
    if clearing.result is None or clearing.nothing_of_user:
        return 0, 0
    if clearing.member is None:
        raise UnknownError("it is not established what was submitted to the clearing")
    if clearing.verdict is None:
        raise UnknownError(_NO_VERDICT)
    if clearing.verdict is not Verdict.VALID:
        return 0, 0
    _, bought, sold = traded_words(clearing, clearing.member.header.orders)
    return bought, sold


def entry_words(found: Round) -> Entry:
    """The entry as the parties hold it. Raises: UnknownError."""
    if found.words is None or len(found.words) != 5:
        raise UnknownError("the shares of the entry are not all there, or do not fit together")
    return Entry(*found.words)


def decisions_of_period(rounds: dict[Stage, Round], market: Market) -> list[Decision]:
    """All decisions about one period. `rounds`: those of its stages that there are."""
    clearing = rounds[Stage.CLEARING]
    decisions = [user_lies(clearing, market)]
    if clearing.there:
        decisions += [omitted(clearing, market), accepted(clearing, market)]
    for stage in (Stage.SETTLEMENT, Stage.CORRECTION):
        found = rounds.get(stage)
        if found is not None and (found.submissions or found.verdict is not None):
            said = omitted(found, market) if found.submissions else None
            decisions += [
                said,
                reading_differs(found, market),
                entry_follows(found, clearing, rounds[Stage.SETTLEMENT], market),
            ]
    return [each for each in decisions if each is not None]


def _words(order: Order) -> list[object]:
    return [order.side.value, order.price, order.quantity]


def _entry(entry: Entry) -> list[int]:
    return [entry.bought, entry.sold, entry.imported, entry.exported, entry.residual_import]
