"""The result of a round for one meter: fetched from every party, verified, and said in one word.

What is checked: all m signatures on the outcome and the public record that it is part of (`rounds`); that this
submission was in the set that all m parties signed; that the shares of all m parties lie on one polynomial; 0 ≤ x ≤
v; and that x agrees with the price (`wire.reception`).
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from mpc_market.wire.claim import Claimant, make_claim
from mpc_market.wire.delivery import Delivery
from mpc_market.wire.errors import DeliveryError, WireError
from mpc_market.wire.message import Signed, read_signed
from mpc_market.wire.opening import Terms
from mpc_market.wire.outcome import Result
from mpc_market.wire.reception import Received, receive
from mpc_market.wire.verdicts import Verdict
from parties.client.api import RefusedError, UnreachableError
from parties.meter.market import Meter
from parties.meter.retry import pause_seconds
from parties.meter.rounds import Ended, Rounds
from parties.meter.store import Finding, Prepared

_ABSENT, _VOID = "nothing-here", "void"
_LONGEST_PAUSE = 60.0
_DISPUTED_MAX = 3


class State(StrEnum):
    """What a meter knows of its result."""

    VERIFIED = "verified"
    """All m parties have delivered, and every check holds."""
    UNVERIFIED = "unverified"
    """Fewer than m parties have delivered, or the public record could not be had: what can be checked holds."""
    DISPUTED = "disputed"
    """A check failed: the accepted quantity is not known, or not to be relied on."""
    INVALID = "invalid"
    """The parties' check of the shares excluded the submission: nothing was accepted."""
    NOT_IN_SET = "not in the set"
    """All parties say that no submission of this meter was agreed on: nothing was accepted."""
    VOID = "void"
    """The round has no result: nothing was traded."""


@dataclass
class Delivered:
    """What the parties answered so far, by party: deliveries, that they have nothing, that all is void, or what went
    wrong.
    """

    deliveries: dict[int, Signed[Delivery]] = field(default_factory=dict, repr=False)
    absent: set[int] = field(default_factory=set)
    void: set[int] = field(default_factory=set)
    troubles: dict[int, str] = field(default_factory=dict)


async def collect(meter: Meter, rounds: Rounds, start: int) -> Finding:
    """Wait for the outcome of a round, then for the own result from all parties; keep it, and what it rests on.

    A result of fewer than m parties is kept as unverified meanwhile, and the others are asked on: `rounds.patience_ms`
    long. Raises: NotKnownError if no outcome can be had; StoreError.
    """
    ended = await rounds.ended(start)
    if ended.result is None:
        return await _keep(meter, _without(start, ended, State.VOID))
    until_ms = rounds.market.rhythm.gate(start) + rounds.patience_ms
    terms = ended.terms or await rounds.terms(start, until_ms)
    delivered, attempt, disputed = Delivered(), 0, 0
    kept: Finding | None = None
    while True:
        await _ask_all(meter, rounds, terms, delivered)
        for party in sorted(delivered.void):
            ended = await rounds.ended_by(party, start, ended)
            if ended.result is None:
                return await _keep(meter, _without(start, ended, State.VOID))
        finding = await asyncio.to_thread(judge, meter, start, delivered, ended, terms)
        if finding != kept:
            kept = await _keep(meter, finding)
        disputed += finding.state == State.DISPUTED
        if finding.final or disputed == _DISPUTED_MAX or rounds.clock.now_ms() >= until_ms:
            return finding
        if finding.state == State.DISPUTED:
            delivered = Delivered()  # perhaps a fault that passes: ask them all once more
        attempt += 1
        await rounds.clock.pause(pause_seconds(attempt, longest=_LONGEST_PAUSE))


async def _ask_all(meter: Meter, rounds: Rounds, terms: Terms, delivered: Delivered) -> None:
    """Ask every party that has not delivered."""
    async with asyncio.TaskGroup() as group:
        for party in set(range(terms.parties)) - set(delivered.deliveries):
            group.create_task(_ask(party, meter, rounds, terms, delivered))


