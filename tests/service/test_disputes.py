"""Disputes, from the user's request over HTTPS to the arbiter's judgement: every verdict, and what is refused."""

import asyncio
import json
import stat
from dataclasses import replace

import pytest

from mpc_market.errors import InputError
from mpc_market.wire.codec import P
from mpc_market.wire.disclosure import Disclosure, RoundShares, make_disclosure, open_disclosure
from mpc_market.wire.dispute import DisputeRequest, dispute_digest, sign_dispute
from mpc_market.wire.identifiers import Period, Stage
from mpc_market.wire.message import sign, split_signed
from mpc_market.wire.signing import SigningKey
from mpc_market.wire.submission import InputShare
from parties.arbiter.case import read_case, write_case
from parties.arbiter.decisions import Decided, Question
from parties.arbiter.wording import as_json, lines
from parties.files.disputes import arbiter_text
from parties.files.problems import Problems
from parties.files.values import moment_text
from parties.ledger import DisputeRow, back_up
from parties.service import disputes
from parties.service.life import FINAL, State
from tests.service.disputed_lies import check_the_lies_of_one_party
from tests.service.disputed_town import ANNA, BEN, CARL, DORA, MONTH, NEXT, ORDERS, READINGS, DisputedTown, lied
from tests.service.service_crash import restored
from tests.service.service_running import asynchronous
from tests.service.service_town import PERIOD, START, problem
from tests.service.settled_town import END

ALL = list(range(MONTH, NEXT, PERIOD))
PROVED, DISPROVED, NOT_PROVED = Decided.PROVED, Decided.DISPROVED, Decided.NOT_PROVED


def stood(judgement, stage: Stage = Stage.CLEARING) -> dict[Question, Decided]:
    """How the questions about the first period, and about the month, are decided."""
    stages = {stage, Stage.CLOSING}
    decisions = [decision for decision in judgement.decisions if decision.question is not Question.RECORDED]
    return {d.question: d.decided for d in decisions if d.round.stage in stages and d.round.start in (START, MONTH)}


def decision_of(judgement, question: Question):
    return next(decision for decision in judgement.decisions if decision.question is question)


@asynchronous
async def test_the_four_verdicts(tmp_path):
    async with DisputedTown(tmp_path / "m").up() as town:
        await town.live()
        await check_that_the_bill_is_right(town)
        await check_the_commands(town)
        await check_that_a_liar_is_found_out(town)
        await check_that_an_omitted_order_is_proved(town)
        await check_that_another_reading_is_noticed(town)
        await check_that_requests_are_in_the_record(town)


async def check_that_the_bill_is_right(town: DisputedTown) -> None:
    dispute = await town.contest(BEN, ALL, MONTH)
    case = await town.fetched(dispute)
    check_that_nobody_else_is_in_it(town, case)
    write_case(town.path / "case", case)
    judgement = town.judged(read_case(town.path / "case", Problems()))
    assert judgement.faults == []
    assert stood(judgement) == {
        Question.USER_LIES: DISPROVED, Question.OMITTED: DISPROVED, Question.ACCEPTED: PROVED, Question.BILL: PROVED
    }  # fmt: skip
    assert stood(judgement, Stage.SETTLEMENT) == {
        Question.OMITTED: DISPROVED, Question.READING_DIFFERS: DISPROVED, Question.ENTRY: PROVED, Question.BILL: PROVED
    }  # fmt: skip
    side, price, quantity = ORDERS[BEN]
    assert decision_of(judgement, Question.USER_LIES).values["signed"] == [[side.value, price, quantity]]
    bill = decision_of(judgement, Question.BILL)
    sheet = await town.amounts_of(BEN)
    assert bill.values["due"] == bill.values["rule"] == {"sun": sheet}
    assert any(": the bill is right" in line for line in lines(judgement, town.market.settings))
    assert json.loads(as_json(judgement, town.market.settings))["decisions"][0]["decided"] == "disproved"
    check_the_lies_of_one_party(town, case)
    # without the period in which there was an entry, the bill is neither
    fewer = await town.contest_as(BEN, ALL[1:], MONTH, "fewer")
    assert decision_of(town.judged(await town.fetched(fewer)), Question.BILL).decided is NOT_PROVED


