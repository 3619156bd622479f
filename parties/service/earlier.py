"""The earlier rounds of a market that a round rests on: how they have ended at this party, and what it holds of them.

A round is *lost* to a party that no longer has what it had of it: its ledger was restored from a backup made before the
end of the round, or what the round held was erased. That it has no rows then does not mean that nobody had an entry, so
nothing is computed on a lost round, and no closing of this party lists it.
"""

from mpc_market.wire.outcome import Outcome, Result, VoidReason
from parties.ledger import ResultRow, RoundRow
from parties.service.board import Kind, heard
from parties.service.following import last_begun
from parties.service.life import FINAL, State
from parties.service.lookup import terms_known
from parties.service.node import Node
from parties.service.round import GivenUpError, unsigned

_LOOK_SECONDS = 5.0

_OPENED = frozenset(State) - {State.OPENING, State.VOID, State.LOST}
"""States of a round that all parties have opened, on terms that this party has found good."""


async def until_final(node: Node, start: int) -> State:
    """Whether a round of this party has a result or is void, once it is over; void if it never began here.

    Raises: GivenUpError if it is lost: then what rests on it cannot be computed either.
    """
    while True:
        ringing = node.board.listen(start)
        state = await _ended(node, start, await node.ledger.round(node.market.id, start))
        if state is State.LOST:
            raise GivenUpError(VoidReason.NOT_COMPUTED)
        if state in FINAL:
            return state
        await heard(ringing, _LOOK_SECONDS)


async def until_said(node: Node, start: int) -> State:
    """As far as a round comes by this party alone: signed, void, lost, or more.

    It does not wait for the others: one that stands aside says nothing any more. What all parties have signed is a
    result, whoever has heard of it.
    """
    while True:
        ringing = node.board.listen(start)
        row = await node.ledger.round(node.market.id, start)
        state = await _ended(node, start, row)
        if state in FINAL:
            return state
        if row is not None and row.fenced:
            return State.LOST
        if state is State.SIGNED:
            return state
        await heard(ringing, _LOOK_SECONDS)


async def _ended(node: Node, start: int, row: RoundRow | None) -> State:
    """The state of a round, and lost where its rows cannot be relied on."""
    if row is None:  # it never began here, or it did and this ledger has forgotten that
        restored_ms = await node.ledger.restored_ms()
        forgotten = restored_ms is not None and node.schedule.opens(start) <= restored_ms
        return State.LOST if forgotten else State.VOID
    state = State(row.state)
    return State.LOST if state is State.RESULT and row.erased else state


async def lowest_roll(clearing: Node, before: int) -> int:
    """The version of the roll behind which no round goes back: that of the last clearing before a moment that all
    parties have opened, as far as this party knows; 0 if there is none.

    In its opening of that round every party has named this version or a newer one, signed: it has it, and names no
    older one later, unless its ledger was restored from a backup.
    """
    last = await clearing.ledger.last_start(clearing.market.id, before, _OPENED)
    terms = None if last is None else await terms_known(clearing, last)
    return 0 if terms is None else terms.roll_version


async def results_of(node: Node, start: int) -> list[ResultRow]:
    """The rows of the attempt that all parties have done."""
    _, attempt = await last_begun(node.ledger, node.market.id, start, node.party)
    return await node.ledger.results(node.market.id, start, attempt)


async def result_of(node: Node, start: int) -> Result:
    """The result that this party has signed of a round that has come that far."""
    data = await node.board.own(start, Kind.OUTCOME)
    assert data is not None, "its state says so"
    content = unsigned(Outcome, data).content
    assert isinstance(content, Result), "its state says so"
    return content


async def ending_of(node: Node, start: int) -> bytes:
    """How a round has ended, as `until_final`, for comparison: what all have signed of a result, nothing if it is void.

    Raises: GivenUpError.
    """
    if await until_final(node, start) is not State.RESULT:
        return b""
    result = await result_of(node, start)
    return result.set_digest + result.verdicts_digest + result.price_word.to_bytes(4, "little")
