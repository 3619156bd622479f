"""Is an acknowledged order in the set that was computed on? From a meter's evidence and a verified record.

    every receipt is signed by its party, before the gate; the header was made for the round's challenge;
    leaf = digest("leaf", order id, header digest), and its path leads to the Merkle root that all m parties signed

Nobody can show that an order is *not* in a set: root and paths tell nothing about other orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mpc_market.wire.audit import Audited
from mpc_market.wire.committee import Committee
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.errors import WireError
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import order_id
from mpc_market.wire.merkle import leaf, root_of_path
from mpc_market.wire.message import M, Signed, check_signed
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import Standing
from mpc_market.wire.receipt import Receipt
from mpc_market.wire.record import SetFacts
from mpc_market.wire.verdicts import Verdict
from parties.audit.agreeing import period_name
from parties.audit.evidence import Evidence
from parties.audit.tickets import Ticket, tickets


@dataclass
class OrderReport:
    """What a meter's evidence shows. `name`: of the submission; `unproved`: what it does not show, and why.

    `tickets`: of its orders, earliest first; none if the round has no seed.
    """

    name: str
    proved: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong and not self.faults


def check_order(evidence: Evidence, audited: Audited | None, committee: Committee) -> OrderReport:
    """Check a meter's evidence. `audited`: a record of its round that holds, or None. Run by the auditor."""
    report = OrderReport(_name(evidence))
    receipts = _genuine("receipt", evidence.receipts, committee, report)
    deliveries = _genuine("delivery", evidence.deliveries, committee, report)
    _tell_receipts(len(receipts), committee.parties, report)
    if audited is None:
        report.wrong.append("the chains have no record of this round that holds: fetch again")
        return report
    if audited.terms is not None:
        _check_terms(evidence.header, receipts, audited.terms, report)
    if audited.standing is Standing.VOID:
        report.proved.append("the round is void: nobody trades in it, whatever was acknowledged")
    else:
        assert audited.agreed is not None, "a result has a set"
        _check_set(evidence, deliveries, audited.agreed, report, acknowledged=len(receipts) == committee.parties)
    if audited.randomness is not None:
        orders = _orders(evidence)
        report.tickets = tickets(audited.randomness.ticket_seed, [order_id(evidence.meter, k) for k in range(orders)])
    return report


def _name(evidence: Evidence) -> str:
    number = "a submission" if evidence.acknowledged is None else f"submission {evidence.acknowledged[0]}"
    return f"{number} of meter {evidence.meter!r} for {period_name(evidence.period.start)}"


def _genuine(name: str, signed: Sequence[Signed[M]], committee: Committee, report: OrderReport) -> list[M]:
    """The messages with good signatures; the others are wrong."""
    found = []
    for each in signed:
        try:
            check_signed(each, committee)
            found.append(each.message)
        except WireError as error:
            report.wrong.append(f"the {name} of party {each.message.party} is not genuine: {error}")
    return found


def _tell_receipts(receipts: int, parties: int, report: OrderReport) -> None:
    if receipts == parties:
        report.proved.append(f"the receipts of all {parties} parties are genuine: it counted as accepted")
    else:
        report.unproved.append(f"that it counted as accepted: {receipts} of {parties} genuine receipts are here")


def _check_terms(header: Header | None, receipts: Sequence[Receipt], terms: Terms, report: OrderReport) -> None:
    if header is not None and (header.challenge, len(header.share_digests)) != (terms.challenge, terms.parties):
        report.wrong.append("the header was made for another challenge or number of parties than this round's")
    for receipt in receipts:
        if receipt.received >= terms.gate:
            report.wrong.append(f"party {receipt.party} has signed its receipt after the gate")


def _check_set(
    evidence: Evidence, deliveries: Sequence[Delivery], agreed: SetFacts, report: OrderReport, *, acknowledged: bool
) -> None:
    """`acknowledged`: whether all m parties have signed a receipt."""
    if evidence.acknowledged is None:
        report.unproved.append("that it is in the set: its header or a receipt is needed")
        return
    number, header_digest = evidence.acknowledged
    if not deliveries:
        report.unproved.append("that it is in the set: a delivery is needed, which holds the Merkle path")
    shown: list[str] = []
    for delivery in deliveries:
        who = f"party {delivery.party}"
        if delivery.number > number:
            report.unproved.append(
                f"that it is in the set: {who} delivers for submission {delivery.number}, which has replaced it"
            )
        elif delivery.number < number:
            said = f"{who} delivers for the earlier submission {delivery.number}"
            if acknowledged:
                report.wrong.append(f"all parties have acknowledged submission {number}, and {said}")
            else:
                report.unproved.append(f"that it is in the set: {said}, and not all parties have acknowledged this one")
        elif _leads_to_root(delivery, evidence, header_digest, agreed):
            shown.append(who)
        else:
            report.faults.append(f"{who} has signed a path that does not lead to the Merkle root of the set")
    if shown:
        report.proved.append(f"it is in the set that all parties signed (Merkle path of {', '.join(shown)})")
    _check_verdicts(deliveries, report)


def _leads_to_root(delivery: Delivery, evidence: Evidence, header_digest: bytes, agreed: SetFacts) -> bool:
    """Root from every leaf and path; it must be the one that all m parties signed."""
    if delivery.count != agreed.count:
        return False
    if evidence.header is not None and evidence.header.orders != len(delivery.paths):
        return False
    for k, path in enumerate(delivery.paths):
        start = leaf(order_id(delivery.meter, k), header_digest)
        try:
            root = root_of_path(start, delivery.index + k, delivery.count, path)
        except WireError:
            return False
        if root != agreed.merkle_root:
            return False
    return True


def _check_verdicts(deliveries: Sequence[Delivery], report: OrderReport) -> None:
    verdicts = {delivery.verdict for delivery in deliveries}
    if len(verdicts) > 1:
        report.wrong.append("the parties deliver different verdicts on it")
    elif verdicts and (verdict := verdicts.pop()) is not Verdict.VALID:
        name = verdict.name.lower().replace("_", " ")
        report.proved.append(f"the parties say that its shares were not valid ({name}), and that nothing was accepted")


def _orders(evidence: Evidence) -> int:
    """How many orders it has, as far as the evidence says so."""
    if evidence.header is not None:
        return evidence.header.orders
    return max((len(signed.message.paths) for signed in evidence.deliveries), default=1)