def check_that_nobody_else_is_in_it(town: DisputedTown, case) -> None:
    """Not their ids, not their headers; and no more than is named."""
    assert {period.start for period in case.answers} <= set(ALL)
    count = 0
    for by_party in case.answers.values():
        for answer in by_party.values():
            if answer.disclosure:
                count += 1
                message = split_signed(Disclosure, answer.disclosure).message
                plain = town.arbiter.sealing.open(message.box)
                assert message.meter == BEN
                assert BEN.encode() in plain
                assert not any(other.encode() in plain for other in (ANNA, CARL, DORA))
                shown = open_disclosure(message, town.arbiter.sealing)
                if isinstance(shown.content, RoundShares):
                    assert {held.header.meter for held in shown.content.submissions} <= {BEN}
    assert count >= 3 * 7  # of clearing, settlement and closing, and four corrections, at least


async def check_that_a_liar_is_found_out(town: DisputedTown) -> None:
    """By his own signature, whatever he shows: a header with other shares, or none at all, opens by the parties'."""
    case = await town.fetched(await town.contest_as(BEN, [START], None, "lie"))
    dispute = case.dispute
    last = max((s for s in dispute.submissions if s.orders is not None), key=lambda each: each.header.number)
    honest = replace(dispute, submissions=(last,))
    for given in (lied(honest), replace(lied(honest), submissions=(replace(lied(honest).submissions[0], shares=()),))):
        judgement = town.judged(replace(case, dispute=given))
        assert stood(judgement)[Question.USER_LIES] is PROVED
        assert decision_of(judgement, Question.USER_LIES).proof == "the user's signature on the header"
        assert judgement.faults == []
    other = SigningKey.generate()
    forged = replace(last, signature=other.sign("submission", last.header.encode()))
    judgement = town.judged(replace(case, dispute=replace(dispute, submissions=(forged,))))
    assert any("the user shows a header that it has not signed" in fault for fault in judgement.faults)
    await check_that_a_party_is_found_out(town, case)


async def check_that_a_party_is_found_out(town: DisputedTown, case) -> None:
    """One that alters its share; one whose disclosure is forged; one that keeps silent."""
    period = Period(town.market.id, START)
    answer = case.answers[period][1]
    message = split_signed(Disclosure, answer.disclosure).message
    shown = open_disclosure(message, town.arbiter.sealing)
    first, *rest = shown.content.submissions
    words = ((first.share.words[0] + 1) % P, *first.share.words[1:])
    altered = replace(first, share=InputShare(first.share.nonce, words))
    content = replace(shown.content, submissions=(altered, *rest))
    made = make_disclosure(
        period, 1, BEN, message.dispute_digest, replace(shown, content=content), town.arbiter.public.sealing_key
    )
    judgement = town.judged(with_answer(case, period, 1, sign(made, town.node(1).key(START)).encode()))
    expected = "party 1 discloses another share than the one whose digest the user has signed"
    assert [fault for fault in judgement.faults if expected in fault]
    # results: of three parties the liar is not known, but the lie is
    result = replace(shown.content.result, words=tuple((word + 1) % P for word in shown.content.result.words))
    content = replace(shown.content, result=result)
    made = make_disclosure(
        period, 1, BEN, message.dispute_digest, replace(shown, content=content), town.arbiter.public.sealing_key
    )
    judgement = town.judged(with_answer(case, period, 1, sign(made, town.node(1).key(START)).encode()))
    assert any("do not fit together" in fault for fault in judgement.faults)
    assert stood(judgement)[Question.ACCEPTED] is NOT_PROVED
    forged = with_answer(case, period, 1, answer.disclosure[:-1] + bytes([answer.disclosure[-1] ^ 1]))
    judgement = town.judged(forged)
    assert any("no disclosure of it" in fault for fault in judgement.faults)
    assert stood(judgement) == {
        Question.USER_LIES: DISPROVED,
        Question.OMITTED: DISPROVED,
        Question.ACCEPTED: NOT_PROVED,
    }


def with_answer(case, period: Period, party: int, data: bytes):
    answers = dict(case.answers)
    answers[period] = answers[period] | {party: replace(answers[period][party], disclosure=data)}
    return replace(case, answers=answers)


