"""One round of one user: what was submitted, what of it is in the agreed set, and what was computed from it.

Each piece is believed for a signature alone:

    a submission         the user's, over the header; a share counts if it opens the digest in it
    a receipt            the party's that gave it
    the user's line      that of all parties, over the set digest, which names the roll that the line's path leads to
    a place in the set   that of all parties, over the set digest which the path leads to
    a result             all parties' shares lie on one polynomial; each party has signed what it discloses

Whoever shows something that does not hold is noted, with what proves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mpc_market.wire.agreement import set_digest
from mpc_market.wire.audit import check_record
from mpc_market.wire.committee import Committee
from mpc_market.wire.disclosure import Disclosed, Disclosure, Place, ResultShare, RoundShares, open_disclosure
from mpc_market.wire.errors import PolynomialError, WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Period, Stage, split_market
from mpc_market.wire.merkle import leaf, root_of_path
from mpc_market.wire.message import read_signed
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import Result
from mpc_market.wire.receipt import Receipt, check_receipt
from mpc_market.wire.roll import RollLine
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.sharing import recombine
from mpc_market.wire.signing import verify
from mpc_market.wire.submission import InputShare
from mpc_market.wire.verdicts import Verdict
from parties.arbiter.case import Case
from parties.files.disputes import OwnSubmission


@dataclass
class Submitted:
    """A submission that the user has signed. `shares`: by party, each opens its digest. `held`: who discloses it.

    `claimed`: what the user says of it.
    """

    header: Header
    shares: dict[int, InputShare] = field(default_factory=dict, repr=False)
    receipts: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    claimed: OwnSubmission | None = field(default=None, repr=False)

    @property
    def acknowledged(self) -> bool:
        """By all parties."""
        return len(self.receipts) == len(self.header.share_digests)

    def bits(self) -> tuple[int, ...]:
        """What it holds.

        Raises: PolynomialError, which is the fault of the user, who has signed these shares; WireError if not all are
        there.
        """
        missing = sorted(set(range(len(self.header.share_digests))) - set(self.shares))
        if missing:
            raise WireError(f"the shares of the parties {missing} are not opened")
        return recombine({party: share.words for party, share in self.shares.items()}, len(self.header.share_digests))


@dataclass
class Round:
    """What is established of one round. `known`: whether there is a public record; `there`: whether anything is, or
    something could not be had: else no party has heard of it.

    `result`: None if it is void. `disclosed`: by party, what opened well. `lines`: by party, those
    that are on the roll of the round.
    `member`: the submission that is in the agreed set. `verdict`: on it, as all parties say; None if they do not.
    `estimated`: all parties say that they have put an estimate in its place. `absent`: the parties that say there is
    nothing of the user. `words`: the result, from the shares of all parties.
    """

    period: Period
    known: bool = False
    there: bool = False
    terms: Terms | None = None
    result: Result | None = None
    disclosed: dict[int, Disclosed] = field(default_factory=dict, repr=False)
    lines: dict[int, RollLine] = field(default_factory=dict, repr=False)
    submissions: dict[tuple[int, bytes], Submitted] = field(default_factory=dict, repr=False)
    member: Submitted | None = None
    verdict: Verdict | None = None
    estimated: bool = False
    absent: set[int] = field(default_factory=set)
    words: tuple[int, ...] | None = field(default=None, repr=False)
    faults: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all parties have disclosed."""
        return self.terms is not None and len(self.disclosed) == self.terms.parties

    @property
    def enrolled(self) -> RollLine | None:
        """The user's line on the roll of the round; None if no party shows it. All lines that hold are the same."""
        return next(iter(self.lines.values()), None)

    @property
    def nothing_of_user(self) -> bool:
        """Whether all parties sign that the round has no result of this user."""
        return self.complete and len(self.absent) == len(self.disclosed)

    def fault(self, party: int, reason: str) -> None:
        """Note what a party's own signature convicts it of."""
        self.faults.append(f"{self.period}: party {party} {reason}")


