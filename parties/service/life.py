"""The life of one round at one compute party: one table of (state, event) → state, and nothing else.

    opening ─ collecting ─ closing ─ agreed ─ seeded ⇄ computing ─ signed ─ result
        └─────────┴───────────┴────────┴───────┴─────────┴───────────┴───── void, lost

A state says what this party has stored; an event says what it has just stored more. What is not in the table is an
error. The driver (`driver`) does the work between two states and can be stopped and started again in each of them.
"""

from enum import StrEnum

from mpc_market.errors import MarketError


class State(StrEnum):
    """How far a round has come at this party."""

    OPENING = "opening"
    """It has a part of the randomness, and exchanges openings and part shares."""
    COLLECTING = "collecting"
    """All m openings and its share of every part are stored: the challenge is known, orders are taken."""
    CLOSING = "closing"
    """The gate is closed; no order comes in any more. The parties compare what they hold."""
    AGREED = "agreed"
    """The set is signed by all m parties. Only now are the parts of the randomness revealed."""
    SEEDED = "seeded"
    """All parts are known: ticket seed and check seed are fixed for good."""
    COMPUTING = "computing"
    """An attempt at the secure computation has begun."""
    SIGNED = "signed"
    """This party has signed the result. It will never sign anything else; the others' signatures are pending."""
    RESULT = "result"
    """All m parties have signed the result."""
    VOID = "void"
    """Some party has signed that there is no result."""
    LOST = "lost"
    """All others have signed a result, and this party's ledger was restored from a backup made before: it has no shares
    of the result, and never will.
    """


class Event(StrEnum):
    """What this party has just stored."""

    OPENED = "opened"
    """All m openings, and its share of every other party's part."""
    GATE_CLOSED = "gate closed"
    """That no more orders are taken; every order with a receipt is stored."""
    SET_SIGNED = "set signed"
    """The signatures of all m parties under one set."""
    PARTS_KNOWN = "parts known"
    """All m parts of the randomness, revealed or rebuilt."""
    ATTEMPT_BEGUN = "attempt begun"
    """The number of a new attempt."""
    ATTEMPT_FAILED = "attempt failed"
    """Nothing: the attempt is over, and its number is used up."""
    RESULT_SIGNED = "result signed"
    """Its own signature under the result, after all m parties had stored their shares of it."""
    RESULT_CONFIRMED = "result confirmed"
    """The signatures of all m parties under the result."""
    VOIDED = "voided"
    """A signature under void: its own if it had signed nothing yet, or another party's."""
    RESULT_FORGOTTEN = "result forgotten"
    """The signatures of all others under the result, in a round in which this party stands aside."""


class TransitionError(MarketError):
    """An event that the state does not provide for: a mistake of the program, never of a peer."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"a round that is {state} cannot take the event '{event}'")
        self.state = state
        self.event = event


TABLE: dict[tuple[State, Event], State] = {
    (State.OPENING, Event.OPENED): State.COLLECTING,
    (State.COLLECTING, Event.GATE_CLOSED): State.CLOSING,
    (State.CLOSING, Event.SET_SIGNED): State.AGREED,
    (State.AGREED, Event.PARTS_KNOWN): State.SEEDED,
    (State.SEEDED, Event.ATTEMPT_BEGUN): State.COMPUTING,
    (State.COMPUTING, Event.ATTEMPT_FAILED): State.SEEDED,
    (State.COMPUTING, Event.RESULT_SIGNED): State.SIGNED,
    (State.SIGNED, Event.RESULT_CONFIRMED): State.RESULT,
    (State.OPENING, Event.VOIDED): State.VOID,
    (State.COLLECTING, Event.VOIDED): State.VOID,
    (State.CLOSING, Event.VOIDED): State.VOID,
    (State.AGREED, Event.VOIDED): State.VOID,
    (State.SEEDED, Event.VOIDED): State.VOID,
    (State.COMPUTING, Event.VOIDED): State.VOID,
    (State.SIGNED, Event.VOIDED): State.VOID,
    (State.OPENING, Event.RESULT_FORGOTTEN): State.LOST,
    (State.COLLECTING, Event.RESULT_FORGOTTEN): State.LOST,
    (State.CLOSING, Event.RESULT_FORGOTTEN): State.LOST,
    (State.AGREED, Event.RESULT_FORGOTTEN): State.LOST,
    (State.SEEDED, Event.RESULT_FORGOTTEN): State.LOST,
    (State.COMPUTING, Event.RESULT_FORGOTTEN): State.LOST,
    (State.SIGNED, Event.RESULT_FORGOTTEN): State.LOST,
}

FINAL = frozenset({State.RESULT, State.VOID, State.LOST})
"""Nothing happens any more."""

BOUND_BY_DEADLINE = frozenset(State) - FINAL - {State.SIGNED}
"""This party has signed no outcome yet, so when the deadline passes it signs void. Once it has signed, it waits."""


def advance(state: State, event: Event) -> State:
    """The state after the event.

    Raises: TransitionError.
    """
    after = TABLE.get((state, event))
    if after is None:
        raise TransitionError(state, event)
    return after