async def check_the_commands(town: DisputedTown) -> None:
    """What users and arbiters type, in processes of their own."""
    market, arbiter, public = town.path / "market.toml", town.path / "arbiter", town.path / "ombudsman.toml"
    evidence, case, out = (town.path / name for name in ("dora.json", "case-dora", "verdict.json"))
    public.write_text(arbiter_text(town.arbiter.public))
    home = town.path.parent / "homes" / DORA
    dispute = ("meter", "dispute", "--home", home, "--arbiter", public, "--out", evidence)
    code, said = await town.command(*dispute, "--period", moment_text(START))
    assert (code, "3 of 3 parties have it" in said) == (0, True), said
    assert stat.S_IMODE(evidence.stat().st_mode) == 0o600
    options = ("--home", arbiter, "--market", market)
    code, said = await town.command("arbiter", "fetch", evidence, *options, "--out", case)
    assert (code, "3 rounds, 9 disclosures" in said) == (0, True), said
    code, said = await town.command("arbiter", "check", case, *options, "--json", out)
    assert code == 0, said
    assert ": an order that all parties had acknowledged was left out" in said
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    decisions = json.loads(out.read_text())["decisions"]
    assert {"omitted", "user_lies"} <= {decision["question"] for decision in decisions}
    assert next(decision["decided"] for decision in decisions if decision["question"] == "omitted") == "proved"


async def check_that_an_omitted_order_is_proved(town: DisputedTown) -> None:
    case = await town.fetched(await town.contest(DORA, ALL, MONTH))
    judgement = town.judged(case)
    assert stood(judgement) == {Question.USER_LIES: DISPROVED, Question.OMITTED: PROVED, Question.BILL: PROVED}
    assert "the parties [2] disclose that they do not have it" in decision_of(judgement, Question.OMITTED).reason
    # without the receipt of one party nothing is proved
    mine = case.dispute.submissions
    fewer = tuple(replace(each, receipts=each.receipts[:-1]) for each in mine)
    judgement = town.judged(replace(case, dispute=replace(case.dispute, submissions=fewer)))
    assert stood(judgement)[Question.OMITTED] is NOT_PROVED


async def check_that_another_reading_is_noticed(town: DisputedTown) -> None:
    before = await town.fetched(await town.contest(CARL, [START]))
    reading = next(each for each in before.dispute.submissions if each.reading is not None)
    said = replace(reading, reading=replace(reading.reading, imported=READINGS[CARL][0] - 1))
    judgement = town.judged(replace(before, dispute=replace(before.dispute, submissions=(said,))))
    found = decision_of(judgement, Question.READING_DIFFERS)
    assert (found.decided, found.reason) == (PROVED, "the user says another reading than it has signed")
    await town.falsify(CARL)
    judgement = town.judged(await town.fetched(before.dispute))
    found = decision_of(judgement, Question.READING_DIFFERS)
    assert (found.decided, found.reason) == (PROVED, "another reading was settled than the user has signed")
    assert stood(judgement, Stage.SETTLEMENT)[Question.ENTRY] is DISPROVED


async def check_that_requests_are_in_the_record(town: DisputedTown) -> None:
    """In the set of the next closing, which all parties sign, whatever month they are about."""
    dispute = await town.contest(ANNA, [START])
    town.clock.move_to(1000 * (NEXT + 3600 + PERIOD) + 1_200_000 + 600_000)
    await town.until_stage(Stage.CLOSING, State.RESULT, start=NEXT)
    for party in range(3):
        agreed = await town.services[party].sites.get(town.name(Stage.CLOSING)).lookup.agreed(NEXT)
        digests = {item.digest for item in agreed.members if item.name.startswith("dispute/")}
        assert dispute.digest in digests
        assert len(digests) == 7
    # anybody sees the digests, and the arbiter that the request is among them
    case = await town.fetched(dispute)
    assert decision_of(town.judged(case), Question.RECORDED).decided is PROVED
    closing, place = case.recorded
    assert closing == Period(town.name(Stage.CLOSING), NEXT)
    for wrong in (None, (closing, replace(place, index=place.index ^ 1)), (replace(closing, start=MONTH), place)):
        judgement = town.judged(replace(case, recorded=wrong))
        assert decision_of(judgement, Question.RECORDED).decided is NOT_PROVED
    assert problem(await town.get(0, f"../{town.name(Stage.CLOSING)}/periods/{NEXT + 3600}/disputes")) == "not-open-yet"
    assert problem(await town.get(0, f"periods/{START}/disputes")) == "nothing-here"
    # and the bill of that month: estimates for the three periods that nobody read
    judgement = town.judged(await town.fetched(await town.contest_as(BEN, ALL, NEXT, "next")))
    bill = decision_of(judgement, Question.BILL)
    assert (bill.decided, judgement.faults) == (PROVED, [])
    assert "all 3 entries" in bill.reason
    entries = [d for d in judgement.decisions if d.question is Question.ENTRY and d.round.start > START]
    assert [(entry.decided, entry.values["entry"]) for entry in entries] == [(PROVED, [0, 0, 200, 0, 200])] * 3


