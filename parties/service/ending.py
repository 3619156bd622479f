"""The end of a round: outcomes gathered, or the round signed void; the public record. State `signed`, and void."""

import asyncio
from dataclasses import replace

from mpc_market.wire.agreement import SetSignature
from mpc_market.wire.errors import WireError
from mpc_market.wire.identifiers import Stage
from mpc_market.wire.message import M, Signed, split_signed
from mpc_market.wire.opening import Opening, terms_of
from mpc_market.wire.outcome import Outcome, Result, Standing, Void, VoidReason, standing
from mpc_market.wire.record import GENESIS, Record, SetFacts
from parties.ledger import ContradictionError, Ledger, RecordRow, RoundRow
from parties.service.agreeing import Agreed, agreed_of, parts_of
from parties.service.board import Kind
from parties.service.life import Event
from parties.service.peers import UnreachableError
from parties.service.round import GivenUpError, Round, first_of, together

_ENDED = "ended"
"""Kind of message to oneself: when a round ended, ms since 1970."""

HEARSAY_SECONDS = 2.0
"""So often the outcome of a party is asked of others, which may have heard it, as long as it does not say it itself."""


async def confirm(current: Round) -> Event:
    """State `signed`: this party has signed the result, and waits for what the others have signed, as long as it
    takes.
    """
    own = await current.said(Kind.OUTCOME, Outcome)
    assert own is not None, "its state says so"
    try:
        outcomes = {current.party: own, **await outcomes_of_others(current)}
    except GivenUpError:
        return Event.VOIDED
    result = standing(outcomes, current.committee.parties) is Standing.RESULT
    return Event.RESULT_CONFIRMED if result else Event.VOIDED


async def outcomes_of_others(current: Round) -> dict[int, Outcome]:
    """What all others have signed, stored; waits as long as it takes.

    Raises: GivenUpError as soon as one has signed that there is no result, which is final; LedgerError.
    """

    async def hear(author: int) -> Outcome:
        said = current.hear(author, Kind.OUTCOME, Outcome, lambda _: None)
        outcome = await first_of(said, _hearsay(author, current))
        if isinstance(outcome.content, Void):
            raise GivenUpError(outcome.content.reason)
        return outcome

    heard = await together(*(hear(peer) for peer in current.others))
    return dict(zip(current.others, heard, strict=True))


async def _hearsay(author: int, current: Round) -> Outcome:
    """What others have gathered of a party that is away, or has forgotten it. It is signed, so it is believed."""
    while True:
        await asyncio.sleep(HEARSAY_SECONDS)
        for peer in current.others:
            try:
                data = None
                if peer != author:
                    data = await current.node.peers[peer].gathered(current.start, Kind.OUTCOME, author)
                if data is not None:
                    return await current.take(author, Kind.OUTCOME, Outcome, data)
            except UnreachableError:
                continue
            except WireError as error:
                current.bad_message(peer, Kind.OUTCOME, error)


async def sign_void(current: Round, reason: VoidReason) -> Event:
    """Sign that there is no result, unless something was signed before: then that stands.

    Raises: FencedError, LedgerError.
    """
    try:
        said = await current.say(Kind.OUTCOME, Outcome(current.period, current.party, Void(reason)))
    except ContradictionError:  # signed this very moment, by the step that was cancelled
        stored = await current.said(Kind.OUTCOME, Outcome)
        assert stored is not None, "that is what it contradicts"
        said = stored
    if isinstance(said.content, Result):
        return Event.RESULT_SIGNED
    current.node.metrics.voids.labels(said.content.reason.name.lower()).inc()
    current.log.warning("round signed void", reason=said.content.reason.name)
    return Event.VOIDED


async def note_end(current: Round) -> None:
    """Store when a closing ended, once: it may be long after its month, and its bills are kept from then on.

    Raises: LedgerError.
    """
    ledger, market, start, party = current.node.ledger, current.market, current.start, current.party
    if current.node.stage is Stage.CLOSING and await ledger.message(market, start, _ENDED, party) is None:
        await ledger.put_message(market, start, _ENDED, party, current.node.clock.now_ms().to_bytes(8, "little"))


async def ended_ms(ledger: Ledger, row: RoundRow, party: int) -> int:
    """When a closing ended; when it could have, if that was not stored."""
    data = await ledger.message(row.market, row.start, _ENDED, party)
    return row.opens_ms if data is None else int.from_bytes(data, "little")


# --- the public record ------------------------------------------------------------------------------------


async def append_record(current: Round) -> None:
    """Append the record of a round that has ended to the chain of its market, once. Raises: LedgerError."""
    record = await _record(current)

    def placed(last: RecordRow | None) -> RecordRow:
        sequence, previous = (0, GENESIS) if last is None else (last.sequence + 1, last.digest)
        made = replace(record, sequence=sequence, previous=previous)
        return RecordRow(current.market, sequence, current.start, previous, made.digest, made.encode())

    await current.node.ledger.append_record(current.market, current.start, placed)


async def _record(current: Round) -> Record:
    """The record from what this party has stored, as if it were the first; that of a result is complete."""
    openings = _fitting(current, await _stored(current, Kind.OPENING, Opening))
    signatures = await _stored(current, Kind.SET_SIGNATURE, SetSignature)
    agreed = await _agreed(current) if current.party in signatures else None
    parts = await parts_of(current) if agreed is not None else ()
    return Record(
        period=current.period,
        sequence=0,
        previous=GENESIS,
        openings=_listed(openings),
        agreed=None if agreed is None else _facts(agreed, signatures),
        parts=parts,
        outcomes=_listed(await _stored(current, Kind.OUTCOME, Outcome)),
    )


def _fitting(current: Round, openings: dict[int, Signed[Opening]]) -> dict[int, Signed[Opening]]:
    """The openings if they are for one and the same round; where parties opened it differently, this party's alone."""
    if len(openings) == current.committee.parties:
        try:
            terms_of({party: each.message for party, each in openings.items()}, len(openings))
        except WireError:
            return {current.party: openings[current.party]}
    return openings


async def _agreed(current: Round) -> Agreed:
    """The set that this party has signed: all lists that it follows from are stored."""
    return await agreed_of(current, await current.terms())


def _facts(agreed: Agreed, signatures: dict[int, Signed[SetSignature]]) -> SetFacts:
    same = {party: each for party, each in signatures.items() if each.message.set_digest == agreed.digest}
    return SetFacts(agreed.digest, agreed.set.count, agreed.tree.root, _listed(same))


async def _stored(current: Round, kind: Kind, message_type: type[M]) -> dict[int, Signed[M]]:
    """What is stored of all parties, by number."""
    board, found = current.node.board, {}
    for party in range(current.committee.parties):
        own = party == current.party
        data = await (board.own(current.start, kind) if own else board.of_peer(current.start, kind, party))
        if data is not None:
            found[party] = split_signed(message_type, data)
    return found


def _listed(signed: dict[int, Signed[M]]) -> tuple[Signed[M], ...]:
    return tuple(signed[party] for party in sorted(signed))
