"""A party whose ledger was restored takes part all the same in a round in which nobody has heard anything of it.

A restored ledger has forgotten what its party has said since the backup, so the round is fenced (`parties.ledger`). Is
there nothing of the party's own in it, all others are asked what they hold of this party there. If that is nothing, the
round is fenced no more, and this party begins it. Else a month in whose closing it was only away could never be closed:
a closing has no deadline.

Nothing is said twice by that (parties.md, T10). A party's first word in a round is its opening. Who does not hold it
has not all openings, and deals no share of a part of the randomness; without a share of every part this party cannot
have come any further: it has given no receipt, listed nothing, signed no set, no verdicts, no outcome. One honest party
would be enough for that; all are asked. What may have been said is an opening that reached nobody, and belongs to no
round: the part of the randomness that it commits to is gone, and the next one is drawn anew. (Were it still on its way
while its receiver answers, the parties would hold different openings, and none would collect anything.)
"""

import asyncio

from parties.service.board import Kind
from parties.service.life import State
from parties.service.peers import UnreachableError
from parties.service.round import Pause, Round, together

_FIRST = (Kind.OPENING, Kind.OUTCOME)
"""One of them stands before everything else that a party says to another."""


async def rejoin(current: Round) -> None:
    """Returns when this party may take part, which is stored then; else never. Raises: LedgerError."""
    ledger = current.node.ledger
    said = await ledger.has_said(current.market, current.start)
    if not said and not any(await together(*(_heard_by(peer, current) for peer in current.others))):
        # Later it may have signed that there is no result.
        in_time = current.node.clock.now_ms() < current.opened_by
        if in_time and await ledger.unfence(current.market, current.start, State.OPENING):
            return
    current.aside = True
    current.node.board.ring(current.start)
    await asyncio.Event().wait()


async def _heard_by(peer: int, current: Round) -> bool:
    """Whether a peer holds anything of this party; asks until it can say so."""
    pause = Pause()
    while True:
        try:
            asked = current.node.peers[peer]
            held = [await asked.gathered(current.start, kind, current.party) for kind in _FIRST]
            return any(each is not None for each in held)
        except UnreachableError:
            await pause()
