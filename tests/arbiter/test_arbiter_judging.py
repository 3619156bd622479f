"""An arbiter judges a clearing of five parties in memory: whoever lies is named, be it a party or the user."""

from dataclasses import replace

import pytest

from mpc_market.rules.model import Order
from mpc_market.wire.codec import P
from mpc_market.wire.disclosure import Disclosed, HeldByParty, Place, ResultShare, RoundShares, make_disclosure
from mpc_market.wire.dispute import Arbiter, DisputeRequest, dispute_digest, sign_dispute
from mpc_market.wire.header import Header
from mpc_market.wire.layout import order_bits
from mpc_market.wire.message import sign
from mpc_market.wire.receipt import receipt_for
from mpc_market.wire.roll import RollLine
from mpc_market.wire.sharing import deal
from mpc_market.wire.submission import InputShare, open_seal
from mpc_market.wire.verdicts import Verdict
from parties.arbiter.case import Answer, Case
from parties.arbiter.decisions import Decided, Question
from parties.arbiter.home import ArbiterHome
from parties.arbiter.judging import Judgement, judge
from parties.files.disputes import DisputeFile, OwnSubmission
from tests.supplier.online_parties import running_of
from tests.wire.wire_round import MAXIMUM, WireRound, sealing_key, signing_key

PARTIES = 5
BUYER = 2
"""The place of the user among the meters."""

NAME = "ombudsman"
ARBITER = ArbiterHome(
    Arbiter(NAME, signing_key(NAME).public, sealing_key(NAME).public), signing_key(NAME), sealing_key(NAME)
)
PROVED, DISPROVED, NOT_PROVED = Decided.PROVED, Decided.DISPROVED, Decided.NOT_PROVED


class Disputed:
    """A case of the buyer, honest throughout: tests change what somebody says."""

    def __init__(self) -> None:
        self.played = WireRound(parties=PARTIES)
        self.submission = self.played.submissions[BUYER]
        self.header = self.submission.header
        self.user = self.header.meter
        self.shares = [
            open_seal(self.submission.box(j) or b"", key, self.header, j, self.played.settings)
            for j, key in enumerate(self.played.sealing)
        ]
        self.receipts = [sign(receipt_for(self.header, j, 1), key) for j, key in enumerate(self.played.signing)]
        (lots,) = self.played.accepted[BUYER]
        self.results = deal([lots, lots, 0], PARTIES)
        delivered = self.played.delivered()[BUYER][0]
        self.place = Place(delivered.count, delivered.index, delivered.paths)
        request = DisputeRequest("oak-street", self.user, 7, ARBITER.public, (self.played.period.start,))
        self.request = sign_dispute(request, signing_key(self.user))
        self.orders: tuple[Order, ...] = tuple(self.played.book[BUYER])
        self.own_shares: tuple[InputShare, ...] = ()

    def content(self, party: int) -> RoundShares:
        held = HeldByParty(self.header, self.submission.signature, self.shares[party], self.receipts[party].encode())
        result = ResultShare(1, Verdict.VALID, self.place, tuple(self.results[party]))
        return RoundShares((held,), result)

    def answer(self, party: int, content: RoundShares, line: RollLine | None = None) -> Answer:
        """What a party signs."""
        disclosed = Disclosed(0, line or self.played.roll.line(self.user), content)
        period, digest = self.played.period, dispute_digest(self.request)
        made = make_disclosure(period, party, self.user, digest, disclosed, ARBITER.public.sealing_key)
        return Answer(period, party, sign(made, self.played.signing[party]).encode())

    def case(self, answers: dict[int, Answer] | None = None) -> Case:
        """`answers`: of the parties that say something else."""
        own = OwnSubmission(self.header, self.submission.signature, self.own_shares, (), self.orders)
        dispute = DisputeFile(self.request, signing_key(self.user).public, (), (own,))
        all_ = {j: self.answer(j, self.content(j)) for j in range(PARTIES)} | (answers or {})
        period = self.played.period
        return Case(dispute, {period: self.played.record()}, {period: all_})

    def judged(self, answers: dict[int, Answer] | None = None) -> Judgement:
        return judge(self.case(answers), running_of(self.played), ARBITER)


@pytest.fixture
def disputed() -> Disputed:
    return Disputed()


def stood(judgement: Judgement) -> dict[Question, Decided]:
    return {d.question: d.decided for d in judgement.decisions if d.question is not Question.RECORDED}


def test_of_honest_people_nothing_is_wrong(disputed):
    judgement = disputed.judged()
    assert judgement.faults == []
    assert stood(judgement) == {Question.USER_LIES: DISPROVED, Question.OMITTED: DISPROVED, Question.ACCEPTED: PROVED}
    assert "submission 1 is in the set" in judgement.decisions[1].reason
    assert all("quantity" not in decision.reason for decision in judgement.decisions)


