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
                waiting = await self._sites.ledger.pending_forwards(peer, _AT_ONCE)
                answers = await together(*(self._hand_over(forward) for forward in waiting))
                done = [forward.id for forward, answered in zip(waiting, answers, strict=True) if answered]
                await self._sites.ledger.forwards_done(done)
            except LedgerError as error:
                _log.error("storage fails", reason=str(error))
                await pause()
                continue
            if not waiting:
                await heard(rung, _LOOK_SECONDS)
            if len(done) < len(waiting):
                await pause()
            else:
                pause = Pause()

    async def _hand_over(self, forward: Forward) -> bool:
        """Whether the party has answered for good: it has taken it, or it never will."""
        site, metrics = self._sites.get(forward.market), self._sites.metrics
        if site is None or self._sites.clock.now_ms() >= site.node.schedule.gate(forward.start):
            metrics.forwarded.labels("late").inc()
            return True
        try:
            status = await site.node.peers[forward.party].forward(forward.start, forward.data)
        except UnreachableError:
            return False
        if status in _TRY_AGAIN:
            return False
        metrics.forwarded.labels("taken" if status in _ACCEPTED else "refused").inc()
        return True
