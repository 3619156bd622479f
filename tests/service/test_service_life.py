"""The table of a round's life, entry by entry, and what follows from it."""

from itertools import product

import pytest

from parties.service.life import BOUND_BY_DEADLINE, FINAL, TABLE, Event, State, TransitionError, advance

EXPECTED = {
    # state: the state after each event, in the sequence of Event; "": an error
    # opened, gate closed, set signed, parts known, begun, failed, result signed, confirmed, voided, forgotten
    "opening": ["collecting", "", "", "", "", "", "", "", "void", "lost"],
    "collecting": ["", "closing", "", "", "", "", "", "", "void", "lost"],
    "closing": ["", "", "agreed", "", "", "", "", "", "void", "lost"],
    "agreed": ["", "", "", "seeded", "", "", "", "", "void", "lost"],
    "seeded": ["", "", "", "", "computing", "", "", "", "void", "lost"],
    "computing": ["", "", "", "", "", "seeded", "signed", "", "void", "lost"],
    "signed": ["", "", "", "", "", "", "", "result", "void", "lost"],
    "result": ["", "", "", "", "", "", "", "", "", ""],
    "void": ["", "", "", "", "", "", "", "", "", ""],
    "lost": ["", "", "", "", "", "", "", "", "", ""],
}


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_of_state_and_event(state, event):
    after = EXPECTED[state][list(Event).index(event)]
    if not after:
        with pytest.raises(TransitionError, match=f"a round that is {state} cannot take the event '{event}'") as error:
            advance(state, event)
        assert (error.value.state, error.value.event) == (state, event)
    else:
        assert advance(state, event) is State(after)


def test_the_expectation_is_complete():
    assert set(EXPECTED) == set(State)
    assert all(len(row) == len(Event) for row in EXPECTED.values())


def reached(state: State, without: frozenset[State] = frozenset()) -> set[State]:
    """All states that a round can come to."""
    found, waiting = set(), [state]
    while waiting:
        current = waiting.pop()
        for (before, _), after in TABLE.items():
            if before is current and after not in found | without:
                found.add(after)
                waiting.append(after)
    return found


def test_nothing_leads_out_of_the_end_and_the_end_can_always_be_reached():
    assert {state for state in State if not reached(state)} == FINAL
    for state in set(State) - FINAL:
        assert State.VOID in reached(state)
        assert State.RESULT in reached(state)


def test_what_was_done_is_not_done_again():
    """Only an attempt is repeated: no state but these two is ever entered twice."""
    assert {state for state in State if state in reached(state)} == {State.SEEDED, State.COMPUTING}


@pytest.mark.parametrize(
    ("gate", "behind"),
    [
        (State.AGREED, {State.SEEDED, State.COMPUTING, State.SIGNED, State.RESULT}),  # nothing revealed without a set
        (State.SEEDED, {State.COMPUTING, State.SIGNED, State.RESULT}),  # nothing computed without seeds
        (State.SIGNED, {State.RESULT}),
    ],
)
def test_no_way_leads_around_what_must_come_first(gate, behind):
    assert not reached(State.OPENING, frozenset({gate})) & behind


def test_the_deadline_binds_until_something_is_signed():
    assert set(State) - BOUND_BY_DEADLINE == set(FINAL) | {State.SIGNED}
    assert all((state, Event.VOIDED) in TABLE for state in BOUND_BY_DEADLINE)
