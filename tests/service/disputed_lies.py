"""One party of three lies to the arbiter, in its own name: nobody else is blamed for it, and no right bill is wrong."""

from dataclasses import replace

from mpc_market.wire.disclosure import Disclosed, Disclosure, Place, ResultShare, make_disclosure, open_disclosure
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import sign, split_signed
from mpc_market.wire.roll import Roll
from mpc_market.wire.verdicts import Verdict
from parties.arbiter.case import Answer, Case
from parties.arbiter.decisions import Decided, Question
from parties.arbiter.judging import Judgement
from parties.files.values import moment_text
from tests.service.disputed_town import DisputedTown
from tests.wire.wire_round import WireRound

LIAR = 0
NOWHERE = Place(0, 0, ())


def shown(town: DisputedTown, case: Case, period: Period, party: int = LIAR) -> Disclosed:
    """What a party discloses."""
    message = split_signed(Disclosure, case.answers[period][party].disclosure).message
    return open_disclosure(message, town.arbiter.sealing)


def told(town: DisputedTown, case: Case, period: Period, says: Disclosed, party: int = LIAR) -> Case:
    """The case if a party had disclosed something else, sealed and signed by itself."""
    meter, digest = case.dispute.asked.meter, case.dispute.digest
    made = make_disclosure(period, party, meter, digest, says, town.arbiter.public.sealing_key)
    signed = sign(made, town.services[party].sites.get(period.market).node.key(period.start)).encode()
    answer = replace(case.answers[period][party], disclosure=signed)
    return replace(case, answers=case.answers | {period: case.answers[period] | {party: answer}})


def silent(case: Case, period: Period) -> Case:
    """The case if nobody but the liar had disclosed anything of a round."""
    kept = {party: a if party == LIAR else replace(a, disclosure=b"") for party, a in case.answers[period].items()}
    return replace(case, answers=case.answers | {period: kept})


def decided_in(judgement: Judgement) -> dict[tuple[Question, Period], Decided]:
    """How each question is decided."""
    return {(decision.question, decision.round): decision.decided for decision in judgement.decisions}


def check_that_a_false_line_of_the_roll_convicts_nobody_else(town: DisputedTown, case: Case) -> None:
    period = Period(town.market.id, case.dispute.asked.starts[0])
    honest = shown(town, case, period)
    lower = replace(honest.line, entry=replace(honest.line.entry, maximum=honest.line.entry.maximum - 1))
    false = told(town, case, period, replace(honest, line=lower))
    judgement = town.judged(false)
    assert decided_in(judgement) == decided_in(town.judged(case))
    assert [fault for fault in judgement.faults if f"party {LIAR} discloses a line" in fault]
    alone = decided_in(town.judged(silent(false, period)))
    assert alone[Question.USER_LIES, period] is Decided.NOT_PROVED


def check_that_an_estimate_is_what_all_say(town: DisputedTown, case: Case) -> None:
    period = Period(f"{town.market.id}:correction", case.dispute.asked.starts[0])
    honest = shown(town, case, period)
    assert honest.content.result is None
    estimate = replace(honest.content, result=ResultShare(0, Verdict.VALID, NOWHERE, (0, 0, 0, 0, 0)))
    judgement = town.judged(told(town, case, period, replace(honest, content=estimate)))
    assert judgement.faults == [f"{period}: the parties differ on whether an estimate of the user was settled"]
    # nor does one that is silent about a verdict, or the only one who speaks of it
    clearing = Period(town.market.id, period.start)
    honest = shown(town, case, clearing)
    excluded = replace(honest.content, result=replace(honest.content.result, verdict=Verdict.NOT_AN_ORDER))
    false = told(town, case, clearing, replace(honest, content=excluded))
    for each in (false, silent(false, clearing)):
        found = decided_in(town.judged(each))
        assert found[Question.ACCEPTED, clearing] is Decided.NOT_PROVED
        assert Decided.DISPROVED not in {
            at for (question, _), at in found.items() if question in (Question.ENTRY, Question.BILL)
        }


def check_that_a_bad_tariff_is_the_fault_of_who_shows_it(town: DisputedTown, case: Case) -> None:
    period = Period(f"{town.market.id}:settlement", case.dispute.asked.starts[0])
    honest = shown(town, case, period)
    data, place = honest.content.tariff
    spoiled = replace(honest.content, tariff=(data[:-1] + bytes([data[-1] ^ 1]), place))
    for content, reason in ((spoiled, "a tariff that does not hold"), (replace(spoiled, tariff=None), "no tariff")):
        judgement = town.judged(told(town, case, period, replace(honest, content=content)))
        assert decided_in(judgement) == decided_in(town.judged(case))
        assert [fault for fault in judgement.faults if f"party {LIAR} discloses {reason}" in fault]
    false = case
    for party in range(3):
        mine = shown(town, case, period, party)
        content = replace(mine.content, tariff=spoiled.tariff)
        false = told(town, false, period, replace(mine, content=content), party)
    closing = Period(f"{town.market.id}:closing", case.dispute.asked.month)
    assert decided_in(town.judged(false))[Question.BILL, closing] is Decided.NOT_PROVED


def check_that_no_period_is_left_out_of_the_bill(town: DisputedTown, case: Case) -> None:
    """A correction of the month before that has a result and is in no set; or of which no record can be had."""
    month = case.dispute.asked.month
    closing = Period(f"{town.market.id}:closing", month)
    left_out = Period(f"{town.market.id}:correction", month - 900)
    played = WireRound(market=left_out.market, start=left_out.start)
    played.roll = Roll(town.market.id, 1, WireRound().roll.entries, WireRound().roll.suppliers)
    played.signing = [service.sites.get(left_out.market).node.key(left_out.start) for service in town.services.values()]
    for false in (
        replace(case, records=case.records | {left_out: played.record()}),
        replace(case, answers=case.answers | {left_out: {LIAR: Answer(left_out, LIAR, b"", "no public record: gone")}}),
    ):
        judgement = town.judged(false)
        bill = next(decision for decision in judgement.decisions if decision.question is Question.BILL)
        assert (bill.round, bill.decided) == (closing, Decided.NOT_PROVED)
        assert bill.reason.startswith(f"the correction of {moment_text(left_out.start)} ")


def check_the_lies_of_one_party(town: DisputedTown, case: Case) -> None:
    """All of them."""
    check_that_a_false_line_of_the_roll_convicts_nobody_else(town, case)
    check_that_an_estimate_is_what_all_say(town, case)
    check_that_a_bad_tariff_is_the_fault_of_who_shows_it(town, case)
    check_that_no_period_is_left_out_of_the_bill(town, case)
