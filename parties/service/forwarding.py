"""Seals for other parties that came with a submission to this one are handed to their parties, as often as it takes."""

from typing import NoReturn

import structlog

from parties.ledger import Forward, LedgerError
from parties.service.board import Bell, heard
from parties.service.node import Node
from parties.service.peers import UnreachableError
from parties.service.round import Pause, together

_AT_ONCE = 64
_LOOK_SECONDS = 5.0

_ACCEPTED = range(200, 300)
_TRY_AGAIN = frozenset({408, 425, 429, 503})

_log = structlog.get_logger()


class Forwarding:
    """Hands over what the ledger holds for other parties. `bell`: to be rung when there is more."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.bell = Bell()

    async def run(self) -> None:
        """One task for each peer, until cancelled."""
        await together(*(self._serve(peer) for peer in self._node.peers))

    async def _serve(self, peer: int) -> NoReturn:
        pause = Pause()
        while True:
            rung = self.bell.listen()
            try:
                waiting = await self._node.ledger.pending_forwards(peer, _AT_ONCE)
                answers = await together(*(self._hand_over(forward) for forward in waiting))
                done = [forward.id for forward, answered in zip(waiting, answers, strict=True) if answered]
                await self._node.ledger.forwards_done(done)
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
        node = self._node
        if node.clock.now_ms() >= node.schedule.gate(forward.start):
            node.metrics.forwarded.labels("late").inc()
            return True
        try:
            status = await node.peers[forward.party].forward(forward.start, forward.data)
        except UnreachableError:
            return False
        if status in _TRY_AGAIN:
            return False
        node.metrics.forwarded.labels("taken" if status in _ACCEPTED else "refused").inc()
        return True
