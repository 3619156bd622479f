"""Drives one round through its life: in each state one step, and one event that comes of it (`life`).

Whatever happens, the state in the ledger is what counts. A step is stopped at any moment and begun again, now or after
a restart: what it had stored stays, what it had not is done again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from mpc_market.wire.outcome import Outcome, Standing, Void, VoidReason, standing
from parties.ledger import FencedError, LedgerError
from parties.service.agreeing import agree_on_set, reveal_parts
from parties.service.board import Kind
from parties.service.collecting import collect
from parties.service.computing import begin_attempt, compute
from parties.service.ending import append_record, confirm, note_end, outcomes_of_others, sign_void
from parties.service.life import BOUND_BY_DEADLINE, FINAL, Event, State, advance
from parties.service.opening import open_round
from parties.service.rejoining import rejoin
from parties.service.round import GivenUpError, Round, cancel_all, first_of

STEPS: dict[State, Callable[[Round], Awaitable[Event]]] = {
    State.OPENING: open_round,
    State.COLLECTING: collect,
    State.CLOSING: agree_on_set,
    State.AGREED: reveal_parts,
    State.SEEDED: begin_attempt,
    State.COMPUTING: compute,
    State.SIGNED: confirm,
}

REASONS = {
    State.OPENING: VoidReason.NOT_OPENED,
    State.COLLECTING: VoidReason.NOT_OPENED,
    State.CLOSING: VoidReason.NO_SET,
    State.AGREED: VoidReason.NO_RANDOMNESS,
    State.SEEDED: VoidReason.NOT_COMPUTED,
    State.COMPUTING: VoidReason.NOT_COMPUTED,
}
"""Why a round is void that is still in this state when its deadline passes."""

_STORAGE_PAUSE_SECONDS = 1.0


class Driver:
    """Drives one round at one party. `state` is what the ledger holds."""

    def __init__(self, current: Round, state: State) -> None:
        self.round = current
        self.state = state
        self.since_ms = current.node.clock.now_ms()
        """Since when the round has been in this state, as far as this process knows."""

    async def run(self) -> State:
        """Drive the round to its end. Trouble with storage is waited out: nothing is said that is not stored."""
        try:
            while self.state not in FINAL:
                try:
                    await self._take(await self._next_event())
                except FencedError:
                    await self._stand_aside()
                except LedgerError as error:
                    self.round.log.error("storage fails", state=self.state, reason=str(error))
                    await asyncio.sleep(_STORAGE_PAUSE_SECONDS)
        finally:
            self.round.following.close()
        return self.state

    async def _next_event(self) -> Event:
        """Do the step of this state."""
        if self.state not in BOUND_BY_DEADLINE:
            return await STEPS[self.state](self.round)
        signed = await self.round.said(Kind.OUTCOME, Outcome)
        if signed is not None:  # before a restart, which has come before the state was stored
            return Event.VOIDED if isinstance(signed.content, Void) else Event.RESULT_SIGNED
        try:
            return await self._before_deadline()
        except GivenUpError as error:
            return await sign_void(self.round, error.reason)

    async def _before_deadline(self) -> Event:
        """The step, or if the deadline passes: void. Raises: GivenUpError."""
        clock, opening = self.round.node.clock, self.state is State.OPENING
        deadline = self.round.opened_by if opening else self.round.deadline
        if clock.now_ms() >= deadline:
            raise GivenUpError(REASONS[self.state])
        step = asyncio.ensure_future(STEPS[self.state](self.round))
        expiry = asyncio.ensure_future(clock.until(deadline))
        try:
            await asyncio.wait({step, expiry}, return_when=asyncio.FIRST_COMPLETED)
            if step.done():
                return step.result()
            raise GivenUpError(REASONS[self.state])
        finally:
            await cancel_all((step, expiry))

    async def _take(self, event: Event) -> None:
        """The event has happened: what belongs to its state is stored, then the state."""
        current, after = self.round, advance(self.state, event)
        if after in FINAL:
            await append_record(current)
            await note_end(current)
        finished = after in FINAL
        await current.node.ledger.set_state(current.market, current.start, self.state, after, finished=finished)
        current.log.info("round", state=after.value, before=self.state.value, cause=event.value)
        self.state, self.since_ms = after, current.node.clock.now_ms()
        current.node.board.ring(current.start)
        if finished:
            late = current.node.clock.now_ms() - current.gate
            current.node.metrics.lateness.observe(max(late, 0) / 1000)
            current.node.metrics.rounds.labels(current.market, after.value).inc()

    async def _stand_aside(self) -> None:
        """The ledger was restored from a backup: this party may have signed something here that it has forgotten.

        It says nothing more in this round, unless nobody has heard anything of it there (`rejoining`): then the state
        stays, and the round goes on. Else the others come to an end without it, which is void, unless all of them have
        signed a result: then the round is lost here.
        """
        current = self.round
        current.log.error("standing aside: the ledger was restored", state=self.state)
        event = await first_of(self._end_of_others(), rejoin(current))
        if event is None:
            current.log.warning("taking part after all: nobody has heard anything of this party in this round")
            return
        after = advance(self.state, event)
        await current.node.ledger.set_state(current.market, current.start, self.state, after, finished=True)
        current.log.error("no part was taken: the ledger was restored", state=after, before=self.state)
        current.node.metrics.rounds.labels(current.market, after.value).inc()
        self.state = after

    async def _end_of_others(self) -> Event | None:
        """What becomes of the round without this party."""
        current = self.round
        with contextlib.suppress(GivenUpError):
            heard = await outcomes_of_others(current)
            if standing(heard, current.committee.parties) is not Standing.VOID:
                return Event.RESULT_FORGOTTEN
        return Event.VOIDED
