"""Computing a round: attempts until one is done at all parties. States `seeded` and `computing`.

    seeded      input gathered ─ the number of a new attempt, stored
    computing   its turn ─ worker ─ attempt offered ─ all m offer the same ─ verdicts agreed and stored
                ─ shares of the result stored, done ─ all m done with the same result ─ signed

An attempt that fails anywhere is over for this party: it begins another one, with a fresh worker and fresh keys, and
the others follow (`attempts` says why that is safe). Verdicts that all parties have stored are reused by all. If only
some have, all check once more, with the same coefficients and fresh masks: nobody signs verdicts on another's word.
The input is gathered before the first attempt is begun: it may take minutes, at one party longer than at another, and
no worker waits for it.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from mpc_market.wire.errors import WireError
from mpc_market.wire.outcome import Outcome, Result, VoidReason
from mpc_market.wire.verdicts import Verdict, Verdicts, verdict_counts, verdicts_digest
from parties.service.agreeing import agreed_of
from parties.service.board import Kind
from parties.service.business import Compute, Finished, Given
from parties.service.following import last_begun, stored_done
from parties.service.life import Event
from parties.service.round import GivenUpError, Round, first_of
from parties.service.workers import AttemptError, Way, Worker

_T = TypeVar("_T")

SHORT_ATTEMPT_SECONDS = 15.0
"""An attempt may always take this long, if the deadline allows it."""

LONG_ATTEMPT_SECONDS = 3600.0
"""None takes longer, however far the deadline is."""


async def begin_attempt(current: Round) -> Event:
    """State `seeded`. Run by every party. Raises: GivenUpError; LedgerError."""
    if current.compute is None:
        given = await _given(current)
        current.compute = await _following(current, current.node.business.prepare(current, given))
    number = await current.following.begin()
    current.log.info("attempt begun", attempt=number)
    return Event.ATTEMPT_BEGUN


async def compute(current: Round) -> Event:
    """State `computing`. Run by every party.

    Raises: GivenUpError if the parties come to different verdicts or results: that can never become a result.
    """
    given = await _given(current)
    event = await _following(current, _computed(current, given))
    if event is not Event.ATTEMPT_FAILED:
        current.compute = None
    return event


async def _following(current: Round, work: Coroutine[Any, Any, _T]) -> _T:
    """Do this, and follow the others meanwhile: whatever it waits for, an earlier round too, this party hears of it if
    they have signed that there is no result. Raises: GivenUpError.
    """
    return await first_of(work, *(current.following.follow(peer) for peer in current.others))


async def _given(current: Round) -> Given:
    terms = await current.terms()
    enrolled = await current.enrolled(terms)
    assert enrolled is not None, "a round is opened with its roll"
    return Given(terms, enrolled, await agreed_of(current, terms))


async def _computed(current: Round, given: Given) -> Event:
    nothing = await current.node.business.nothing_to_compute(current, given)
    if nothing is None:
        return await _attempt(current, given)
    codes, price_word = nothing
    await current.say(Kind.VERDICTS, Verdicts(current.period, current.party, given.agreed.digest, codes))
    return await _sign(current, _result(given, codes, price_word))


async def _attempt(current: Round, given: Given) -> Event:
    node = current.node
    _, number = await last_begun(node.ledger, current.market, current.start, current.party)
    async with AsyncExitStack() as stack:
        done = await stored_done(node.ledger, current.market, current.start, current.party, number)
        if done is not None and done.done is not None:  # before a restart: the worker is gone, the shares are there
            result = done.done
            await current.following.done(number, result)
        elif current.following.begun != number:
            return Event.ATTEMPT_FAILED
        else:
            run = current.compute
            assert run is not None, "it is gathered before this process begins an attempt"
            try:
                following = current.following
                await first_of(following.until_turn(number), following.until_overtaken(number))
                async with node.pool.place(current.deadline):
                    worker = await following.fresh_worker()
                    # It is ended after all are done: the peers' workers may still need its connections.
                    stack.push_async_callback(_end, worker)
                    result = await _try(current, given, number, worker, run)
            except AttemptError as error:
                current.log.warning("attempt failed", attempt=number, reason=str(error))
                node.metrics.attempts.labels("failed").inc()
                return Event.ATTEMPT_FAILED
        return await _until_all_done(current, number, result)


async def _end(worker: Worker) -> None:
    await asyncio.shield(worker.end())


async def _try(current: Round, given: Given, number: int, worker: Worker, run: Compute) -> Result:
    """One attempt up to the point where this party is done with it. Raises: AttemptError; GivenUpError; LedgerError."""
    following = current.following
    known = await current.said(Kind.VERDICTS, Verdicts)
    following.offer(number, worker.address, None if known is None else known.digest)
    others, tokens, told = await first_of(following.until_offered(number), following.until_overtaken(number))
    addresses = [*others[: current.party], worker.address, *others[current.party :]]
    # The same at all parties: each told so when it offered this attempt.
    settled = known if all(progress.verdicts is not None for progress in told.values()) else None

    async def work() -> Finished:
        if settled is not None:
            await _agree_on_verdicts(current, given, settled.codes)
        verdicts = None if settled is None else settled.codes
        way = Way(addresses, tokens, _attempt_seconds(current))
        return await run(worker, way, verdicts, on_verdicts)

    async def on_verdicts(codes: bytes) -> None:
        await _agree_on_verdicts(current, given, tuple(map(Verdict, codes)))

    try:
        async with asyncio.timeout(_attempt_seconds(current)):
            finished = await first_of(work(), following.until_overtaken(number))
    except TimeoutError:
        raise AttemptError("the computation stalls") from None
    return await _store(current, given, number, finished)


def _attempt_seconds(current: Round) -> float:
    """How long an attempt may take: half of what is left before the deadline, so that there is time for another."""
    left = max(current.deadline - current.node.clock.now_ms(), 0) / 1000
    return min(max(left / 2, min(left, SHORT_ATTEMPT_SECONDS)), LONG_ATTEMPT_SECONDS)


# --- verdicts ---------------------------------------------------------------------------------------------


async def _agree_on_verdicts(current: Round, given: Given, codes: tuple[Verdict, ...]) -> None:
    """Say the verdicts, once and for all, and wait until all parties have said the same: then they are settled.

    A party that has said others in an earlier attempt says those again: what the check finds follows from the stored
    shares and the round's coefficients, so it never differs between attempts while the parties follow the protocol.
    Raises: GivenUpError.
    """
    mine = Verdicts(current.period, current.party, given.agreed.digest, codes)
    said = {current.party: await current.say(Kind.VERDICTS, mine)}
    for peer in current.others:
        said[peer] = await _hear(current, given, peer)
    if any(each.digest != mine.digest for each in said.values()):
        raise GivenUpError(VoidReason.DIFFERENT_VERDICTS)


async def _hear(current: Round, given: Given, peer: int) -> Verdicts:
    return await current.hear(peer, Kind.VERDICTS, Verdicts, lambda message: _check_verdicts(message, given))


def _check_verdicts(message: Verdicts, given: Given) -> None:
    if message.set_digest != given.agreed.digest or len(message.codes) != len(given.agreed.set.members):
        raise WireError(f"verdicts of party {message.party} on another set")


# --- what comes out ---------------------------------------------------------------------------------------


async def _store(current: Round, given: Given, number: int, finished: Finished) -> Result:
    """Store this party's shares of the result, then that it is done. Raises: AttemptError, LedgerError."""
    node = current.node
    await node.ledger.put_results(current.market, current.start, number, finished.rows, finished.totals)
    result = _result(given, tuple(map(Verdict, finished.verdicts)), finished.price_word)
    await current.following.done(number, result)
    if any(result.verdict_counts[1:]):
        current.log.warning(
            "submissions excluded", off_polynomial=result.verdict_counts[1], no_order=result.verdict_counts[2]
        )
    node.metrics.attempts.labels("done").inc()
    effort = finished.effort
    node.metrics.traffic.inc(effort.bytes_sent)
    for stage, seconds in effort.stage_seconds.items():
        node.metrics.stages.labels(stage).observe(seconds)
    current.log.info("attempt done", attempt=number, members=given.agreed.set.count, stages=effort.stage_seconds)
    return result