def establish(case: Case, period: Period, committee: Committee, key: SealingKey) -> Round:
    """All of one round. Run by the arbiter; `key`: what the disclosures are sealed to.

    Raises: WireError if its public record does not hold.
    """
    record = case.records.get(period)
    found = Round(period, known=record is not None)
    found.there = found.known or period in case.answers
    if record is not None:
        found.terms, found.result = check_record(record, committee).terms, record.result
        _open(found, case, committee, key)
    for own in case.dispute.submissions:
        if own.header.period == period:
            found.there = True
            _take_own(found, own, case.dispute.asked.meter, case.dispute.identity_key, committee)
    for party, disclosed in found.disclosed.items():
        if isinstance(disclosed.content, RoundShares):
            _take_disclosed(found, party, disclosed.content, case.dispute.identity_key, committee)
    _find_member(found)
    return found


# --- what the parties disclose ----------------------------------------------------------------------------


def _open(found: Round, case: Case, committee: Committee, key: SealingKey) -> None:
    """Disclosures that are signed, for this very dispute, and say the same of the roll."""
    dispute = case.dispute
    for party, answer in sorted(case.answers.get(found.period, {}).items()):
        if not answer.disclosure:
            continue
        try:
            message = read_signed(Disclosure, answer.disclosure, committee, found.period, party).message
        except WireError as error:
            found.faults.append(f"{found.period}: what is there of party {party} is no disclosure of it: {error}")
            continue
        try:
            if (message.meter, message.dispute_digest) != (dispute.asked.meter, dispute.digest):
                raise WireError("it is for another dispute")
            disclosed = open_disclosure(message, key)
        except WireError as error:
            found.fault(party, f"has signed a disclosure that does not hold: {error}")
            continue
        if (disclosed.line.entry.meter, disclosed.line.entry.identity_key) != (
            dispute.asked.meter,
            dispute.identity_key,
        ):
            found.fault(party, "discloses something of another user: the identity key is not the one that asks")
        else:
            found.disclosed[party] = disclosed
            if found.period.stage is not Stage.CLOSING:  # nothing of a closing rests on the roll
                _take_line(found, party, disclosed.line)
    if found.result is None and len(found.lines) < (0 if found.terms is None else found.terms.parties):
        found.lines.clear()  # the opening of a round that is void may be of one party alone


def _take_line(found: Round, party: int, line: RollLine) -> None:
    """The user's line counts if it is on the roll that all parties have named, in the digest of the set."""
    assert found.terms is not None, "it is known what has been opened"
    try:
        if line.digest(split_market(found.period.market)[0]) != found.terms.roll_digest:
            raise WireError("it is of another roll")
    except WireError as error:
        found.fault(party, f"discloses a line that is not on the roll of the round: {error}")
        return
    found.lines[party] = line


def _take_own(found: Round, own: OwnSubmission, meter: str, identity_key: bytes, committee: Committee) -> None:
    header = own.header
    if header.meter != meter:
        found.faults.append(f"{found.period}: the user shows a header of another meter")
        return
    try:
        verify(identity_key, header.kind, header.encode(), own.signature)
    except WireError:
        found.faults.append(f"{found.period}: the user shows a header that it has not signed")
        return
    submitted = _submitted(found, header)
    submitted.claimed = own
    for party, share in enumerate(own.shares[: len(header.share_digests)]):
        if share.digest == header.share_digests[party]:
            submitted.shares.setdefault(party, share)
    for signed in own.receipts:
        _take_receipt(found, submitted, signed.encode(), committee)


def _take_disclosed(found: Round, party: int, shares: RoundShares, identity_key: bytes, committee: Committee) -> None:
    for held in shares.submissions:
        header = held.header
        try:
            verify(identity_key, header.kind, header.encode(), held.signature)
        except WireError:
            found.fault(party, "discloses a header that the user has not signed")
            continue
        submitted = _submitted(found, header)
        submitted.held.add(party)
        if held.share is not None and party < len(header.share_digests):
            if held.share.digest == header.share_digests[party]:
                submitted.shares[party] = held.share
            else:
                found.fault(party, "discloses another share than the one whose digest the user has signed")
        if held.receipt:
            _take_receipt(found, submitted, held.receipt, committee)


