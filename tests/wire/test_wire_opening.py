"""Openings and terms; the parts of the randomness: committed, shared, revealed or rebuilt, never another."""

from dataclasses import replace

import pytest

from mpc_market.wire.codec import P
from mpc_market.wire.digest import digest
from mpc_market.wire.errors import ContextError, SealError, WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.opening import commitment, terms_of
from mpc_market.wire.part_share import PartShare, RevealedShares, deal_part_shares, open_part_share, rebuild
from mpc_market.wire.randomness import check_reveal, randomness
from mpc_market.wire.sealing import seal
from mpc_market.wire.sharing import deal_part
from tests.wire.wire_round import MARKET, START, WireRound


@pytest.fixture(scope="module", params=[3, 5, 7])
def played(request) -> WireRound:
    return WireRound(parties=request.param)


def revealed_by_all(played: WireRound) -> dict[int, RevealedShares]:
    """The shares of all dealers' parts, opened by their holders and revealed."""
    sent = [deal_part_shares(played.parts[dealer], dealer, played.terms) for dealer in range(played.parties)]
    return {
        holder: RevealedShares(
            played.period,
            holder,
            played.terms.challenge,
            tuple(
                (dealer, open_part_share(sent[dealer][holder], holder, played.sealing[holder], played.terms))
                for dealer in range(played.parties)
                if dealer != holder
            ),
        )
        for holder in range(played.parties)
    }


# --- terms ------------------------------------------------------------------------------------------------


def test_the_terms_follow_from_all_openings(played):
    terms = played.terms
    assert terms.parties == played.parties
    assert terms.sealing_keys == tuple(key.public for key in played.sealing)
    assert terms.challenge == digest("challenge", *(played.openings[j].encode() for j in range(played.parties)))
    assert (terms.roll_version, terms.roll_digest) == (played.roll.version, played.roll.digest)


def test_the_challenge_changes_with_every_nonce(played):
    for party, opening in played.openings.items():
        other = terms_of({**played.openings, party: replace(opening, nonce=bytes(32))}, played.parties)
        assert other.challenge != played.terms.challenge


def test_the_lowest_roll_counts(played):
    older = replace(played.openings[1], roll_version=3, roll_digest=b"\x03" * 32)
    terms = terms_of({**played.openings, 1: older}, played.parties)
    assert (terms.roll_version, terms.roll_digest) == (3, b"\x03" * 32)


def test_bad_openings_do_not_make_terms(played):
    openings, m = played.openings, played.parties
    for change in ({"gate": openings[1].gate - 1}, {"deadline": openings[1].deadline + 1}):
        with pytest.raises(WireError, match="parties 0 and 1 opened it with different times"):
            terms_of({**openings, 1: replace(openings[1], **change)}, m)
    with pytest.raises(WireError, match="different rolls of version 7"):
        terms_of({**openings, 1: replace(openings[1], roll_digest=bytes(32))}, m)
    with pytest.raises(WireError, match="not of all"):
        terms_of({j: opening for j, opening in openings.items() if j}, m)
    with pytest.raises(ContextError):
        terms_of({**openings, 1: replace(openings[1], period=Period(MARKET, START + 900))}, m)


@pytest.mark.parametrize(
    "change",
    [
        {"gate": -1},
        {"gate": 2**50 - 1},
        {"deadline": 2**50},
        {"roll_version": -1},
        {"sealing_key": b""},
        {"sealing_key": bytes(32)},
        {"party": 7},
    ],
)
def test_bad_openings(played, change):
    with pytest.raises(WireError):
        replace(played.openings[0], **change)


# --- commitments and parts --------------------------------------------------------------------------------


def test_a_commitment_is_bound_to_round_party_and_part():
    part, period = bytes(32), Period(MARKET, START)
    seen = {
        commitment(period, 0, part),
        commitment(period, 1, part),
        commitment(period, 0, b"\x01" * 32),
        commitment(Period(MARKET, START + 1), 0, part),
        commitment(Period("elm-street", START), 0, part),
    }
    assert len(seen) == 5
    with pytest.raises(WireError, match="32 bytes, not 31"):
        commitment(period, 0, bytes(31))


