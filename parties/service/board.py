"""What this party publishes in its rounds, and what it has gathered of the others: the ledger, and a bell.

Everything that is exchanged between parties is pulled: each stores what it says before it is served, serves it as long
as the round is kept, and says it once (the ledger refuses other bytes). Whoever is restarted asks again.
"""

import asyncio
import contextlib
from collections import defaultdict
from enum import StrEnum

from parties.ledger import Ledger


class Kind(StrEnum):
    """What the parties say to each other in a round, by its name in the control API."""

    OPENING = "opening"
    PART_SHARE = "part-share"
    """One for each holder; the asking party gets its own."""
    HELD = "held"
    SET_SIGNATURE = "set-signature"
    REVEAL = "reveal"
    REVEALED_SHARES = "revealed-shares"
    VERDICTS = "verdicts"
    OUTCOME = "outcome"


class Bell:
    """Wakes all who wait for something to change; nothing is lost if nobody waits."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ring(self) -> None:
        """Something has changed."""
        self._next.set()
        self._next = asyncio.Event()

    def listen(self) -> asyncio.Event:
        """An event of the next ring: take it BEFORE looking at what may change."""
        return self._next


async def heard(event: asyncio.Event, seconds: float) -> bool:
    """Wait for a ring, at most this many seconds; whether there was one."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class Board:
    """The messages of one market's rounds at this party."""

    def __init__(self, ledger: Ledger, market: str, party: int) -> None:
        self._ledger = ledger
        self._market = market
        self._party = party
        self._bells: defaultdict[int, Bell] = defaultdict(Bell)
        self.ending = False
        """The service ends: whoever waits is answered with what there is."""

    def bell(self, start: int) -> Bell:
        """Rings whenever this party has published something in the round, or the round has changed its state."""
        return self._bells[start]

    def close(self) -> None:
        """The service ends."""
        self.ending = True
        for bell in self._bells.values():
            bell.ring()
        for bell in self._bells.values():
            bell.ring()

    def forget(self, start: int) -> None:
        """The round is over; whoever still waits is woken."""
        self._bells.pop(start, Bell()).ring()

    async def own(self, start: int, kind: Kind) -> bytes | None:
        """What this party has published, if it has."""
        if kind is Kind.OUTCOME:
            return await self._ledger.outcome(self._market, start)
        return await self._ledger.message(self._market, start, kind, self._party)

    async def publish(self, start: int, kind: Kind, data: bytes) -> None:
        """Store what this party says, once and for all, then let the others have it.

        Raises: ContradictionError if it has said something else; FencedError; LedgerError.
        """
        if kind is Kind.OUTCOME:
            await self._ledger.put_outcome(self._market, start, data)
        else:
            await self._ledger.put_message(self._market, start, kind, self._party, data)
        self._bells[start].ring()

    async def of_peer(self, start: int, kind: Kind, peer: int) -> bytes | None:
        """What has been gathered of a peer before."""
        return await self._ledger.message(self._market, start, kind, peer)

    async def keep(self, start: int, kind: Kind, peer: int, data: bytes) -> None:
        """Store what a peer has said; its signature is checked. Raises: LedgerError."""
        await self._ledger.put_message(self._market, start, kind, peer, data)
