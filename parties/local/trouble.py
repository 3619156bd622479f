"""Who is to blame when a run has failed: what the parties report, and what is seen of their processes."""

import asyncio
import contextlib
from collections import Counter

from mpc_market.errors import HearsayError, MarketError, PeerError

GATHER_SECONDS = 1.0
"""How long after the first sign of trouble the others may still add what they have seen."""


class Trouble:
    """Collects the signs of trouble of one run of m parties."""

    def __init__(self, parties: int) -> None:
        self._parties = parties
        self._reports: dict[int, MarketError] = {}
        self._exits: dict[int, str] = {}
        self.begun = asyncio.Event()
        self._everyone = asyncio.Event()

    def reported(self, party: int, error: MarketError) -> None:
        """A party has reported why it gave up."""
        self._reports.setdefault(party, error)
        self._note()

    def ended(self, party: int, how: str) -> None:
        """A party's process has ended although nobody asked it to."""
        self._exits.setdefault(party, how)
        self._note()

    async def verdict(self) -> MarketError:
        """The error that ends the run, once everyone has spoken or had the time to."""
        await self.begun.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._everyone.wait(), GATHER_SECONDS)
        return self.judge()

    def judge(self) -> MarketError:
        """The best evidence so far.

        A process that ended without a word is to blame for what followed; then come peers blamed by those who
        saw it (the one blamed most, or first), then parties that gave up by themselves, then hearsay.
        """
        for party, how in self._exits.items():
            if party not in self._reports:
                return PeerError(party, how)
        errors = list(self._reports.values())
        seen = [e for e in errors if isinstance(e, PeerError) and not isinstance(e, HearsayError)]
        if seen:
            blamed = Counter(error.party for error in seen).most_common(1)[0][0]
            return next(error for error in seen if error.party == blamed)
        own = [error for error in errors if not isinstance(error, PeerError)]
        return (own or errors)[0]

    def _note(self) -> None:
        self.begun.set()
        if len(self._reports.keys() | self._exits.keys()) == self._parties:
            self._everyone.set()
