"""The whole judgement, from a directory that `fetching` has filled: offline, and the same for everybody who has it."""

from dataclasses import dataclass, field

from mpc_market.errors import InputError
from mpc_market.wire.audit import check_record
from mpc_market.wire.dispute import OF_A_PERIOD, DisputeReceipt, DisputeRequest, check_dispute, split_dispute
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period, Stage, member, order_id
from mpc_market.wire.message import read_signed
from parties.arbiter.billing import bill_is_right
from parties.arbiter.case import Case, closing_covers
from parties.arbiter.checking import decisions_of_period
from parties.arbiter.decisions import Decision, Question, not_proved, proved
from parties.arbiter.home import ArbiterHome, check_asked
from parties.arbiter.revealed import Round, establish, in_set
from parties.files.running import RunningMarket


@dataclass
class Judgement:
    """`faults`: what somebody has shown or signed that does not hold. `notes`: what is missing, and why."""

    asked: DisputeRequest
    decisions: list[Decision] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def judge(case: Case, running: RunningMarket, home: ArbiterHome) -> Judgement:
    """Run by the arbiter; opens no connection.

    Raises: InputError if the request is not the user's, not for this market or this arbiter, or a record does not hold.
    """
    asked = _asked(case, running, home)
    judgement = Judgement(asked)
    rounds = _rounds(case, running, home)
    if not any(found.disclosed for found in rounds.values()):
        judgement.notes.append("no party discloses anything: that the identity key is an enrolled user's is not proved")
    _note_receipts(case, running, judgement)
    for start in asked.starts:
        stages = {stage: rounds[stage, start] for stage in OF_A_PERIOD if (stage, start) in rounds}
        judgement.decisions += decisions_of_period(stages, running.settings.rules)
    if asked.month is not None and (closing := rounds.get((Stage.CLOSING, asked.month))) is not None:
        due = _due(case, asked.month, running)
        judgement.decisions.append(bill_is_right(asked.meter, closing, rounds, due, running))
    judgement.decisions.append(_recorded(case, running))
    for found in rounds.values():
        judgement.faults += found.faults
    for by_party in case.answers.values():
        judgement.notes += [f"{a.period}: party {a.party}: {a.trouble}" for a in by_party.values() if a.trouble]
    return judgement


def _asked(case: Case, running: RunningMarket, home: ArbiterHome) -> DisputeRequest:
    request, signature = split_dispute(case.dispute.request)
    wrong = check_asked(request, running, home)
    if wrong:
        raise InputError((wrong,))
    try:
        check_dispute(request, signature, running.id, case.dispute.identity_key)
    except WireError as error:
        raise InputError((f"the request is not signed by the user whose evidence it is: {error}",)) from None
    return request


def _rounds(case: Case, running: RunningMarket, home: ArbiterHome) -> dict[tuple[Stage, int], Round]:
    """Everything that is established, by stage and start."""
    found = {}
    for period in case.dispute.asked.rounds(settled=running.calendar is not None):
        committee = running.staged(period.stage).committee(period.start)
        try:
            found[period.stage, period.start] = establish(case, period, committee, home.sealing)
        except WireError as error:
            raise InputError((f"{period}: its public record does not hold: {error}",)) from None
    return found


def _due(case: Case, month: int, running: RunningMarket) -> dict[tuple[Stage, int], bool]:
    """What the closing of a month should cover: what has a result by its record (True), and what may have one."""
    due = {}
    for period in closing_covers(running, month):
        record, key = case.records.get(period), (period.stage, period.start)
        if record is None:
            if period in case.answers:  # else no party has heard of it
                due[key] = False
            continue
        try:
            check_record(record, running.staged(period.stage).committee(period.start))
        except WireError:
            due[key] = False
            continue
        if record.result is not None:
            due[key] = True
    return due


def _recorded(case: Case, running: RunningMarket) -> Decision:
    """Is the digest of the request in a set that all parties have signed?"""
    if case.recorded is None:
        last = Period(running.id, case.dispute.asked.starts[-1])
        return not_proved(Question.RECORDED, last, "it is in the set of no closing that the parties have held since")
    period, place = case.recorded
    found, digest = Round(period), case.dispute.digest
    record = case.records.get(period)
    if record is not None:
        try:
            found.terms = check_record(record, running.staged(period.stage).committee(period.start)).terms
            found.result = record.result
        except WireError as error:
            return not_proved(Question.RECORDED, period, f"the public record of the closing does not hold: {error}")
    if not in_set(found, [(order_id(member("dispute", digest.hex()), 0), digest)], place):
        return not_proved(
            Question.RECORDED, period, "the place that is shown is not in the set that all parties have signed"
        )
    return proved(
        Question.RECORDED, period, "its digest is in the set of the closing", "all parties' signatures on the set"
    )


def _note_receipts(case: Case, running: RunningMarket, judgement: Judgement) -> None:
    """Which parties have acknowledged the request."""
    last = Period(running.id, judgement.asked.starts[-1])
    acknowledged = set()
    for signed in case.dispute.receipts:
        try:
            receipt = read_signed(DisputeReceipt, signed.encode(), running.committee(last.start), last).message
        except WireError:
            judgement.faults.append("the user shows a receipt of the request that no party has signed")
            continue
        if receipt.dispute_digest == case.dispute.digest:
            acknowledged.add(receipt.party)
    missing = sorted(set(range(len(running.parties))) - acknowledged)
    if missing:
        judgement.notes.append(f"no receipt of the request by the parties {missing} is shown")