def _result(given: Given, codes: tuple[Verdict, ...], price_word: int) -> Result:
    """What all parties sign if they have computed the same."""
    digest = verdicts_digest(given.agreed.digest, codes)
    return Result(given.agreed.digest, digest, verdict_counts(codes), price_word)


# --- the end of it ----------------------------------------------------------------------------------------


async def _until_all_done(current: Round, number: int, result: Result) -> Event:
    """Wait until all parties are done with this attempt, and sign; or until another one is begun.

    Raises: GivenUpError if another party has another result.
    """
    following = current.following
    while True:
        change = following.changed.listen()
        if following.overtaken(number):
            return Event.ATTEMPT_FAILED
        told = following.all_at(number)
        if told is not None and all(progress.done is not None for progress in told.values()):
            break
        await change.wait()
    if any(progress.done != result for progress in told.values()):
        raise GivenUpError(VoidReason.DIFFERENT_RESULTS)
    await current.node.ledger.keep_results(current.market, current.start, number)
    return await _sign(current, result)


async def _sign(current: Round, result: Result) -> Event:
    """Sign the result, durably, unless this party has signed void before."""
    said = await current.say(Kind.OUTCOME, Outcome(current.period, current.party, result))
    return Event.RESULT_SIGNED if said.content == result else Event.VOIDED
