"""Result, void or pending: what everyone concludes from the same signatures, and that it is final."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.wire.errors import ContextError, WireError
from mpc_market.wire.identifiers import Period
from mpc_market.wire.outcome import Outcome, Result, Standing, Void, VoidReason, result_of, standing
from tests.wire.wire_round import MARKET, START

PERIOD = Period(MARKET, START)
RESULT = Result(bytes(32), bytes(32), (3, 1, 0), 12)
OTHER = replace(RESULT, price_word=13)
VOID = Void(VoidReason.NOT_COMPUTED)


def outcomes(*contents: Result | Void | None) -> dict[int, Outcome]:
    return {j: Outcome(PERIOD, j, content) for j, content in enumerate(contents) if content is not None}


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ((), Standing.PENDING),
        ((RESULT,), Standing.PENDING),
        ((RESULT, None, RESULT), Standing.PENDING),
        ((RESULT, RESULT, RESULT), Standing.RESULT),
        ((None, None, VOID), Standing.VOID),
        ((RESULT, RESULT, VOID), Standing.VOID),
        ((VOID, Void(VoidReason.NO_SET), VOID), Standing.VOID),
        ((RESULT, OTHER), Standing.VOID),
        ((RESULT, RESULT, replace(RESULT, set_digest=b"\x01" * 32)), Standing.VOID),
        ((RESULT, RESULT, replace(RESULT, verdicts_digest=b"\x01" * 32)), Standing.VOID),
        ((RESULT, RESULT, replace(RESULT, verdict_counts=(4, 0, 0))), Standing.VOID),
    ],
)
def test_where_a_round_stands(contents, expected):
    assert standing(outcomes(*contents), 3) is expected
    if expected is Standing.RESULT:
        assert result_of(outcomes(*contents), 3) == RESULT
    else:
        with pytest.raises(WireError, match=f"the round is {expected.value}"):
            result_of(outcomes(*contents), 3)


CONTENTS = st.sampled_from([RESULT, OTHER, VOID, Void(VoidReason.NO_SET)])


@given(st.sampled_from([3, 5, 7]), st.data())
def test_what_is_final_stays(parties, data):
    """Whatever comes later, result and void do not change: two who see different signatures never differ for good."""
    everything = outcomes(*(data.draw(CONTENTS) for _ in range(parties)))
    sequence = data.draw(st.permutations(range(parties)))
    stands = [standing({j: everything[j] for j in sequence[:seen]}, parties) for seen in range(parties + 1)]
    for before, after in pairwise(stands):
        assert before in (Standing.PENDING, after)
    assert stands[-1] is not Standing.PENDING


def test_bad_outcomes_are_not_counted():
    with pytest.raises(ContextError):
        standing({0: Outcome(PERIOD, 1, RESULT)}, 3)
    with pytest.raises(ContextError):
        standing({0: Outcome(PERIOD, 0, RESULT), 1: Outcome(Period(MARKET, START + 1), 1, RESULT)}, 3)
    with pytest.raises(WireError):
        standing({5: Outcome(PERIOD, 5, VOID)}, 3)


@pytest.mark.parametrize("content", [RESULT, replace(RESULT, price_word=0), replace(RESULT, price_word=2**20), VOID])
def test_an_outcome_reads_what_it_wrote(content):
    outcome = Outcome(PERIOD, 2, content)
    assert Outcome.decode(outcome.encode()) == outcome


def test_the_price_word_zero_means_no_trade():
    assert [replace(RESULT, price_word=word).price for word in (0, 1, 4096)] == [None, 0, 4095]


@pytest.mark.parametrize("word", [-1, 2**20 + 1, True])
def test_bad_price_word(word):
    with pytest.raises(WireError):
        replace(RESULT, price_word=word)


@pytest.mark.parametrize("counts", [(), (1, 2), (1, 2, 3, 4), (True, 0, 0), (-1, 0, 0), (2**32, 0, 0), [4, 0, 0], 3])
def test_bad_counts_of_verdicts(counts):
    with pytest.raises(WireError):
        replace(RESULT, verdict_counts=counts)


def test_bad_kinds_and_reasons():
    prefix = Outcome(PERIOD, 0, VOID).encode()[:-2]
    assert {Outcome.decode(prefix + bytes([2, reason])).content for reason in range(1, 8)} == set(map(Void, VoidReason))
    for end in (b"\x00", b"\x03", b"\x02\x00", b"\x02\x08", b"\x02", b"\x01" + bytes(79), b"\x02\x01\x00"):
        with pytest.raises(WireError):
            Outcome.decode(prefix + end)
