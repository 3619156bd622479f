"""Nothing secret in a `repr`: distinctive prices, quantities, shares and keys are planted, and looked for."""

from mpc_market.rules.model import Side
from mpc_market.wire.part_share import RevealedShares, deal_part_shares, open_part_share
from mpc_market.wire.reception import receive
from mpc_market.wire.sharing import deal
from mpc_market.wire.submission import InputShare, open_seal
from mpc_market.wire.totals import receive_totals
from tests.wire.wire_round import SUPPLIER, WireRound, sealing_key, signing_key


def all_of(played: WireRound) -> list[object]:
    """One object of every dataclass that holds a secret, and of what holds those."""
    header, key = played.submissions[0].header, sealing_key("meter-0")
    delivered, totals = played.delivered()[0], played.totals(4321, 4322)
    share = open_seal(played.submissions[0].box(0) or b"", played.sealing[0], header, 0, played.settings)
    part_share = deal_part_shares(played.parts[0], 0, played.terms)[1]
    words = open_part_share(part_share, 1, played.sealing[1], played.terms)
    return [
        played.submissions[0],
        share,
        part_share,
        RevealedShares(played.period, 1, played.terms.challenge, ((0, words),)),
        played.reveals[0],
        delivered[0],
        totals[0],
        receive(header, played.book[0], delivered, played.result, played.terms, key),
        receive_totals(SUPPLIER, totals, played.result, played.terms, sealing_key(SUPPLIER), played.settings, 1),
        played.roll,
        played.agreed,
        played.held[0],
        signing_key("meter-0"),
        key,
    ]


def secrets_of(played: WireRound) -> list[str]:
    header = played.submissions[0].header
    shares = [
        open_seal(played.submissions[0].box(j) or b"", played.sealing[j], header, j, played.settings) for j in range(3)
    ]
    words = [str(word) for share in shares for word in share.words]
    blobs = [played.parts[0], signing_key("meter-0").seed(), sealing_key("meter-0").secret()]
    blobs += [share.nonce for share in shares]
    return ["3456", "4321", "4322", *words, *(blob.hex() for blob in blobs), *(repr(blob)[2:-1] for blob in blobs)]


def test_no_repr_shows_a_secret():
    played = WireRound([[(Side.SELL, 5, 3456)], [(Side.BUY, 9, 3456)], [(Side.SELL, 0, 0)], [(Side.SELL, 0, 0)]])
    assert played.accepted[0] == (3456,)
    planted = secrets_of(played)
    for thing in all_of(played):
        text = repr(thing)
        assert [secret for secret in planted if secret in text] == [], type(thing).__name__


def test_the_search_would_find_one():
    share = InputShare(bytes(32), deal([3456], 3)[0])
    assert str(share.words[0]) not in repr(share)
    assert str(share.words[0]) in repr((share.nonce, share.words))
