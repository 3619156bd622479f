"""What this party publishes in its rounds, and what it has gathered of the others: the ledger, and a bell.

Everything that is exchanged between parties is pulled: each stores what it says before it is served, serves it as long
as the round is kept, and says it once (the ledger refuses other bytes). Whoever is restarted asks again.
"""

import asyncio
import contextlib
from enum import StrEnum
from weakref import WeakValueDictionary

from parties.ledger import Ledger


class Kind(StrEnum):
    """What the parties say to each other in a round, by its name in the control API."""

    OPENING = "opening"
    PART_SHARE = "part-share"
    """One for each holder; the asking party gets its own."""
    HELD = "held"
    SHOWN_HEADERS = "shown-headers"
    """Only of a round in which the lists of what is held differ in a number of a meter."""
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
        self._listened: WeakValueDictionary[int, asyncio.Event] = WeakValueDictionary()
        self.ending = False
        """The service ends: whoever waits is answered with what there is."""

    def listen(self, start: int) -> asyncio.Event:
        """An event of the next ring (see `Bell`), which is kept only as long as somebody holds it: anybody may ask for
        whatever round.
        """
        event = self._listened.get(start)
        if event is None:
            event = self._listened[start] = asyncio.Event()
        return event

    def ring(self, start: int) -> None:
        """This party has published something in the round, or the round has changed its state."""
        event = self._listened.pop(start, None)
        if event is not None:
            event.set()

    def close(self) -> None:
        """The service ends."""
        self.ending = True
        for start in list(self._listened):
            self.ring(start)

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
        self.ring(start)

    async def of_peer(self, start: int, kind: Kind, peer: int) -> bytes | None:
        """What has been gathered of a peer before."""
        return await self._ledger.message(self._market, start, kind, peer)

    async def keep(self, start: int, kind: Kind, peer: int, data: bytes) -> None:
        """Store what a peer has said; its signature is checked. Raises: LedgerError."""
        await self._ledger.put_message(self._market, start, kind, peer, data)
