"""Seals for other parties that came with a submission to this one are handed to their parties, as often as it takes."""

from typing import NoReturn

import structlog

from parties.ledger import Forward, LedgerError
from parties.service.board import Bell, heard
from parties.service.peers import UnreachableError
from parties.service.round import Pause, together
from parties.service.sites import Sites

_AT_ONCE = 64
_LOOK_SECONDS = 5.0

_ACCEPTED = range(200, 300)
_TRY_AGAIN = frozenset({408, 425, 429, 503})

_log = structlog.get_logger()


class Forwarding:
    """Hands over what the ledger holds for other parties, in all markets. `bell`: to be rung when there is more."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self.bell = Bell()

    async def run(self) -> None:
        """One task for each peer, until cancelled."""
        await together(*(self._serve(peer) for peer in self._sites.links.peers))

    async def _serve(self, peer: int) -> NoReturn:
        pause = Pause()
        while True:
            rung = self.bell.listen()
            try:
                finished = await self._hand_over_all(peer)
            except LedgerError as error:
                _log.error("storage fails", reason=str(error))
                finished = False
            if finished:
                pause = Pause()
                await heard(rung, _LOOK_SECONDS)
            else:
                await pause()

    async def _hand_over_all(self, peer: int) -> bool:
        """All that waits for a party, some at a time: what it does not take yet keeps nothing that came later from it.

        Whether nothing is left to be tried again. Raises: LedgerError.
        """
        ledger, finished, last = self._sites.ledger, True, 0
        while waiting := await ledger.pending_forwards(peer, _AT_ONCE, last):
            answers = await together(*(self._hand_over(forward) for forward in waiting))
            await ledger.forwards_done([forward.id for forward, done in zip(waiting, answers, strict=True) if done])
            if None in answers:
                return False
            finished, last = finished and all(answers), waiting[-1].id
        return finished

    async def _hand_over(self, forward: Forward) -> bool | None:
        """Whether the party has answered for good: it has taken it, or it never will. None: it cannot be reached."""
        site, metrics = self._sites.get(forward.market), self._sites.metrics
        if site is None or self._sites.clock.now_ms() >= site.node.schedule.gate(forward.start):
            metrics.forwarded.labels("late").inc()
            return True
        try:
            status = await site.node.peers[forward.party].forward(forward.start, forward.data)
        except UnreachableError:
            return None
        if status in _TRY_AGAIN:
            return False
        metrics.forwarded.labels("taken" if status in _ACCEPTED else "refused").inc()
        return True
