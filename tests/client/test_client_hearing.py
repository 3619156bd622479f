"""What parties say of a round, checked: each check alone (parties.client.hearing)."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest

from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.message import PartyMessage, Signed, sign
from mpc_market.wire.outcome import Outcome, Standing, Void, VoidReason
from parties.client.api import UnreachableError
from parties.client.hearing import ContradictionError, Heard, UntrueError, hear
from tests.wire.wire_round import WireRound, signing_key


@cache
def played() -> WireRound:
    return WireRound()


def openings() -> list[Signed]:
    return [sign(played().openings[j], key) for j, key in enumerate(played().signing)]


def outcomes() -> list[Signed]:
    return [sign(played().outcomes[j], key) for j, key in enumerate(played().signing)]


def by(message: PartyMessage) -> Signed:
    """Signed by the party that it names."""
    return sign(message, signing_key(f"party {message.party}"))


def told(opened: Sequence[Signed] | None = None, ended: Sequence[Signed] | None = None) -> bytes:
    """What a party answers."""
    found = {"openings": openings() if opened is None else opened, "outcomes": outcomes() if ended is None else ended}
    return json.dumps({key: [each.encode().hex() for each in signed] for key, signed in found.items()}).encode()


def heard(*answers: bytes) -> Heard:
    return hear(dict(enumerate(answers)), played().committee, played().period)


def test_one_party_can_tell_what_all_have_signed():
    everything = heard(told())
    assert everything == heard(told(), told(), told())
    assert (everything.terms(), everything.standing, everything.result) == (
        played().terms, Standing.RESULT, played().result
    )  # fmt: skip
    assert everything.unheard == {}
    # and what each tells of itself alone is put together
    assert heard(*(told([a], [b]) for a, b in zip(openings(), outcomes(), strict=True))) == everything


VOID = Void(VoidReason.NOT_COMPUTED)


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("change", ["signature", "signer", "market", "stage", "period", "party"])
@pytest.mark.parametrize("kind", ["opening", "outcome"])
def test_what_a_party_tells_counts_as_a_whole_or_not_at_all(kind, change, place):
    messages = openings() if kind == "opening" else outcomes()
    message = messages[place].message
    start = played().period.start
    messages[place] = {
        "signature": lambda: replace(messages[place], signature=bytes(64)),
        "signer": lambda: sign(message, signing_key("somebody")),
        "market": lambda: by(replace(message, period=Period("elm-street", start))),
        "stage": lambda: by(replace(message, period=Period("oak-street:settlement", start))),
        "period": lambda: by(replace(message, period=Period("oak-street", start + 900))),
        "party": lambda: by(replace(message, party=3)),
    }[change]()
    answer = told(messages) if kind == "opening" else told(None, messages)
    found = heard(answer)
    assert (found.openings, found.outcomes, list(found.unheard)) == ({}, {}, [0])
    assert isinstance(found.unheard[0], UntrueError)
    assert str(found.unheard[0]).startswith("party 0: what it tells of the round does not hold: ")
    # another party that tells the same round truly is heard all the same
    assert heard(answer, told()).result == played().result


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"openings": 3}', b'{"outcomes": ["zz"]}', b'{"openings": ["00"]}'])
def test_what_is_no_document_tells_nothing(answer):
    assert list(heard(told(), answer).unheard) == [1]


def two_of(kind: str) -> tuple[Signed, list[Signed]]:
    """Another message of party 1, and all messages with it."""
    if kind == "opening":
        other = by(replace(played().openings[1], nonce=bytes(32)))
        return other, [openings()[0], other, openings()[2]]
    other = by(Outcome(played().period, 1, VOID))
    return other, [outcomes()[0], other, outcomes()[2]]


@pytest.mark.parametrize("kind", ["opening", "outcome"])
def test_two_different_messages_of_one_party_are_its_fault_whoever_shows_them(kind):
    other, with_other = two_of(kind)
    within = told([*openings()[:2], other]) if kind == "opening" else told(None, [*outcomes()[:2], other])
    between = told(with_other) if kind == "opening" else told(None, with_other)
    for answers in ([within], [told(), between], [between, told()]):
        with pytest.raises(ContradictionError, match=f"party 1 has signed two different messages of the kind '{kind}'"):
            heard(*answers)
    assert heard(between).standing is (Standing.VOID if kind == "outcome" else Standing.RESULT)


def test_the_same_message_twice_is_no_fault():
    assert heard(told([*openings()[:2], openings()[1]])).openings.keys() == {0, 1}


def test_terms_need_the_openings_of_all():
    with pytest.raises(WireError, match="not of all 3"):
        heard(told(openings()[:2])).terms()


def test_openings_with_different_times_are_no_terms():
    later = replace(played().openings[2], deadline=played().openings[2].deadline + 1)
    with pytest.raises(WireError, match="different times"):
        heard(told([*openings()[:2], by(later)])).terms()


def test_who_submits_compares_the_gate_with_the_market_file():
    gate = played().terms.gate
    assert heard(told()).terms(gate) == played().terms
    with pytest.raises(WireError, match="another gate than the market file"):
        heard(told()).terms(gate + 1)


def test_a_void_round_needs_one_signature_and_a_result_those_of_all():
    assert heard(told(None, outcomes()[:2])).standing is Standing.PENDING
    assert heard(told(None, [])).standing is Standing.PENDING
    assert heard(told([], [by(Outcome(played().period, 2, VOID))])).standing is Standing.VOID
    with pytest.raises(WireError, match="pending"):
        _ = heard(told(None, outcomes()[:2])).result


def test_who_gives_no_answer_is_named():
    silent = {1: UnreachableError("party 1: gone")}
    found = hear({0: told()}, played().committee, played().period, silent)
    assert (found.unheard, found.standing) == (silent, Standing.RESULT)