@asynchronous
async def test_disputes_that_are_refused_each_for_its_reason(tmp_path, monkeypatch):
    async with DisputedTown(tmp_path / "m").up() as town:
        key, other = town.user(BEN).home.identity, town.user(ANNA).home.identity
        request = DisputeRequest(town.market.id, BEN, 7, town.arbiter.public, (START,))
        await town.until(State.COLLECTING)
        assert await town.refused(request, key) == "not-finished"
        await town.order(BEN, *ORDERS[BEN])
        await town.run_round()
        for wrong, signer, reason in (
            (replace(request, market="elm-street"), key, "wrong-context"),
            (replace(request, meter="nobody"), key, "unknown-meter"),
            (request, other, "bad-signature"),
            (replace(request, meter=ANNA), key, "bad-signature"),
            (replace(request, starts=(START, START + 1)), key, "unknown-period"),
            (replace(request, starts=(START, START + 10 * PERIOD)), key, "not-open-yet"),
            (replace(request, starts=(START - 40 * 86_400, START)), key, "too-old"),
            (replace(request, month=MONTH), key, "unknown-period"),
        ):
            assert await town.refused(wrong, signer) == reason, reason
        assert problem(await town.post_dispute(0, b"no dispute")) == "malformed"
        assert problem(await town.post_dispute(0, bytes(70_000))) == "oversized-body"
        first = await town.post_dispute(0, sign_dispute(request, key))
        assert first.status_code == 200
        assert (await town.post_dispute(0, sign_dispute(request, key))).content == first.content
        assert await town.refused(replace(request, starts=(START - PERIOD, START)), key) == "dispute-number"
        with monkeypatch.context() as patch:
            await check_how_many_are_kept(town, request, patch)
        await check_who_is_told(town)
        town.clock.move_to(1000 * END + 31 * 86_400_000)
        assert await town.refused(replace(request, number=8), key) == "too-old"
        await town.services[0].upkeep.clean()
        assert problem(await town.disclosure(town.arbiter.identity, START)) == "unknown-dispute"


async def check_how_many_are_kept(town: DisputedTown, request: DisputeRequest, patch: pytest.MonkeyPatch) -> None:
    """Of each owner of a meter so many, and of all together: but nobody is kept from the first one by others."""
    key, other = town.user(BEN).home.identity, town.user(ANNA).home.identity
    patch.setattr(disputes, "DISPUTES_OF_ALL_MAX", 1)
    assert await town.refused(replace(request, number=8), key) == "disputes-full"
    mine = sign_dispute(replace(request, number=9, meter=ANNA), other)
    assert (await town.post_dispute(0, mine)).status_code == 200, "nobody is kept from the first one"
    patch.setattr(disputes, "DISPUTES_MAX", 1)
    assert await town.refused(replace(request, number=8), key) == "too-many-disputes"
    # what an owner before has sent, who had another key, does not count
    earlier = sign_dispute(replace(request, number=9), SigningKey.generate())
    row = DisputeRow(town.market.id, BEN, 9, dispute_digest(earlier), earlier, town.clock.now_ms())
    await town.node(0).ledger.put_dispute(row)
    patch.setattr(disputes, "DISPUTES_MAX", 2)
    patch.setattr(disputes, "DISPUTES_OF_ALL_MAX", 10)
    at_once = [town.post_dispute(0, sign_dispute(replace(request, number=n), key)) for n in (11, 12, 13)]
    told = sorted([answer.status_code for answer in await asyncio.gather(*at_once)])
    assert told == [200, 429, 429]
    forged = sign_dispute(replace(request, number=8), other)  # a signature is looked at before anything stored
    assert problem(await town.post_dispute(0, forged)) == "bad-signature"


