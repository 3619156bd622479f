"""Vectors of a dispute: the request, the receipts, and what each party discloses of the clearing and of the month."""

from typing import Any

from mpc_market.wire.agreement import AgreedSet, Item
from mpc_market.wire.codec import P, Writer
from mpc_market.wire.disclosure import (
    AccountShare,
    Disclosed,
    Disclosure,
    HeldByParty,
    LineShare,
    MonthShares,
    Place,
    ResultShare,
    RoundShares,
)
from mpc_market.wire.dispute import Arbiter, DisputeReceipt, DisputeRequest, dispute_digest, sign_dispute
from mpc_market.wire.identifiers import Period, member
from mpc_market.wire.opening import Terms
from mpc_market.wire.receipt import receipt_for
from mpc_market.wire.verdicts import Verdict
from tests.vectors.wire_basis import (
    GATE,
    METER,
    PARTIES,
    PERIOD,
    SUPPLIER,
    deal,
    drawn,
    make_roll,
    seal,
    sealing,
    shares_of,
    signed,
    signing,
    submit,
)

ARBITER = "ombudsman"
MONTH = Period(f"{PERIOD.market}:closing", PERIOD.start)
DUE = -1234


def dispute(terms: Terms, agreed: AgreedSet, lots: int) -> dict[str, Any]:
    """`lots`: what the meter has sold."""
    public = Arbiter(ARBITER, signing(ARBITER).public, sealing(ARBITER).public)
    request = DisputeRequest(PERIOD.market, METER, 7, public, (PERIOD.start,), MONTH.start)
    data = sign_dispute(request, signing(METER))
    digest = dispute_digest(data)
    return {
        "number": request.number,
        "month": MONTH.start,
        "arbiter": ARBITER,
        "arbiter_identity": public.identity_key.hex(),
        "arbiter_sealing_secret": sealing(ARBITER).secret().hex(),
        "signed": data.hex(),
        "digest": digest.hex(),
        "receipts": [signed(DisputeReceipt(PERIOD, j, digest, GATE + 5000 + j)) for j in range(PARTIES)],
        "accepted": lots,
        "clearing": [_disclosure(PERIOD, j, digest, each) for j, each in enumerate(_round(terms, agreed, lots))],
        "due": DUE,
        "closing": [_disclosure(MONTH, j, digest, each) for j, each in enumerate(_month())],
    }


def _round(terms: Terms, agreed: AgreedSet, lots: int) -> list[RoundShares]:
    submission, index = submit(terms, METER), [item.name for item in agreed.members].index(METER)
    place = Place(agreed.count, index, (agreed.tree().path(index),))
    receipts = [bytes.fromhex(signed(receipt_for(submission.header, j, GATE - 5000 + j))["signed"]) for j in range(3)]
    words = deal([lots, 0, lots], "what an arbiter is shown")
    return [
        RoundShares(
            (HeldByParty(submission.header, submission.signature, share, receipts[j]),),
            ResultShare(1, Verdict.VALID, place, words[j]),
        )
        for j, share in enumerate(shares_of(METER))
    ]


def _month() -> list[MonthShares]:
    members = (Item(member("settlement", str(PERIOD.start)), 1, drawn("set of a settlement")),)
    volumes = deal([0, 40, 0, 5, 0, 800, 0], "volumes of a line")
    return [
        MonthShares(members, (AccountShare(SUPPLIER, 1, 0, due, (LineShare((50, 10, 5, MONTH.start, 0), 1, line),)),))
        for (due,), line in zip(deal([DUE % P], "what is due"), volumes, strict=True)
    ]


def _disclosure(period: Period, party: int, digest: bytes, content: RoundShares | MonthShares) -> dict[str, str]:
    disclosed = Disclosed(0, make_roll().line(METER), content)
    context = period.write(Writer().version()).u8(party).text(METER).fixed(digest, 32)
    text = disclosed.write(context).data()
    box = seal(sealing(ARBITER).public, text, f"disclosure {party} of {period.market}")
    return {**signed(Disclosure(period, party, METER, digest, box)), "text": text.hex()}