async def _ask(party: int, meter: Meter, rounds: Rounds, terms: Terms, delivered: Delivered) -> None:
    claim = make_claim(terms, party, Claimant.METER, meter.id, meter.home.identity)
    path = f"periods/{terms.period.start}/results/{quote(meter.id, safe='')}"
    delivered.absent.discard(party)
    delivered.void.discard(party)
    try:
        data = await rounds.api.get(party, path, claim=claim)
        committee = rounds.market.committee(terms.period.start)
        delivered.deliveries[party] = read_signed(Delivery, data, committee, terms.period, party)
        delivered.troubles.pop(party, None)
    except RefusedError as error:
        if error.problem == _ABSENT:
            delivered.absent.add(party)
        if error.problem == _VOID:
            delivered.void.add(party)
        delivered.troubles[party] = str(error)
    except UnreachableError as error:
        delivered.troubles[party] = str(error)
    except WireError as error:
        delivered.troubles[party] = f"party {party}: its answer is no delivery: {error}"


def judge(meter: Meter, start: int, delivered: Delivered, ended: Ended, terms: Terms) -> Finding:
    """What follows from what was delivered so far. Reads the store. Raises: StoreError."""
    assert ended.result is not None, "a void round delivers nothing"
    numbers = {signed.message.number for signed in delivered.deliveries.values()}
    if not numbers:
        everywhere = len(delivered.absent) == terms.parties
        state = State.NOT_IN_SET if everywhere else State.UNVERIFIED
        return _without(start, ended, state, _remark(delivered, ended), final=everywhere)
    prepared = meter.store.submission(start, min(numbers))
    evidence = _evidence(ended, delivered)
    try:
        received = _received(meter, prepared, delivered, ended.result, terms)
    except DeliveryError as error:
        remark = f"check of the {error.check} failed: {error}"
        return _finding(start, State.DISPUTED, ended.result, min(numbers), None, remark, evidence, final=False)
    except WireError as error:
        remark = _remark(delivered, ended) or str(error)
        return _finding(start, State.UNVERIFIED, ended.result, min(numbers), None, remark, evidence, final=False)
    final = received.verified and not ended.record_remark
    if received.verdict is not Verdict.VALID:
        state = State.INVALID if received.verified else State.UNVERIFIED
        remark = f"the parties found the submission not valid ({received.verdict.name.lower().replace('_', ' ')})"
        return _finding(start, state, ended.result, min(numbers), received, remark, evidence, final=final)
    state = State.VERIFIED if final else State.UNVERIFIED
    remark = _remark(delivered, ended)
    return _finding(start, state, ended.result, min(numbers), received, remark, evidence, final=final)


def _received(meter: Meter, prepared: Prepared | None, delivered: Delivered, result: Result, terms: Terms) -> Received:
    """Raises: DeliveryError; WireError if t or fewer parties have delivered."""
    if prepared is None:
        raise DeliveryError("context", "the parties deliver for a submission that is not in this meter's store")
    messages = {party: signed.message for party, signed in delivered.deliveries.items()}
    return receive(prepared.submission.header, prepared.orders, messages, result, terms, meter.home.sealing)


def _remark(delivered: Delivered, ended: Ended) -> str:
    """Why a result is not verified: what is missing, party by party."""
    troubles = [delivered.troubles[party] for party in sorted(delivered.troubles)]
    return "; ".join([ended.record_remark, *troubles] if ended.record_remark else troubles)


def _finding(
    start: int,
    state: State,
    result: Result | None,
    number: int | None,
    received: Received | None,
    remark: str,
    evidence: bytes,
    *,
    final: bool,
) -> Finding:
    return Finding(
        start=start,
        state=state.value,
        price=None if result is None else result.price,
        number=number,
        verdict=None if received is None else int(received.verdict),
        accepted=None if received is None else received.accepted,
        remark=remark,
        evidence=evidence,
        final=final,
    )


def _without(start: int, ended: Ended, state: State, remark: str = "", *, final: bool = True) -> Finding:
    """A finding without any delivery."""
    return _finding(start, state, ended.result, None, None, remark, _evidence(ended, Delivered()), final=final)


def _evidence(ended: Ended, delivered: Delivered) -> bytes:
    """The signed messages that a finding rests on: they convince an arbiter. What is sealed in them stays sealed."""
    messages: Mapping[str, list[str]] = {
        "outcomes": [signed.encode().hex() for signed in ended.outcomes],
        "deliveries": [delivered.deliveries[party].encode().hex() for party in sorted(delivered.deliveries)],
    }
    return json.dumps(messages).encode("ascii")


async def _keep(meter: Meter, finding: Finding) -> Finding:
    await asyncio.to_thread(meter.store.put_finding, finding)
    return finding