async def check_who_is_told(town: DisputedTown) -> None:
    """The arbiter that is named, by its own key, of what is named."""
    assert (await town.disclosure(town.arbiter.identity, START)).status_code == 200
    for key in (SigningKey.generate(), town.user(BEN).home.identity):
        assert problem(await town.disclosure(key, START)) == "unauthorized"
    assert problem(await town.disclosure(town.arbiter.identity, START, number=8)) == "unknown-dispute"
    assert problem(await town.disclosure(town.arbiter.identity, START, meter=ANNA)) == "unknown-dispute"
    assert problem(await town.disclosure(town.arbiter.identity, START - PERIOD)) == "not-named"


async def check_that_nothing_is_said_of_what_is_lost_or_erased(town: DisputedTown) -> None:
    """Not having it is no proof that it was not there: an honest party must not be convicted by its own signature."""
    case = await town.fetched(await town.contest_as(BEN, [START], None, "lost"))
    answers = case.answers[Period(town.market.id, START)]
    assert [bool(answers[party].disclosure) for party in range(3)] == [True, False, True]
    assert "nothing-here" in answers[1].trouble
    judgement = town.judged(case)
    assert judgement.faults == []
    assert stood(judgement)[Question.OMITTED] is DISPROVED, "the place in the set that others show"
    erase = town.services[2].node.ledger.erase
    assert await erase(town.market.id, START + PERIOD) == 1
    answers = (await town.fetched(case.dispute)).answers[Period(town.market.id, START)]
    assert [bool(answers[party].disclosure) for party in range(3)] == [True, False, False]
    assert "nothing-here" in answers[2].trouble


@asynchronous
async def test_whoever_has_the_id_of_a_meter_later_learns_nothing_of_who_had_it(tmp_path):
    async with DisputedTown(tmp_path / "m").up() as town:
        await town.until(State.COLLECTING)
        await town.order(BEN, *ORDERS[BEN])
        await back_up(town.home(1).database, tmp_path / "backup.db")
        await town.run_round()
        await restored(town, 1, tmp_path / "backup.db")
        await town.until(State.LOST, parties=[1])
        await check_that_nothing_is_said_of_what_is_lost_or_erased(town)
        ben = next(meter for meter in town.meters if meter.id == BEN)
        ben.key = SigningKey.generate()
        await town.look_at_the_roll(2)
        request = DisputeRequest(town.market.id, BEN, 7, town.arbiter.public, (START,))
        assert await town.refused(request, ben.key) == "bad-signature"
        # a later period, which is the new user's, does not open the earlier one
        new = START + 2 * PERIOD
        later = replace(request, starts=(START, new))
        town.clock.move_to(town.gate + 1000 * PERIOD)
        await town.until(State.COLLECTING, start=new)
        town.clock.move_to(town.gate + 2000 * PERIOD)
        await town.until(*FINAL, start=new)
        assert (await town.post_dispute(0, sign_dispute(later, ben.key))).status_code == 200
        assert problem(await town.disclosure(town.arbiter.identity, START)) == "bad-signature"


def test_a_judgement_is_for_the_arbiter_and_the_market_that_the_request_names(tmp_path):
    town = DisputedTown(tmp_path / "m")
    key = town.user(BEN).home.identity
    request = DisputeRequest(town.market.id, BEN, 7, town.arbiter.public, (START,))
    for asked, signer in (
        (replace(request, market="elm-street"), key),
        (replace(request, arbiter=replace(town.arbiter.public, name="another")), key),
        (request, SigningKey.generate()),
    ):
        with pytest.raises(InputError):
            town.judged(town.empty_case(sign_dispute(asked, signer), key.public))
