"""Vectors of what follows delivery: a reading, a tariff, a sheet; and readings and orders in each other's place."""

from typing import Any

from mpc_market.wire.claim import Claimant
from mpc_market.wire.codec import P, words_bytes
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Period, member
from mpc_market.wire.layout import Reading, reading_bits
from mpc_market.wire.opening import Opening, Terms, commitment, terms_of
from mpc_market.wire.receipt import receipt_for
from mpc_market.wire.roll import Roll
from mpc_market.wire.sheet import Content, Row, Sheet, Title, key_fact
from mpc_market.wire.submission import InputShare, Seal, Submission, sealed_text
from mpc_market.wire.tariff import Tariff, sign_tariff
from tests.vectors.wire_basis import (
    MARKET,
    MAXIMUM,
    METER,
    PARTIES,
    PERIOD,
    SUPPLIER,
    deal,
    drawn,
    seal,
    sealing,
    signed,
    signing,
)

SETTLED = Period(f"{PERIOD.market}:settlement", PERIOD.start)
MEASURED = Reading(imported=2150, exported=0)
DUE = -1234


def settling(roll: Roll, order: Submission) -> dict[str, Any]:
    """Everything; `order`: the submission of the same meter to the clearing."""
    openings = _openings(roll)
    terms = terms_of(openings, PARTIES)
    made, shares = _submit(terms)
    return {
        "openings": [signed(opening) for opening in openings.values()],
        "challenge": terms.challenge.hex(),
        "reading": {
            "meter": METER,
            "number": 1,
            "import": MEASURED.imported,
            "export": MEASURED.exported,
            "maximum": MAXIMUM,
            "bits": "".join(map(str, reading_bits(MEASURED, METER, MARKET, MAXIMUM))),
            "shares": [{"nonce": share.nonce.hex(), "words": words_bytes(share.words).hex()} for share in shares],
            "sealed_texts": [sealed_text(made.header, j, share).hex() for j, share in enumerate(shares)],
            "header": made.header.encode().hex(),
            "header_digest": made.header.digest.hex(),
            "signature": made.signature.hex(),
            "by_party": [made.only_for(j).encode().hex() for j in range(PARTIES)],
            "receipts": [signed(receipt_for(made.header, j, openings[0].gate - 5000)) for j in range(PARTIES)],
        },
        "bad_readings": _bad_readings(terms, made, order),
        "tariff": _tariff_vector(),
        "sheet": _sheet_vector(),
    }


def _openings(roll: Roll) -> dict[int, Opening]:
    gate = (SETTLED.start + 900 + 6 * 3600) * 1000
    return {
        j: Opening(
            SETTLED,
            j,
            gate,
            gate + 86_400_000,
            roll.version,
            roll.digest,
            sealing(f"party {j}").public,
            drawn(f"nonce of settlement {j}"),
            commitment(SETTLED, j, drawn(f"settlement part {j}")),
        )
        for j in range(PARTIES)
    }


def _submit(terms: Terms) -> tuple[Submission, list[InputShare]]:
    dealt = deal(reading_bits(MEASURED, METER, MARKET, MAXIMUM), f"reading of {METER}")
    shares = [InputShare(drawn(f"nonce {j} of the reading of {METER}"), words) for j, words in enumerate(dealt)]
    header = Header(SETTLED, METER, 1, terms.challenge, 1, tuple(share.digest for share in shares))
    seals = tuple(
        Seal(j, seal(terms.sealing_keys[j], sealed_text(header, j, share), f"seal {j} of the reading"))
        for j, share in enumerate(shares)
    )
    return Submission(header, signing(METER).sign("reading", header.encode()), seals), shares


def _bad_readings(terms: Terms, good: Submission, order: Submission) -> list[dict[str, str]]:
    """Readings to party 0 that are refused."""
    as_order = signing(METER).sign("submission", good.header.encode())
    renamed = Header(SETTLED, METER, 1, terms.challenge, 1, order.header.share_digests)
    replayed = Submission(renamed, signing(METER).sign("reading", renamed.encode()), order.seals[:1])
    correction = Header(
        Period(f"{PERIOD.market}:correction", PERIOD.start), METER, 1, terms.challenge, 1, good.header.share_digests
    )
    elsewhere = Submission(correction, signing(METER).sign("reading", correction.encode()), good.seals[:1])
    vectors = [
        ("bad_an_order", order.only_for(0), "ContextError", "market"),
        ("bad_signed_as_an_order", Submission(good.header, as_order, good.seals[:1]), "SignatureError", ""),
        ("bad_seal_of_an_order", replayed, "SealError", ""),
        ("bad_for_the_correction", elsewhere, "ContextError", "market"),
    ]
    fields = ("name", "bytes", "error", "what")
    return [dict(zip(fields, (name, made.encode().hex(), *why), strict=True)) for name, made, *why in vectors]


def _tariff_vector() -> dict[str, Any]:
    tariff = Tariff(PERIOD.market, SUPPLIER, 3, PERIOD.start - 900, PERIOD.start + 900, 2000, 400, 300)
    return {
        "number": 3,
        "retail": 2000,
        "feed_in": 400,
        "fee": 300,
        "signed": sign_tariff(tariff, signing(SUPPLIER)).hex(),
        "digest": tariff.digest.hex(),
    }


def _row() -> Row:
    """2,970 periods in time; of the month before two corrected, which are two entries each, and one estimated."""
    return Row(member("meter", METER), 2975, (2970, 3, 1, key_fact(signing(METER).public)))


def _sheet_vector() -> dict[str, Any]:
    """What a supplier gets of a month: one customer's amount, a negative one."""
    closing = Period(f"{PERIOD.market}:closing", PERIOD.start)
    title = Title(Claimant.SUPPLIER, SUPPLIER, Content.AMOUNTS, 1, 1, (_row(),))
    reader = b"\x02" + len(SUPPLIER).to_bytes(2, "little") + SUPPLIER.encode()
    head = reader + b"\x03" + (1).to_bytes(4, "little") + b"\x01"
    sheets = []
    for j, share in enumerate(deal([DUE % P], "amount")):
        text = b"".join(
            (
                b"\x01",
                len(closing.market).to_bytes(2, "little") + closing.market.encode(),
                closing.start.to_bytes(8, "little"),
                head + bytes([j]) + (1).to_bytes(4, "little") + words_bytes(share),
            )
        )
        sheets.append(signed(Sheet(closing, j, title, seal(sealing(SUPPLIER).public, text, f"sheet {j}"))))
    return {"sheets": sheets, "amount": DUE}