def test_a_withheld_part_is_rebuilt_by_any_t_plus_1_others(played):
    revealed = revealed_by_all(played)
    for dealer in range(played.parties):
        others = [j for j in range(played.parties) if j != dealer]
        for start in range(len(others)):
            chosen = [others[(start + i) % len(others)] for i in range((played.parties + 1) // 2)]
            assert rebuild(dealer, {j: revealed[j] for j in chosen}, played.terms) == played.parts[dealer]


def test_t_holders_cannot_rebuild(played):
    revealed = revealed_by_all(played)
    few = {j: revealed[j] for j in range(1, 1 + (played.parties - 1) // 2)}
    with pytest.raises(WireError, match="the part of party 0 cannot be rebuilt"):
        rebuild(0, few, played.terms)


def test_wrong_shares_do_not_stop_the_others(played):
    """With m ≥ 5 there are more holders than needed: a liar among them, or one of another round, changes nothing."""
    revealed = revealed_by_all(played)
    liar = revealed[1]
    wrong = replace(liar, shares=tuple((dealer, (1, 2, 3, 4, P - 1)) for dealer, _ in liar.shares))
    stale = replace(liar, challenge=bytes(32))
    for bad in (wrong, stale):
        held = {**{j: message for j, message in revealed.items() if j != 0}, 1: bad}
        if played.parties == 3:
            with pytest.raises(WireError, match="cannot be rebuilt"):
                rebuild(0, held, played.terms)
        else:
            assert rebuild(0, held, played.terms) == played.parts[0]


def test_what_was_not_committed_to_is_not_rebuilt(played):
    shares = deal_part(b"\x07" * 32, played.parties)
    revealed = {
        j: RevealedShares(played.period, j, played.terms.challenge, ((0, shares[j]),)) for j in range(1, played.parties)
    }
    with pytest.raises(WireError, match="cannot be rebuilt"):
        rebuild(0, revealed, played.terms)


def test_bad_part_shares_are_refused(played):
    terms = played.terms
    share = deal_part_shares(played.parts[0], 0, terms)[1]
    assert PartShare.decode(share.encode()) == share
    for what, bad in (
        ("period", replace(share, period=Period(MARKET, START + 1))),
        ("party", replace(share, holder=2)),
        ("challenge", replace(share, challenge=bytes(32))),
    ):
        with pytest.raises(ContextError) as caught:
            open_part_share(bad, 1, played.sealing[1], terms)
        assert caught.value.what == what
    # passed off as another dealer's, sealed to another holder, or holding something else
    with pytest.raises(SealError, match="another round or party"):
        open_part_share(replace(share, party=2), 1, played.sealing[1], terms)
    with pytest.raises(SealError, match="does not open"):
        open_part_share(replace(share, holder=2), 2, played.sealing[2], terms)
    plaintext = played.sealing[1].open(share.box)
    for text in (plaintext[:-1], plaintext + b"\x00", plaintext[:-8] + P.to_bytes(8, "little"), b""):
        with pytest.raises(WireError):
            open_part_share(replace(share, box=seal(played.sealing[1].public, text)), 1, played.sealing[1], terms)


@pytest.mark.parametrize(
    "shares",
    [((1, (0,) * 5),), ((0, (0,) * 4),), ((0, (P, 0, 0, 0, 0)),), ((2, (0,) * 5), (0, (0,) * 5)), ((7, (0,) * 5),)],
)
def test_bad_revealed_shares(shares):
    with pytest.raises(WireError):
        RevealedShares(Period(MARKET, START), 1, bytes(32), shares)


def test_bad_parts_are_refused(played):
    set_digest = played.agreed.digest()
    reveal = played.reveals[1]
    assert check_reveal(reveal, set_digest, played.terms) == played.parts[1]
    with pytest.raises(WireError, match="a part of party 1 that it has not committed to"):
        check_reveal(replace(reveal, part=bytes(32)), set_digest, played.terms)
    with pytest.raises(WireError, match="not committed"):
        check_reveal(replace(reveal, party=0), set_digest, played.terms)
    for what, bad in (("set", {"set_digest": bytes(32)}), ("period", {"period": Period(MARKET, START + 1)})):
        with pytest.raises(ContextError) as caught:
            check_reveal(replace(reveal, **bad), set_digest, played.terms)
        assert caught.value.what == what


def test_the_randomness_depends_on_the_set_and_on_every_part(played):
    set_digest, terms = played.agreed.digest(), played.terms
    drawn = randomness(set_digest, played.parts, terms)
    assert drawn.value == digest("randomness", set_digest, *played.parts)
    assert (
        len({drawn.value, drawn.ticket_seed, drawn.check_seed, randomness(bytes(32), played.parts, terms).value}) == 4
    )
    for party in range(played.parties):
        with pytest.raises(WireError, match=f"a part of party {party} that"):
            randomness(set_digest, [*played.parts[:party], bytes(32), *played.parts[party + 1 :]], terms)
    with pytest.raises(WireError, match="parts of the randomness, not"):
        randomness(set_digest, played.parts[1:], terms)