@pytest.mark.parametrize("liar", range(PARTIES))
def test_of_five_parties_the_one_with_a_wrong_share_of_the_result_is_named(disputed, liar):
    content = disputed.content(liar)
    words = tuple((word + 1) % P for word in content.result.words)
    altered = replace(content, result=replace(content.result, words=words))
    judgement = disputed.judged({liar: disputed.answer(liar, altered)})
    assert judgement.faults == [
        f"{disputed.played.period}: the disclosed results do not fit together: "
        f"if only one party is wrong, it is party {liar}"
    ]
    assert stood(judgement)[Question.ACCEPTED] is NOT_PROVED


def test_what_all_parties_alter_together_contradicts_order_and_price(disputed):
    (order,) = disputed.orders
    for lots, traded in (((order.quantity + 1,), order.quantity + 1), ((0,), 0), ((order.quantity,), 1)):
        disputed.results = deal([*lots, traded, 0], PARTIES)
        assert stood(disputed.judged())[Question.ACCEPTED] is DISPROVED


def test_a_share_that_is_altered_convicts_its_party_and_a_claim_that_is_altered_the_user(disputed):
    content = disputed.content(3)
    words = (*disputed.shares[3].words[:-1], (disputed.shares[3].words[-1] + 1) % P)
    held = replace(content.submissions[0], share=InputShare(disputed.shares[3].nonce, words))
    judgement = disputed.judged({3: disputed.answer(3, replace(content, submissions=(held,)))})
    assert [fault for fault in judgement.faults if "party 3 discloses another share" in fault]
    # nobody else opens that share, and without it nothing is said of the user
    assert stood(judgement)[Question.USER_LIES] is NOT_PROVED
    (order,) = disputed.orders
    disputed.orders = (replace(order, price=order.price - 1),)
    assert stood(disputed.judged())[Question.USER_LIES] is PROVED


def test_shares_that_a_user_deals_anew_for_what_it_says_are_not_those_that_it_has_signed(disputed):
    (order,) = disputed.orders
    disputed.orders = (replace(order, price=order.price - 1),)
    dealt = deal(order_bits(disputed.orders, disputed.user, disputed.played.settings, MAXIMUM), PARTIES)
    disputed.own_shares = tuple(InputShare(bytes([j] * 32), words) for j, words in enumerate(dealt))
    assert stood(disputed.judged())[Question.USER_LIES] is PROVED
    contents = [disputed.content(j) for j in range(PARTIES)]
    withheld = [replace(each, submissions=(replace(each.submissions[0], share=None),)) for each in contents]
    answers = {j: disputed.answer(j, each) for j, each in enumerate(withheld)}
    assert stood(disputed.judged(answers))[Question.USER_LIES] is NOT_PROVED  # else the silence of parties would acquit


def test_shares_that_the_user_itself_has_dealt_wrongly_are_its_own_fault(disputed):
    """All fit the digests that it has signed."""
    (order,) = disputed.orders
    dealt = deal(order_bits([order], disputed.user, disputed.played.settings, MAXIMUM), PARTIES)
    dealt[4] = tuple((word + 1) % P for word in dealt[4])
    disputed.shares = [InputShare(bytes([j] * 32), words) for j, words in enumerate(dealt)]
    digests = tuple(share.digest for share in disputed.shares)
    disputed.header = Header(disputed.played.period, disputed.user, 1, disputed.played.terms.challenge, 1, digests)
    signature = signing_key(disputed.user).sign("submission", disputed.header.encode())
    disputed.submission = replace(disputed.submission, header=disputed.header, signature=signature)
    judgement = disputed.judged()
    assert stood(judgement)[Question.USER_LIES] is PROVED
    assert "lie on no polynomial" in judgement.decisions[0].reason


def test_an_omitted_order_needs_all_receipts_and_the_admission_of_all(disputed):
    def without(party: int) -> Answer:
        content = disputed.content(party)
        return disputed.answer(party, RoundShares(content.submissions if party != 1 else (), None))

    everybody = {j: without(j) for j in range(PARTIES)}
    everybody[1] = disputed.answer(1, RoundShares((), None))
    # party 1 has given a receipt, which only the user has
    judgement = disputed.judged(everybody)
    assert stood(judgement)[Question.OMITTED] is NOT_PROVED
    held = disputed.content(0).submissions[0]
    shown = tuple(replace(held, share=None, receipt=receipt.encode()) for receipt in disputed.receipts)
    everybody[0] = disputed.answer(0, RoundShares((held, shown[1], shown[4]), None))
    judgement = disputed.judged(everybody)
    assert stood(judgement)[Question.OMITTED] is PROVED
    omitted = next(d for d in judgement.decisions if d.question is Question.OMITTED)
    assert "the parties [1] disclose that they do not have it" in omitted.reason
    silent = everybody | {4: Answer(disputed.played.period, 4, b"", "gone")}
    judgement = disputed.judged(silent)
    assert stood(judgement)[Question.OMITTED] is NOT_PROVED
    assert judgement.notes[-1].endswith("party 4: gone")
    # one that shows the place convicts those that say there is none
    judgement = disputed.judged(everybody | {2: disputed.answer(2, disputed.content(2))})
    assert stood(judgement)[Question.OMITTED] is DISPROVED
    assert sum("says that nothing of the user was agreed on" in fault for fault in judgement.faults) == 4


