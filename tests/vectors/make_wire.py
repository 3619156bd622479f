"""Make the vectors of the wire formats anew: one worked round, and messages that must be refused.

    python -m tests.vectors.make_wire [FILE]            in the root of the repository

Everything follows from names: keys, nonces, polynomials, and the one-time keys of sealed boxes, which `seal` draws at
random. So a vendor can compare every byte, and the file changes only if a format does. docs/wire.md explains it.
Bytes are hex; a list of share words is the hex of its bytes, 8 for each word, little-endian.
"""

import json
import sys
from pathlib import Path
from typing import Any

from mpc_market.rules.clearing import clear
from mpc_market.rules.model import Side
from mpc_market.rules.ticket import ticket
from mpc_market.wire.agreement import AgreedSet, Held, Item, SetSignature, agree
from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.codec import words_bytes
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.digest import digest
from mpc_market.wire.enrolment import EnrolRequest
from mpc_market.wire.identifiers import order_id
from mpc_market.wire.layout import order_bits
from mpc_market.wire.merkle import leaf
from mpc_market.wire.message import sign
from mpc_market.wire.opening import Opening, Terms, terms_of
from mpc_market.wire.outcome import Outcome, Result, Void, VoidReason
from mpc_market.wire.part_share import PartShare, RevealedShares
from mpc_market.wire.randomness import Randomness, Reveal, randomness
from mpc_market.wire.receipt import receipt_for
from mpc_market.wire.record import GENESIS, Record, SetFacts
from mpc_market.wire.roll import Roll, sign_roll
from mpc_market.wire.showing import ShownHeaders, SignedHeader
from mpc_market.wire.signing import signed_bytes
from mpc_market.wire.submission import sealed_text
from mpc_market.wire.totals import Totals
from mpc_market.wire.verdicts import Verdict, Verdicts, verdict_counts
from tests.vectors.wire_bad import bad_messages, bad_submissions
from tests.vectors.wire_basis import (
    BOOK,
    GATE,
    MARKET,
    MAXIMUM,
    METER,
    PARTIES,
    PERIOD,
    SUPPLIER,
    deal,
    drawn,
    keys_of,
    make_openings,
    make_roll,
    orders_of,
    seal,
    sealing,
    shares_of,
    signed,
    signing,
    submit,
)
from tests.vectors.wire_disputes import dispute
from tests.vectors.wire_settling import settling

WIRE = Path(__file__).with_name("wire.json")
PARTS = tuple(drawn(f"part {j}") for j in range(PARTIES))


def submission_vector(terms: Terms) -> dict[str, Any]:
    side, price, quantity = BOOK[METER]
    made, shares = submit(terms, METER), shares_of(METER)
    return {
        "meter": METER,
        "number": 1,
        "order": {"side": side.value, "price": price, "quantity": quantity, "maximum": MAXIMUM},
        "bits": "".join(map(str, order_bits(orders_of(METER), METER, MARKET, MAXIMUM))),
        "shares": [
            {
                "nonce": share.nonce.hex(),
                "words": words_bytes(share.words).hex(),
                "digest": share.digest.hex(),
                "sealed_text": sealed_text(made.header, j, share).hex(),
                "box": (made.box(j) or b"").hex(),
                "one_time_secret": drawn(f"one-time key of seal {j} of {METER}").hex(),
            }
            for j, share in enumerate(shares)
        ],
        "header": made.header.encode().hex(),
        "header_digest": made.header.digest.hex(),
        "signed_bytes": signed_bytes(made.header.kind, made.header.encode()).hex(),
        "signature": made.signature.hex(),
        "all_seals": made.encode().hex(),
        "by_party": [made.only_for(j).encode().hex() for j in range(PARTIES)],
        "receipts": [signed(receipt_for(made.header, j, GATE - 5000 + j)) for j in range(PARTIES)],
    }


def make_deliveries(
    agreed: AgreedSet, accepted: dict[str, tuple[int, ...]], name: str = "delivery"
) -> dict[int, Delivery]:
    """The deliveries to the worked meter, as `delivery.deliveries` makes them, with deterministic boxes."""
    place = [item.name for item in agreed.members].index(METER)
    dealt = deal(list(accepted[METER]), f"{name} to {METER}")
    made = {}
    for j in range(PARTIES):
        bare = Delivery(PERIOD, j, METER, 1, 0, Verdict.VALID, agreed.count, place, (agreed.tree().path(place),), b"x")
        text = b"".join(
            (
                b"\x01",
                len(PERIOD.market).to_bytes(2, "little") + PERIOD.market.encode(),
                PERIOD.start.to_bytes(8, "little"),
                len(METER).to_bytes(2, "little") + METER.encode(),
                (1).to_bytes(8, "little") + (0).to_bytes(4, "little") + bytes([j]),
                (1).to_bytes(2, "little") + words_bytes(dealt[j]),
            )
        )
        box = seal(sealing(METER).public, text, f"{name} {j} to {METER}")
        made[j] = Delivery(*(getattr(bare, field) for field in Delivery.__slots__[:-1]), box)
    return made


