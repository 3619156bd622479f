"""What one process of a party has stored, told to its others with the commit: NOTIFY and LISTEN of PostgreSQL.

What is told is only which round it is about: what there is to know of it, who hears it reads from the ledger. Whoever
begins to listen reads everything first, and so does again who was cut off. SQLite has one process, and nobody listens.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from parties.ledger.errors import LedgerError
from parties.ledger.failures import reported

ROUNDS = "mpc_market_rounds"
"""Told by the owner: a round was created, has changed its state, or collects no more."""

SUBMISSIONS = "mpc_market_submissions"
"""Told by those beside the owner: something came in, and perhaps there is something to forward."""

SILENCE_S = 10.0
"""After a silence of this many seconds the server is asked whether it is still there."""

RoundKey = tuple[str, int]


async def tell(connection: AsyncConnection, channel: str, keys: Iterable[RoundKey]) -> None:
    """Tell who listens, once the transaction is committed."""
    if connection.dialect.name == "postgresql":
        for market, start in keys:
            await connection.execute(select(func.pg_notify(channel, f"{start} {market}")))


class News:
    """What is told on one channel, heard by a connection of its own."""

    def __init__(self, connection: Any, name: str) -> None:
        self._connection = connection
        self._name = name
        self._told: set[RoundKey] = set()
        self._bell = asyncio.Event()
        connection.add_termination_listener(lambda _: self._bell.set())

    async def listen(self, channel: str) -> None:
        """Hear what is told from now on. Raises: LedgerError."""
        with reported(self._name):
            await self._connection.add_listener(channel, self._hear)

    async def next(self, seconds: float = SILENCE_S) -> set[RoundKey]:
        """The rounds that were told of since the last call; none if nothing was for this many seconds.

        Raises: LedgerError if nothing can be heard any more.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            with reported(self._name):
                await self._connection.execute("SELECT 1", timeout=SILENCE_S)
        if self._connection.is_closed():
            raise LedgerError(f"ledger {self._name}: no connection to the server")
        self._bell.clear()
        told, self._told = self._told, set()
        return told

    def _hear(self, _connection: Any, _pid: int, _channel: str, text: str) -> None:
        start, _, market = text.partition(" ")
        self._told.add((market, int(start)))
        self._bell.set()
