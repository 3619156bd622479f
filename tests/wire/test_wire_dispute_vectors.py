"""The vectors of disputes: read by the package, and made by a client that knows docs/wire.md alone."""

import struct

from nacl.bindings import crypto_box_seal_open, crypto_scalarmult_base, crypto_sign, crypto_sign_seed_keypair

from mpc_market.wire.codec import P
from mpc_market.wire.disclosure import Disclosure, open_disclosure
from mpc_market.wire.dispute import DisputeReceipt, check_dispute, dispute_digest, split_dispute
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.sealing import SealingKey
from mpc_market.wire.sharing import recombine
from mpc_market.wire.submission import Submission
from tests.wire.test_wire_vectors import COMMITTEE, METER, V, context, hashed, read, settled, text

D = V["dispute"]


def test_the_package_reads_the_dispute_and_what_is_disclosed():
    data, key = bytes.fromhex(D["signed"]), SealingKey(bytes.fromhex(D["arbiter_sealing_secret"]))
    request, signature = split_dispute(data)
    check_dispute(request, signature, COMMITTEE.market, bytes.fromhex(V["keys"][METER]["signing_public"]))
    assert dispute_digest(data).hex() == D["digest"]
    for vector in D["receipts"]:
        assert read(DisputeReceipt, vector).dispute_digest.hex() == D["digest"]
    header = Submission.decode(bytes.fromhex(V["submission"]["by_party"][0])).header
    shares, results, due = {}, {}, {}
    for j in range(3):
        shown = open_disclosure(read(Disclosure, D["clearing"][j]), key)
        (held,) = shown.content.submissions
        assert (held.header, held.share.digest) == (header, header.share_digests[j])
        shares[j], results[j] = held.share.words, shown.content.result.words
        month = open_disclosure(settled(Disclosure, D["closing"][j], COMMITTEE.at(Stage.CLOSING)), key)
        due[j] = (month.content.accounts[0].due,)
    assert "".join(map(str, recombine(shares, 3))) == V["submission"]["bits"]
    assert recombine(results, 3) == (D["accepted"], 0, D["accepted"])
    assert recombine(due, 3)[0] - P == D["due"]


def test_client_makes_the_dispute_and_opens_a_disclosure():
    arbiter = bytes.fromhex(D["arbiter_identity"]) + crypto_scalarmult_base(bytes.fromhex(D["arbiter_sealing_secret"]))
    start = struct.pack("<Q", V["market"]["start"])
    body = b"\x01" + text(V["market"]["id"]) + text(METER) + struct.pack("<Q", D["number"]) + text(D["arbiter"])
    body += arbiter + b"\x01\x00" + start + b"\x01" + struct.pack("<Q", D["month"])
    _, key = crypto_sign_seed_keypair(bytes.fromhex(V["keys"][METER]["signing_seed"]))
    signature = crypto_sign(b"mpc-market dispute\x00" + body, key)[:64]
    assert (body + signature).hex() == D["signed"]
    assert hashed("dispute", body, signature).hex() == D["digest"]
    for j, vector in enumerate(D["clearing"]):
        plain = bytes.fromhex(vector["text"])
        head = context() + bytes([j]) + text(METER) + bytes.fromhex(D["digest"])
        assert plain.startswith(head + struct.pack("<IQ", 0, 7))
        assert text(METER) + bytes.fromhex(V["keys"][METER]["signing_public"]) in plain
        assert text("green") + text("north") + struct.pack("<I", 17_250) in plain
        box = Disclosure.decode(bytes.fromhex(vector["message"])).box
        secret_ = bytes.fromhex(D["arbiter_sealing_secret"])
        assert crypto_box_seal_open(box, crypto_scalarmult_base(secret_), secret_) == plain