def totals_vector(bought: int, sold: int) -> list[dict[str, str]]:
    """Totals over the three users, as `totals.make_totals` makes them."""
    vector = []
    for j, share in enumerate(deal([bought, sold], f"totals of {SUPPLIER}")):
        text = b"".join(
            (
                b"\x01",
                len(PERIOD.market).to_bytes(2, "little") + PERIOD.market.encode(),
                PERIOD.start.to_bytes(8, "little"),
                len(SUPPLIER).to_bytes(2, "little") + SUPPLIER.encode(),
                (0).to_bytes(4, "little") + len(BOOK).to_bytes(4, "little") + bytes([j]) + words_bytes(share),
            )
        )
        box = seal(sealing(SUPPLIER).public, text, f"totals {j}")
        vector.append(signed(Totals(PERIOD, j, SUPPLIER, 0, len(BOOK), box)))
    return vector


# --- all of it --------------------------------------------------------------------------------------------


def make() -> dict[str, Any]:
    """The whole file."""
    roll = make_roll()
    openings = make_openings(roll)
    terms = terms_of(openings, PARTIES)
    items = tuple(Item(meter, 1, submit(terms, meter).header.digest) for meter in sorted(BOOK, key=str.encode))
    mine = submit(terms, METER)
    held = {j: Held(PERIOD, j, terms.challenge, items) for j in range(PARTIES)}
    agreed = agree(held, terms, 1)
    seeds = randomness(agreed.digest(), PARTS, terms)
    verdicts = Verdicts(PERIOD, 0, agreed.digest(), (Verdict.VALID,) * len(items))
    price, accepted = cleared(agreed, seeds.ticket_seed)
    result = Result(agreed.digest(), verdicts.digest, verdict_counts(verdicts.codes), price + 1)
    return {
        **setting(roll),
        "openings": [signed(opening) for opening in openings.values()],
        "terms": {"challenge": terms.challenge.hex(), "gate": terms.gate, "deadline": terms.deadline},
        "submission": submission_vector(terms),
        "part_shares": part_share_vectors(terms),
        "held": signed(held[0]),
        "shown_headers": signed(ShownHeaders(PERIOD, 0, (SignedHeader(mine.header, mine.signature),))),
        "set": set_vector(agreed),
        "reveals": [signed(Reveal(PERIOD, j, agreed.digest(), part)) for j, part in enumerate(PARTS)],
        "randomness": seeds_vector(seeds, agreed),
        "verdicts": {**signed(verdicts), "digest": verdicts.digest.hex()},
        "outcomes": [signed(Outcome(PERIOD, j, result)) for j in range(PARTIES)],
        "void": signed(Outcome(PERIOD, 1, Void(VoidReason.NOT_COMPUTED))),
        **result_vectors(terms, agreed, price, accepted),
        "claim": make_claim(terms, 1, Claimant.METER, METER, signing(METER)).hex(),
        **record_vector(openings, agreed, result),
        "settling": settling(roll, submit(terms, METER)),
        "dispute": dispute(terms, agreed, accepted[METER][0]),
        "bad_submissions": bad_submissions(terms),
        "bad_messages": bad_messages(openings, result),
    }


def cleared(agreed: AgreedSet, ticket_seed: bytes) -> tuple[int, dict[str, tuple[int, ...]]]:
    """The price in ticks, and the accepted quantity of each meter's one order, by the plaintext rule."""
    clearing = clear([orders_of(item.name)[0] for item in agreed.members], MARKET, ticket_seed)
    assert clearing.price is not None
    accepted = {item.name: (lots,) for item, lots in zip(agreed.members, clearing.accepted, strict=True)}
    return clearing.price, accepted


def seeds_vector(seeds: Randomness, agreed: AgreedSet) -> dict[str, Any]:
    return {
        "value": seeds.value.hex(),
        "ticket_seed": seeds.ticket_seed.hex(),
        "check_seed": seeds.check_seed.hex(),
        "tickets": {order: ticket(seeds.ticket_seed, order).hex() for order in agreed.order_ids},
    }