def _submitted(found: Round, header: Header) -> Submitted:
    return found.submissions.setdefault((header.number, header.digest), Submitted(header))


def _take_receipt(found: Round, submitted: Submitted, data: bytes, committee: Committee) -> None:
    """A receipt counts whoever shows it: its party has signed it."""
    try:
        receipt = read_signed(Receipt, data, committee, found.period).message
        check_receipt(receipt, submitted.header)
    except WireError:
        return
    submitted.receipts.add(receipt.party)


# --- the agreed set, and what came of it ------------------------------------------------------------------


def _find_member(found: Round) -> None:
    """Which submission all parties have agreed on, and the result that they have computed.

    A place in the set convicts those that deny it, since all have signed that set. An estimate, a verdict and a share
    of the result are only what a party says: they count if all parties say the same, and if not nobody is named.
    """
    if found.result is None:
        return
    results: dict[int, ResultShare] = {}
    estimates: dict[int, ResultShare] = {}
    for party, disclosed in found.disclosed.items():
        if not isinstance(disclosed.content, RoundShares):
            continue
        result = disclosed.content.result
        if result is None:
            found.absent.add(party)
        elif result.number == 0 and found.period.stage is Stage.CORRECTION:
            estimates[party] = result
        elif _holds(found, party, result):
            results[party] = result
    if results:
        for party in sorted(found.absent):
            found.fault(party, "says that nothing of the user was agreed on, which others show")
        found.absent.clear()
    if estimates and (results or found.absent):
        found.faults.append(f"{found.period}: the parties differ on whether an estimate of the user was settled")
        found.absent.clear()
        return
    _take_result(found, results or estimates)


def _take_result(found: Round, results: Mapping[int, ResultShare]) -> None:
    """What the parties say of the result, if all of them do and do not differ."""
    if len({(result.number, result.verdict) for result in results.values()}) > 1:
        found.faults.append(f"{found.period}: the parties disclose different verdicts, or results of different numbers")
        return
    assert found.terms is not None, "a result has terms"
    if len(results) < found.terms.parties:
        return
    first = next(iter(results.values()))
    found.verdict, found.estimated = first.verdict, first.number == 0
    if len({disclosed.attempt for disclosed in found.disclosed.values()}) > 1:
        found.faults.append(f"{found.period}: the parties disclose shares of different attempts")
        return
    found.words = _together(found, {party: result.words for party, result in results.items()})


def _holds(found: Round, party: int, result: ResultShare) -> bool:
    """Whether what a party says has been agreed on has been."""
    for (number, _), submitted in found.submissions.items():
        leaves = [(order_id, submitted.header.digest) for order_id in submitted.header.order_ids]
        if number == result.number and in_set(found, leaves, result.place):
            found.member = submitted
            return True
    found.fault(party, "discloses a result whose place is not in the set that all parties have signed")
    return False


def in_set(found: Round, leaves: list[tuple[str, bytes]], place: Place) -> bool:
    """Whether the leaves (order id, digest) stand there in the set that all parties have signed."""
    if found.terms is None or found.result is None or len(leaves) != len(place.paths):
        return False
    for k, ((order_id, digest), path) in enumerate(zip(leaves, place.paths, strict=True)):
        try:
            root = root_of_path(leaf(order_id, digest), place.index + k, place.count, path)
        except WireError:
            return False
        terms = found.terms
        if set_digest(found.period, terms.challenge, terms.roll_digest, place.count, root) != found.result.set_digest:
            return False
    return True


def _together(found: Round, shares: Mapping[int, tuple[int, ...]]) -> tuple[int, ...] | None:
    """The words behind the shares of all parties; None if they are not all there, or do not fit together."""
    if not any(shares.values()):
        return None
    try:
        return recombine(shares, len(shares))
    except PolynomialError as error:
        found.faults.append(f"{found.period}: the disclosed results do not fit together{named(error)}")
    except WireError as error:
        found.faults.append(f"{found.period}: {error}")
    return None


def named(error: PolynomialError) -> str:
    """Who is wrong, if only one is: known from five parties on."""
    return "" if error.suspect is None else f": if only one party is wrong, it is party {error.suspect}"
