"""The evidence of a user in a dispute, well-formed: something to be spoilt."""

from mpc_market.wire.layout import Reading
from mpc_market.wire.message import sign
from mpc_market.wire.receipt import receipt_for
from mpc_market.wire.submission import open_seal
from parties.files.disputes import DisputeFile, OwnSubmission
from tests.wire import test_wire_fuzz as wire


def dispute() -> DisputeFile:
    submission, market = wire.PLAYED.submissions[0], wire.PLAYED.settings
    shares = [open_seal(submission.box(j) or b"", wire.KEYS[j], submission.header, j, market) for j in range(3)]
    receipts = tuple(sign(receipt_for(submission.header, j, 5), wire.PLAYED.signing[j]) for j in range(3))
    own = OwnSubmission(
        submission.header, submission.signature, tuple(shares), receipts, wire.PLAYED.book[0], Reading(1, 2)
    )
    return DisputeFile(wire.DISPUTE, bytes(32), (), (own,))