def test_who_does_not_disclose_is_not_blamed_for_an_order_that_all_have_acknowledged(disputed):
    """Number 1 was computed on, number 2 acknowledged by all: that is proved, and whose doing it was is not."""
    newer = replace(disputed.header, number=2)
    signature = signing_key(disputed.user).sign("submission", newer.encode())
    receipts = tuple(sign(receipt_for(newer, j, 1), key) for j, key in enumerate(disputed.played.signing))
    own = OwnSubmission(newer, signature, (), receipts)

    def reason(without: set[int], silent: set[int]) -> str:
        answers = {}
        for j in range(PARTIES):
            content = disputed.content(j)
            both = (*content.submissions, HeldByParty(newer, signature, None, b""))
            answers[j] = disputed.answer(j, content if j in without else replace(content, submissions=both))
        answers |= {j: Answer(disputed.played.period, j, b"", "gone") for j in silent}
        case = disputed.case(answers)
        case = replace(case, dispute=replace(case.dispute, submissions=(*case.dispute.submissions, own)))
        (omitted,) = (
            d for d in judge(case, running_of(disputed.played), ARBITER).decisions if d.question is Question.OMITTED
        )
        assert omitted.decided is PROVED
        return omitted.reason

    assert reason(set(), {2}).endswith("the parties [2] disclose nothing: which one left it out cannot be said")
    blamed = "of those that signed a receipt, the parties [1] disclose that they do not have it"
    assert reason({1}, {2}).endswith(blamed)
    assert reason(set(), set()).endswith("all parties have it; which one left it out cannot be said")


def test_a_user_who_has_signed_two_headers_with_one_number_is_not_wronged(disputed):
    other = replace(disputed.header, share_digests=disputed.header.share_digests[::-1])
    signature = signing_key(disputed.user).sign("submission", other.encode())
    contents = {}
    for party in range(PARTIES):
        held = disputed.content(party).submissions
        contents[party] = RoundShares((*held, HeldByParty(other, signature, None, b"")), None)
    judgement = disputed.judged({j: disputed.answer(j, content) for j, content in contents.items()})
    assert stood(judgement)[Question.OMITTED] is DISPROVED
    assert "two headers with one number" in judgement.decisions[1].reason


def test_an_order_of_another_meter_with_the_same_key_convicts_nobody(disputed):
    """One key at two meters: what all parties have acknowledged of the other one is not missing here."""
    other = replace(disputed.header, meter="meter-x", number=2)
    receipts = tuple(sign(receipt_for(other, j, 1), key) for j, key in enumerate(disputed.played.signing))
    shown = OwnSubmission(other, signing_key(disputed.user).sign("submission", other.encode()), (), receipts)
    case = disputed.case()
    case = replace(case, dispute=replace(case.dispute, submissions=(*case.dispute.submissions, shown)))
    judgement = judge(case, running_of(disputed.played), ARBITER)
    assert stood(judgement)[Question.OMITTED] is DISPROVED
    assert judgement.faults == [f"{disputed.played.period}: the user shows a header of another meter"]


def test_disclosures_that_are_forged_misplaced_or_of_another_user_count_for_nothing(disputed):
    good = disputed.answer(0, disputed.content(0))
    content = disputed.content(0)
    placed = replace(content, result=replace(content.result, place=replace(disputed.place, index=0)))
    stranger = WireRound(parties=PARTIES).submissions[0]
    foreign = HeldByParty(stranger.header, stranger.signature, None, b"")
    invented = replace(content.submissions[0], header=replace(disputed.header, number=2), receipt=b"")
    for answer, said in (
        (disputed.answer(0, replace(placed, submissions=(invented,))), "a header that the user has not signed"),
        (replace(good, disclosure=good.disclosure[:-1] + bytes([good.disclosure[-1] ^ 1])), "is no disclosure of it"),
        (replace(disputed.answer(1, content), party=0), "is no disclosure of it"),
        (disputed.answer(0, placed), "whose place is not in the set"),
        (disputed.answer(0, content, disputed.played.roll.line("meter-0")), "of another user"),
        (disputed.answer(0, replace(content, submissions=(foreign,))), "of another meter or round"),
    ):
        judgement = disputed.judged({0: answer})
        assert any(said in fault for fault in judgement.faults), said
        assert stood(judgement)[Question.ACCEPTED] is NOT_PROVED
        assert stood(judgement)[Question.OMITTED] in (DISPROVED, NOT_PROVED)
