"""Vectors of the wire formats that must be refused."""

from mpc_market.wire.codec import P
from mpc_market.wire.header import Header
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import sign
from mpc_market.wire.opening import Opening, Terms
from mpc_market.wire.outcome import Outcome, Result
from mpc_market.wire.submission import InputShare, Seal, Submission, sealed_text
from tests.vectors.wire_basis import METER, PERIOD, drawn, seal, shares_of, signing, submit


def bad_submissions(terms: Terms) -> list[dict[str, str]]:
    """Submissions to party 0 that are refused; `error` is the class, `what` the field that is wrong."""
    good = submit(terms, METER)
    header, data, shares = good.header, good.only_for(0).encode(), shares_of(METER)

    def resigned(name: str, error: str, what: str, **changes: object) -> dict[str, str]:
        fields = {field: getattr(header, field) for field in Header.__slots__}
        other = Header(**{**fields, **changes})
        made = Submission(other, signing(METER).sign(other.kind, other.encode()), good.seals[:1])
        return {"name": name, "bytes": made.encode().hex(), "error": error, "what": what}

    def plain(name: str, changed: bytes, error: str) -> dict[str, str]:
        return {"name": name, "bytes": changed.hex(), "error": error, "what": ""}

    def with_box(name: str, text: bytes, error: str = "SealError") -> dict[str, str]:
        box = seal(terms.sealing_keys[0], text, name)
        return plain(name, Submission(header, good.signature, (Seal(0, box),)).encode(), error)

    text = sealed_text(header, 0, shares[0])
    at = data.index(good.signature)
    return [
        plain("bad_version", b"\x02" + data[1:], "WireError"),
        plain("bad_end_missing", data[:-1], "WireError"),
        plain("bad_byte_left_over", data + b"\x00", "WireError"),
        plain("bad_signature", data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], "SignatureError"),
        resigned("bad_market", "ContextError", "market", period=Period("elm-street", PERIOD.start)),
        resigned("bad_period", "ContextError", "period", period=Period(PERIOD.market, PERIOD.start + 900)),
        resigned("bad_challenge", "ContextError", "challenge", challenge=drawn("stale challenge")),
        resigned("bad_orders", "ContextError", "orders", orders=2),
        resigned("bad_parties", "ContextError", "parties", share_digests=header.share_digests + (bytes(32),) * 2),
        resigned("bad_seal_of_another_number", "SealError", "", number=2),
        with_box("bad_seal_for_another_party", sealed_text(header, 1, shares[1])),
        with_box("bad_share_is_another", sealed_text(header, 0, InputShare(shares[0].nonce, shares[1].words))),
        with_box("bad_nonce_is_another", sealed_text(header, 0, InputShare(bytes(32), shares[0].words))),
        with_box("bad_word_is_p", text[:-8] + P.to_bytes(8, "little"), "WireError"),
        with_box("bad_words_too_few", sealed_text(header, 0, InputShare(shares[0].nonce, shares[0].words[:-1]))),
        with_box("bad_seal_ends_early", text[:-8], "WireError"),
    ]


def bad_messages(openings: dict[int, Opening], result: Result) -> list[dict[str, str]]:
    """Messages of parties that do not parse, or do not verify under the key of their party."""
    opening, outcome = openings[0], Outcome(PERIOD, 0, result)
    data, key = sign(opening, signing("party 0")).encode(), signing("party 0")
    as_set, by_another = key.sign("set", outcome.encode()), signing("party 1").sign("opening", opening.encode())
    meter_id = b"\x03\x00a/b"
    slash = b"\x01\x0a\x00oak-street" + bytes(9) + meter_id + (1).to_bytes(8, "little") + bytes(40)
    vectors = [
        ("opening", "bad_version", b"\x00" + data[1:], "WireError"),
        ("opening", "bad_end", data + b"\x00", "WireError"),
        ("opening", "bad_key_of_another_party", opening.encode() + by_another, "SignatureError"),
        ("outcome", "bad_kind_of_signature", outcome.encode() + as_set, "SignatureError"),
        ("outcome", "bad_tag_missing", outcome.encode() + key.sign("", outcome.encode()), "SignatureError"),
        ("outcome", "bad_void_reason", outcome.encode()[:-81] + b"\x02\x00" + bytes(64), "WireError"),
        ("receipt", "bad_meter_with_slash", slash + bytes(64), "WireError"),
    ]  # fmt: skip
    return [{"kind": kind, "name": name, "bytes": data.hex(), "error": error} for kind, name, data, error in vectors]