def result_vectors(terms: Terms, agreed: AgreedSet, price: int, accepted: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """What is delivered, and what meter and supplier are to make of it."""
    traded = [
        sum(lots[0] for meter, lots in accepted.items() if BOOK[meter][0] is side) for side in (Side.BUY, Side.SELL)
    ]
    return {
        "price": price,
        "deliveries": [signed(delivery) for delivery in make_deliveries(agreed, accepted).values()],
        "accepted": accepted[METER][0],
        "bad_delivery": signed(make_deliveries(agreed, accepted, "bad delivery")[1]),
        "totals": totals_vector(*traded),
        "bought_and_sold": traded,
    }


def record_vector(openings: dict[int, Opening], agreed: AgreedSet, result: Result) -> dict[str, str]:
    """The record of the round, the first of its chain."""
    keys = [signing(f"party {j}") for j in range(PARTIES)]
    signatures = tuple(sign(SetSignature(PERIOD, j, agreed.digest()), key) for j, key in enumerate(keys))
    record = Record(
        period=PERIOD,
        sequence=0,
        previous=GENESIS,
        openings=tuple(sign(openings[j], key) for j, key in enumerate(keys)),
        agreed=SetFacts(agreed.digest(), agreed.count, agreed.tree().root, signatures),
        parts=PARTS,
        outcomes=tuple(sign(Outcome(PERIOD, j, result), key) for j, key in enumerate(keys)),
    )
    return {"record": record.encode().decode("ascii"), "record_digest": record.digest.hex()}


def setting(roll: Roll) -> dict[str, Any]:
    """What is there before the round."""
    names = [*(f"party {j}" for j in range(PARTIES)), "registrar", METER, SUPPLIER]
    request = EnrolRequest(PERIOD.market, METER, signing(METER).public, sealing(METER).public)
    return {
        "about": "docs/wire.md; made by tests/vectors/make_wire.py",
        "digests": [
            {"tag": tag, "parts": [part.hex() for part in parts], "digest": digest(tag, *parts).hex()}
            for tag, parts in (("test", ()), ("test", (b"",)), ("test", (b"ab", b"c")), ("test", (b"a", b"bc")))
        ],
        "keys": {name: keys_of(name) for name in names},
        "market": {"id": PERIOD.market, "start": PERIOD.start, "price_bits": 12, "quantity_bits": 16, "orders": 1},
        "enrol_request": request.sign(signing(METER)).hex(),
        "roll": {"signed": sign_roll(roll, signing("registrar")).hex(), "digest": roll.digest.hex()},
    }


def set_vector(agreed: AgreedSet) -> dict[str, Any]:
    """The agreed set with its tree."""
    return {
        "orders": [
            {
                "order_id": order_id(item.name, 0),
                "header_digest": item.digest.hex(),
                "leaf": leaf(order_id(item.name, 0), item.digest).hex(),
                "path": [step.hex() for step in agreed.tree().path(i)],
            }
            for i, item in enumerate(agreed.members)
        ],
        "merkle_root": agreed.tree().root.hex(),
        "digest": agreed.digest().hex(),
        "signatures": [signed(SetSignature(PERIOD, j, agreed.digest())) for j in range(PARTIES)],
    }


def part_share_vectors(terms: Terms) -> dict[str, Any]:
    """Party 0's part: 5 words of 52 bits, shared, sealed to party 1, and what parties 1 and 2 reveal."""
    number = int.from_bytes(drawn("part 0"), "little")
    shares = deal([number >> 52 * k & (2**52 - 1) for k in range(5)], "part 0")
    text = b"".join(
        (
            b"\x01",
            len(PERIOD.market).to_bytes(2, "little") + PERIOD.market.encode() + PERIOD.start.to_bytes(8, "little"),
            bytes([0, 1]) + terms.challenge + words_bytes(shares[1]),
        )
    )
    box = seal(terms.sealing_keys[1], text, "part share 0 to 1")
    return {
        "part": drawn("part 0").hex(),
        "words": [words_bytes(share).hex() for share in shares],
        "to_party_1": signed(PartShare(PERIOD, 0, 1, terms.challenge, box)),
        "revealed": [signed(RevealedShares(PERIOD, j, terms.challenge, ((0, shares[j]),))) for j in (1, 2)],
    }


def text_of(vectors: dict[str, Any]) -> str:
    return json.dumps(vectors, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else WIRE
    target.write_text(text_of(make()), encoding="utf-8", newline="\n")
